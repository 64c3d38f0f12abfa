"""Losses of the adversarial game."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .critic import Judgement

LEAST_MOVE = 1e-3  # latents nearer than this say nothing about how far sounds should lie apart


def critic_loss(real: Judgement, fakes: list[Judgement]) -> Tensor:
    """Hinge: recordings above 1, made sounds below -1; every kind of made sound has the same say.

    Source: Lim, Ye 2017, "Geometric GAN", eq. 10.
    """
    loss = torch.stack([functional.relu(1.0 - part).mean() for part in real.scores()]).sum()
    for fake in fakes:
        loss = loss + torch.stack([functional.relu(1.0 + part).mean() for part in fake.scores()]).sum() / len(fakes)
    return loss


def fooled_loss(fakes: list[Judgement]) -> Tensor:
    """What the generator lowers: its sounds' scores, negated."""
    return -torch.stack([part.mean() for fake in fakes for part in fake.scores()]).sum()


def matching_loss(fake: Judgement, real: Judgement) -> Tensor:
    """How differently a critic's layers see a sound and its reconstruction.

    Source: Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric", eq. 7.
    """
    pairs = zip(fake.seen, real.seen, strict=True)
    return torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()


def crowding_loss(sounds: tuple[Tensor, Tensor], latents: tuple[Tensor, Tensor]) -> Tensor:
    """Inverse of how far two sounds [batch, ...] lie apart for the distance of their latents [batch, size].

    Source: Mao et al. 2019, "Mode seeking generative adversarial networks", eq. 4.
    """
    apart = (sounds[0] - sounds[1]).abs().flatten(1).mean(1)
    moved = (latents[0] - latents[1]).abs().mean(1)
    return (1.0 / (apart / (moved + LEAST_MOVE) + 1e-2)).mean()
