"""From a note's sound to its latent by steps downhill on its own frames, whatever an encoder finds."""

from __future__ import annotations

import numpy as np
import torch

from ..note_data import RenderedNote
from ..spectrum import GATE_DB, HOP, SAMPLE_RATE, log_frames
from .axes import Space
from .training import soft_gate
from .trunk import NoteTrunk

REFINE_STEPS = 60
REFINE_RATE = 0.05
REFINE_FRAMES = 40
PRIOR_WEIGHT = 0.01


def refine(
    decoder: NoteTrunk, space: Space, latent: np.ndarray, notes: list[RenderedNote], steps: int = REFINE_STEPS
) -> np.ndarray:
    """Move a latent [16] downhill on the distance to the notes' own frames, a weak prior keeping it near 0.

    What the decoder can do for a sound, whatever the encoder finds: a bound, not a part of the encoder.
    """
    columns, targets = _frames(notes)
    scale = torch.tensor(np.linalg.inv(space.rotation), dtype=torch.float32)
    mean = torch.tensor(space.mean, dtype=torch.float32)
    z = torch.tensor(latent[None], dtype=torch.float32, requires_grad=True)
    optimiser = torch.optim.Adam([z], REFINE_RATE)
    pitch, velocity, on, off = columns.split(1, dim=1)
    for _ in range(steps):
        predicted = decoder(z.expand(len(columns), -1), pitch, velocity, (on, off))
        error = soft_gate(predicted) - torch.clamp(targets, min=GATE_DB)
        knobs = (z - mean) @ scale
        loss = error.pow(2).mean(1).add(1e-3).sqrt().mean() + PRIOR_WEIGHT * knobs.pow(2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return z.detach().numpy()[0]


def _frames(notes: list[RenderedNote]) -> tuple[torch.Tensor, torch.Tensor]:
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
