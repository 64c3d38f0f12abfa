"""From a note's sound to its latent by steps downhill on its own frames, whatever an encoder finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..note_data import RenderedNote
from ..spectrum import GATE_DB, HOP, SAMPLE_RATE, log_frames
from .axes import Space
from .training import soft_gate
from .trunk import NoteTrunk

REFINE_STEPS = 60
REFINE_RATE = 0.05
REFINE_FRAMES = 40
PRIOR_WEIGHT = 0.01


class NoteDistance:
    """How far what a decoder draws lies from notes' own frames, as a function of the latent [1, 16].

    Mean over up to REFINE_FRAMES frames a note, the first twelve always among them, of the root mean square over bins
    in dB, levels under the gate counting as the gate.
    """

    def __init__(self, decoder: NoteTrunk, notes: list[RenderedNote]) -> None:
        self.decoder = decoder
        self.columns, targets = _frames(notes)
        self.targets = torch.clamp(targets, min=GATE_DB)

    def __call__(self, latent: Tensor) -> Tensor:
        """The distance in dB, a scalar."""
        pitch, velocity, on, off = self.columns.split(1, dim=1)
        predicted = self.decoder(latent.expand(len(self.columns), -1), pitch, velocity, (on, off))
        error = soft_gate(predicted) - self.targets
        return error.pow(2).mean(1).add(1e-3).sqrt().mean()


def descend(loss: Callable[[Tensor], Tensor], latent: Tensor, steps: int) -> Tensor:
    """A latent [1, 16] after so many steps downhill on `loss(latent)`, by Adam (Kingma & Ba 2015)."""
    z = latent.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([z], REFINE_RATE)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(z).backward()
        optimiser.step()
    return z.detach()


def refine(decoder: NoteTrunk, space: Space, latent: np.ndarray, notes: list[RenderedNote]) -> np.ndarray:
    """Move a latent [16] downhill on the distance to the notes' own frames, a weak prior keeping it near 0.

    What the decoder can do for a sound, whatever the encoder finds: a bound, not a part of the encoder.
    """
    distance = NoteDistance(decoder, notes)
    scale = torch.tensor(np.linalg.inv(space.rotation), dtype=torch.float32)
    mean = torch.tensor(space.mean, dtype=torch.float32)

    def loss(z: Tensor) -> Tensor:
        return distance(z) + PRIOR_WEIGHT * ((z - mean) @ scale).pow(2).sum()

    start = torch.tensor(latent[None], dtype=torch.float32)
    return descend(loss, start, REFINE_STEPS).numpy()[0]


def _frames(notes: list[RenderedNote]) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    columns, targets = [], []
    for note in notes:
        last, off = len(note.audio) // HOP - 4, note.hold_s * SAMPLE_RATE / HOP
        later = rng.choice(np.arange(12, last), min(REFINE_FRAMES - 12, last - 12), replace=False)
        n = np.concatenate([np.arange(12), np.sort(later)])
        on_s, off_s = n * HOP / SAMPLE_RATE, np.where(n >= off, (n - off) * HOP / SAMPLE_RATE, -1.0)
        columns.append(np.stack([np.full(len(n), note.pitch), np.full(len(n), note.velocity), on_s, off_s], axis=1))
        targets.append(log_frames(note.audio, n * HOP))
    return torch.tensor(np.concatenate(columns), dtype=torch.float32), torch.tensor(np.concatenate(targets))
