"""Fine-tunes the texture VAE-GAN on few recordings without losing the rest of its knob space."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..own_drums.training import WARM_UP_STEPS
from ..texture_vae_gan.data import TextureSet
from ..texture_vae_gan.network import soft_gate
from ..texture_vae_gan.training import ERROR_DB, Settings, Trainer

REHEARSED, REHEARSAL_WEIGHT = 12, 0.6
BATCH = 12
NO_CRITICS = 1.0  # a step with them takes ten times as long as one without, and minutes are few
RATE = 3e-4
MINUTES_A_SECOND, MIN_MINUTES, MAX_MINUTES = 0.04, 3.0, 15.0


def minutes_for(seconds: float) -> float:
    """Minutes of training on one core by the seconds of texture: 3 for the least, 15 for 375 s and more."""
    return min(max(MINUTES_A_SECOND * seconds, MIN_MINUTES), MAX_MINUTES)


class OwnTrainer(Trainer):
    """Trains on the user's textures, and rehearses what the shipped decoder says elsewhere in the space.

    Source: Robins 1995, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal", sec. 5.
    """

    def __init__(self, textures: TextureSet, minutes: float, checkpoint: Path, shipped: Path) -> None:
        settings = Settings(seconds=60.0 * minutes, first_share=NO_CRITICS, batch=BATCH, learning_rate=RATE)
        super().__init__(textures, settings, checkpoint, torch.device("cpu"))
        self.clock.warm_up_steps = WARM_UP_STEPS
        self.load(shipped, with_clock=False)
        self.shipped_decoder = copy.deepcopy(self.average_decoder).requires_grad_(False)
        if checkpoint.exists():
            self.load(checkpoint, with_clock=True)

    def _follow_moments(self, latent: Tensor) -> None:
        """The knob space stays the shipped one, whose axes have names."""

    def objective(self, level: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The distance of the user's textures, and of the rehearsed ones."""
        loss, shown = super().objective(level)
        rehearsed = self.rehearsal()
        return loss + REHEARSAL_WEIGHT * rehearsed, shown | {"rehearsal": rehearsed}

    def rehearsal(self) -> Tensor:
        """Distance from the shipped decoder at random latents and paths."""
        latent, paths = self.random_latents(REHEARSED), self.free_paths(REHEARSED)
        with torch.no_grad():
            known, known_noise = self.shipped_decoder(latent, paths)
        level, noisy = self.decoder(latent, paths)
        error = functional.smooth_l1_loss(soft_gate(level) / ERROR_DB, soft_gate(known) / ERROR_DB, beta=0.25)
        return error + self.settings.noisiness_weight * functional.mse_loss(noisy, known_noise)
