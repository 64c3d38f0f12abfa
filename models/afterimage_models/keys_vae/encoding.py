"""From a note's sound to its latent: the encoder's first guess, its corrections, or steps downhill on every frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..note_data import RenderedNote
from ..note_summary import summarise
from ..spectrum import GATE_DB, HOP, SAMPLE_RATE, log_frames
from .axes import Space
from .iterated import IteratedEncoder
from .network import Decoder, Encoder
from .training import soft_gate

REFINE_STEPS = 60
REFINE_RATE = 0.05
REFINE_FRAMES = 40
PRIOR_WEIGHT = 0.01


def load_networks(checkpoint: Path) -> tuple[Encoder, Decoder]:
    """The running averages of a training run, ready to use."""
    saved = torch.load(checkpoint, weights_only=True)
    encoder, decoder = Encoder(), Decoder()
    encoder.load_state_dict(saved["average_encoder"])
    decoder.load_state_dict(saved["average_decoder"])
    return encoder.eval(), decoder.eval()


def load_encoder(checkpoint: Path, corrections: Path) -> IteratedEncoder:
    """The whole encoder, with the decoder that it listens to."""
    iterated = IteratedEncoder(*load_networks(checkpoint))
    iterated.take_corrections(torch.load(corrections, weights_only=True))
    return iterated.eval()


def summary_of(note: RenderedNote) -> torch.Tensor:
    """Summary [1, SIZE] of one note."""
    return torch.from_numpy(summarise(note.audio, note.pitch, note.velocity, note.hold_s))[None]


def encode_note(encoder: IteratedEncoder, note: RenderedNote) -> np.ndarray:
    """Latent [16] of one note."""
    return encoder(summary_of(note))[0].numpy()


def first_guess(encoder: Encoder, note: RenderedNote) -> np.ndarray:
    """Posterior mean [16] of one note, before any correction."""
    with torch.no_grad():
        return encoder(summary_of(note))[0][0].numpy()


def refine(
    decoder: Decoder, space: Space, latent: np.ndarray, notes: list[RenderedNote], steps: int = REFINE_STEPS
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
