"""A decoder as the plugin takes it: knob units in, frames out, manifest inside the ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..exporting.graph import export_graph
from .leveller import Leveller
from .trunk import LATENT, NoteTrunk

INPUTS = ("latent", "pitch", "velocity", "time_on", "time_off")


class PackDecoder(nn.Module):
    """Knobs [batch, 16] in standard deviations of the rotated aggregate posterior -> frame [batch, values]."""

    def __init__(self, decoder: NoteTrunk, leveller: Leveller, rotation: np.ndarray, mean: np.ndarray) -> None:
        super().__init__()
        self.decoder, self.leveller = decoder, leveller
        self.register_buffer("rotation", torch.tensor(rotation, dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))

    def forward(self, latent: Tensor, pitch: Tensor, velocity: Tensor, time_on: Tensor, time_off: Tensor) -> Tensor:
        """All but `latent` are [batch, 1]: MIDI note, 0..1, seconds, seconds (-1 while held)."""
        inner = latent @ self.rotation + self.mean
        return self.decoder.frame(inner, pitch, velocity, (time_on, time_off), self.leveller(latent))


def export_decoder(pack: PackDecoder, path: Path) -> None:
    """Write the decoder's graph."""
    ones = torch.ones(4, 1)
    example = (torch.zeros(4, LATENT), 60.0 * ones, 0.8 * ones, 0.1 * ones, -ones)
    export_graph(pack, example, INPUTS, ("frame",), path)
