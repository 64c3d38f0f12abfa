"""Fine-tunes the keys VAE on few sounds without losing the rest of its knob space."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..keys_vae.encoding import load_networks
from ..keys_vae.training import Trainer
from ..pitched.axes import Space
from ..pitched.note_set import Batch, NoteSet
from ..pitched.pack import PLAY_RANGE
from ..pitched.render import render_db
from ..pitched.training import Settings, choose_bins, frame_loss
from ..pitched.trunk import LAST_OFF_S, LAST_ON_S, LATENT

REHEARSED_FRAMES, REHEARSAL_WEIGHT = 192, 0.5
RELEASED_SHARE = 0.35
FIRST_S = 0.004  # times are drawn evenly in octaves from here
MINUTES_A_SOUND, MIN_MINUTES, MAX_MINUTES = 0.5, 2.0, 30.0


def minutes_for(sounds: int) -> float:
    """Minutes of training on one core by the number of sounds: 2 for the least, 30 for 60 and more."""
    return min(max(MINUTES_A_SOUND * sounds, MIN_MINUTES), MAX_MINUTES)


def settings_for(minutes: float, rate: float) -> Settings:
    """Smaller batches than the shipped model's; most notes encoded from others of their timbre, as presets are."""
    return Settings(
        minutes=minutes, learning_rate=rate, notes_a_batch=48, own_share=0.3, warm_up_steps=30, report_s=15.0
    )  # fmt: skip


class OwnTrainer(Trainer):
    """Trains on the user's notes, and rehearses what the shipped decoder says elsewhere in the space.

    Without that, a few sounds overwrite all others, and the knobs lose what they are named after.
    Source: Robins 1995, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal", sec. 5.
    """

    def __init__(self, notes: NoteSet, settings: Settings, checkpoint: Path, shipped: Path, space: Space) -> None:
        super().__init__(notes, settings, checkpoint)
        # Compiling takes a good part of such a run's minutes, and a C++ compiler that users need not have.
        self.loss, self.decoder.draw = frame_loss, render_db
        self.shipped_decoder = load_networks(shipped)[1].requires_grad_(False)
        self.rotation = torch.tensor(space.rotation, dtype=torch.float32)
        self.mean = torch.tensor(space.mean, dtype=torch.float32)

    def start_from(self, checkpoint: Path) -> None:
        """Take the shipped networks with steps counted from 0, so that the running averages soon forget them."""
        self._load(checkpoint)

    def objective(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The distance of the user's frames, and of the rehearsed ones."""
        loss, shown = super().objective(batch)
        rehearsed = self.rehearsal()
        return loss + REHEARSAL_WEIGHT * rehearsed, shown | {"rehearsal": rehearsed.item()}

    def rehearsal(self) -> Tensor:
        """Distance from the shipped decoder at random knobs, notes and times."""

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand((REHEARSED_FRAMES, 1), generator=self.generator)

        knobs = torch.randn((REHEARSED_FRAMES, LATENT), generator=self.generator)
        latent = knobs @ self.rotation + self.mean
        pitch, velocity = uniform(PLAY_RANGE[0], PLAY_RANGE[1]), uniform(0.0, 1.0)
        on_s = FIRST_S * (LAST_ON_S / FIRST_S) ** uniform(0.0, 1.0) - FIRST_S
        off_s = on_s * uniform(0.0, 1.0).clamp(max=LAST_OFF_S)
        off_s = torch.where(uniform(0.0, 1.0) < RELEASED_SHARE, off_s, -1.0)
        bins, weight = choose_bins(self.generator)
        with torch.no_grad():
            known = self.shipped_decoder(latent, pitch, velocity, (on_s, off_s), bins)
        predicted = self.decoder(latent, pitch, velocity, (on_s, off_s), bins)
        return frame_loss(predicted, known, weight, self.settings.loud_weight)
