"""From a note's sound to its latent: the encoder's first guess, its corrections, and a last look at every frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..note_data import RenderedNote
from ..note_summary import summarise
from ..pitched.bins_decoder import BinsDecoder
from ..pitched.note_set import NoteSet
from ..pitched.refine import NoteDistance, descend
from ..pitched.steps import load_averages
from .iterated import IteratedEncoder
from .network import Encoder
from .training import encode

LAST_STEPS = 8  # each costs two evaluations of 40 frames


def load_networks(checkpoint: Path) -> tuple[Encoder, BinsDecoder]:
    """The running averages of a training run, ready to use."""
    encoder, decoder = Encoder(), BinsDecoder()
    load_averages(checkpoint, encoder, decoder)
    return encoder, decoder


@torch.no_grad()
def posterior(encoder: Encoder, notes: NoteSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and variances [rows, 16] of notes encoded from themselves."""
    mean, log_variance = encode(encoder, torch.from_numpy(notes.summary[rows]).unsqueeze(1))
    return mean.numpy(), log_variance.exp().numpy()


def load_encoder(checkpoint: Path, corrections: Path) -> IteratedEncoder:
    """The whole encoder, with the decoder that it listens to."""
    iterated = IteratedEncoder(*load_networks(checkpoint))
    iterated.take_corrections(torch.load(corrections, weights_only=True))
    return iterated.eval()


def summary_of(note: RenderedNote) -> torch.Tensor:
    """Summary [1, SIZE] of one note."""
    return torch.from_numpy(summarise(note.audio, note.pitch, note.velocity, note.hold_s))[None]


def encode_note(encoder: IteratedEncoder, note: RenderedNote) -> np.ndarray:
    """Latent [16] of one note, by synthesis.

    Corrections go by the summary, which holds 14 moments, and now and then lead away from the note. So its own frames
    choose among the guess and the corrected ones, and a few steps downhill on them follow.
    """
    distance = NoteDistance(encoder.decoder, [note])
    with torch.no_grad():
        nearest = min(encoder.iterates(summary_of(note)), key=lambda latent: float(distance(latent)))
    return descend(distance, nearest, LAST_STEPS)[0].numpy()


def corrected(encoder: IteratedEncoder, note: RenderedNote) -> np.ndarray:
    """Latent [16] of one note after all corrections, its frames not looked at."""
    return encoder(summary_of(note))[0].numpy()


def first_guess(encoder: Encoder, note: RenderedNote) -> np.ndarray:
    """Posterior mean [16] of one note, before any correction."""
    with torch.no_grad():
        return encoder(summary_of(note))[0][0].numpy()
