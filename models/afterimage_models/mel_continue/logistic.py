"""Likelihood of values on a grid under mixtures of logistic distributions.

Source: Salimans et al. 2017, "PixelCNN++", sec. 2.1; the mixtures here are over whole groups of bands, so that a
component is one way in which all of them move together (an onset, or none).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .layout import FLOOR_DB, STEP_DB

LEAST_SCALE_DB = 0.15
MOST_SCALE_DB = 40.0


class Mixture(NamedTuple):
    """`weight`: [..., M] logits; `mean`, `scale`: [..., M, bands] in dB. M components over all the bands together."""

    weight: Tensor
    mean: Tensor
    scale: Tensor


def log_mass(value: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Log probability of the grid's step around `value`; at the floor, of all that lies below too.

    A step's mass is sigmoid(z + h) - sigmoid(z - h) = sigmoid(z + h) sigmoid(h - z) (1 - exp(-2 h)).
    """
    half = 0.5 * STEP_DB / scale
    z = (value - mean) / scale
    below = -softplus(-z - half)
    inside = below - softplus(z - half) + torch.log(-torch.expm1(-2.0 * half))
    return torch.where(value <= FLOOR_DB + 0.5 * STEP_DB, below, inside)


def joint_nats(value: Tensor, mixture: Mixture) -> Tensor:
    """[...] nats of `value` [..., bands] where one component holds for all of its bands."""
    each = log_mass(value.unsqueeze(-2), mixture.mean, mixture.scale).sum(-1)
    return -torch.logsumexp(torch.log_softmax(mixture.weight, -1) + each, -1)


def band_nats(value: Tensor, mixture: Mixture) -> Tensor:
    """[...] nats where every band draws its own component: `weight` [..., M, bands]."""
    each = log_mass(value.unsqueeze(-2), mixture.mean, mixture.scale)
    return -torch.logsumexp(torch.log_softmax(mixture.weight, -2) + each, -2).sum(-1)


def joint_draw(mixture: Mixture, generator: torch.Generator | None = None) -> Tensor:
    """[..., bands] drawn: a component, then each band about its mean."""
    shape = mixture.weight.shape[:-1]
    chance = torch.softmax(mixture.weight, -1).flatten(0, -2)
    chosen = torch.multinomial(chance, 1, generator=generator).view(*shape, 1, 1)
    chosen = chosen.expand(*shape, 1, mixture.mean.shape[-1])
    mean, scale = (t.gather(-2, chosen).squeeze(-2) for t in (mixture.mean, mixture.scale))
    uniform = torch.rand(mean.shape, device=mean.device, generator=generator).clamp(1e-4, 1.0 - 1e-4)
    return mean + scale * torch.logit(uniform)
