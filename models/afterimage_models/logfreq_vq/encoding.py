"""From notes to latents with a trained encoder, from the pack's frames to bins, and the encoder's own graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..note_data import RenderedNote
from ..pitched.axes import Space
from ..pitched.export import export_graph
from ..pitched.steps import load_averages
from ..reference.bands import BandInverse
from ..spectrum import FLOOR_DB, GATE_DB
from .bands import BANDS, bank
from .network import TIMES, Decoder, Encoder
from .note_stacks import BandNoteSet, seen_of
from .quantiser import Quantiser
from .training import encode

REFINE_STEPS = 2  # as many non-negative steps as the plugin takes


def load_networks(checkpoint: Path) -> tuple[Encoder, Decoder]:
    """The running averages of a training run."""
    encoder, decoder = Encoder(), Decoder()
    load_averages(checkpoint, encoder, decoder)
    return encoder, decoder


@torch.no_grad()
def encode_rows(encoder: Encoder, notes: BandNoteSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Latents [rows, 16], not quantised, of notes encoded from themselves, and their variance: none."""
    parts = np.array_split(rows, len(rows) // 512 + 1)
    found = np.concatenate(
        [encode(encoder, torch.from_numpy(notes.seen(part[:, None], None))).numpy() for part in parts]
    )
    return found, np.zeros_like(found)


@torch.no_grad()
def encode_note(encoder: Encoder, note: RenderedNote) -> np.ndarray:
    """Latent [16] of one note, not quantised."""
    return encoder(*(torch.from_numpy(part) for part in seen_of(note)))[0].numpy()


class BandsToBins:
    """Frames [n, BANDS] to bins [n, BINS] in dB, as the plugin finds them."""

    def __init__(self) -> None:
        self.inverse = BandInverse(bank().astype(np.float64), power=1)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Silent under the gate."""
        amplitudes = np.where(frames < GATE_DB, 0.0, 10.0 ** (frames.astype(np.float64) / 20.0))
        levels = 20.0 * np.log10(self.inverse.apply(amplitudes, REFINE_STEPS) + 1e-12)
        return np.where(levels < GATE_DB, FLOOR_DB, levels).astype(np.float32)


class EncodeGraph(nn.Module):
    """A note's frames, pitch and velocity -> knobs [batch, 16] and codes [batch, GROUPS]."""

    def __init__(self, encoder: Encoder, quantiser: Quantiser, space: Space) -> None:
        super().__init__()
        self.encoder, self.quantiser = encoder, quantiser
        self.register_buffer("to_knobs", torch.tensor(np.linalg.inv(space.rotation), dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(space.mean, dtype=torch.float32))

    def forward(self, frame: Tensor, pitch: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
        """`frame`: [batch, TIMES, BANDS] dB. The knobs stand on the codes, so that decoding chooses them again."""
        latent = self.encoder(frame, pitch, velocity)
        tokens = self.quantiser.tokens(latent)
        return (self.quantiser.looked_up(tokens) - self.mean) @ self.to_knobs, tokens


def export_encoder(graph: EncodeGraph, path: Path) -> None:
    """Write the encoder's graph."""
    ones = torch.ones(2, 1)
    example = (torch.full((2, TIMES, BANDS), -60.0), 60.0 * ones, 0.8 * ones)
    export_graph(graph, example, ("frame", "pitch", "velocity"), ("latent", "token"), path)
