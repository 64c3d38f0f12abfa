"""From notes to latents with a trained encoder, and from the pack's frames to bins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..note_data import RenderedNote
from ..note_summary import summarise
from ..pitched.note_set import NoteSet
from ..pitched.render import DB_TO_NEPER
from ..pitched.steps import load_averages
from ..spectrum import BINS, GATE_DB
from .draw import draw_db
from .network import HEADER, PARTIALS, Decoder, Encoder, noise_shares


def load_networks(checkpoint: Path) -> tuple[Encoder, Decoder]:
    """The running averages of a training run."""
    encoder, decoder = Encoder(), Decoder()
    load_averages(checkpoint, encoder, decoder)
    return encoder, decoder


@torch.no_grad()
def encode_rows(encoder: Encoder, notes: NoteSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes [rows, 16] of notes encoded from themselves, and their variance: none."""
    codes = encoder(torch.from_numpy(notes.summary[rows])).numpy()
    return codes, np.zeros_like(codes)


@torch.no_grad()
def encode_note(encoder: Encoder, note: RenderedNote) -> np.ndarray:
    """Code [16] of one note."""
    summary = summarise(note.audio, note.pitch, note.velocity, note.hold_s)
    return encoder(torch.from_numpy(summary)[None])[0].numpy()


@torch.no_grad()
def to_bins(frames: np.ndarray) -> np.ndarray:
    """Frames [n, VALUES] to bins [n, BINS] in dB, as the plugin draws them."""
    values = torch.from_numpy(frames)
    f0_hz, stretch, levels = values[:, :1], values[:, 1:HEADER], values[:, HEADER:]
    pitch = 69.0 + 12.0 * torch.log2(f0_hz * torch.sqrt(1.0 + stretch) / 440.0)
    levels = torch.where(levels < GATE_DB, -300.0, levels)
    silence = torch.full_like(f0_hz, -300.0)  # partial 0, and the one past the last
    partial_db = torch.cat([silence, levels[:, :PARTIALS], silence], dim=1)
    noise_power = torch.exp(DB_TO_NEPER * levels[:, PARTIALS:]) @ torch.from_numpy(noise_shares())
    return draw_db(torch.arange(BINS, dtype=torch.float32), pitch, partial_db, noise_power, stretch).numpy()
