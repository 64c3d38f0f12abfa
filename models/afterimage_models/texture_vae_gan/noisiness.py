"""How much of a texture is noise, cell by cell: how far levels jump within half a window, as a share of a noise's jump.

What neighbouring bands do together is the envelope, not noise; so partials and swells count as clean.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spectrum import GATE_DB
from .frames import BANDS, HOP, N_FFT
from .grain import grain_table

APART = N_FFT // HOP // 2
NEIGHBOURS, FRAMES_AROUND, BANDS_AROUND = 9, 17, 9
AUDIBLE_DB = 10.0  # above the gate
CLEAN_SHARE, NOISE_SHARE, CURVE = 0.3, 0.9, 1.5  # as measured for the drums


def _over(x: Tensor, frames: int, bands: int) -> Tensor:
    padded = functional.pad(x.unsqueeze(1), (bands // 2, bands // 2, frames // 2, frames // 2), mode="replicate")
    return functional.avg_pool2d(padded, (frames, bands), 1).squeeze(1)


def _jumps(level: Tensor) -> Tensor:
    """Size in dB [batch, frames, bands] of what is not straight over time; the ends repeat their neighbours."""
    audible = (level > GATE_DB + AUDIBLE_DB).float()
    inner = level[:, APART:-APART]
    jump = (inner - 0.5 * (level[:, : -2 * APART] + level[:, 2 * APART :])) * audible[:, APART:-APART]
    left = (jump - _over(jump, 1, NEIGHBOURS)).abs()
    around = functional.pad(left.transpose(1, 2), (APART, APART), mode="replicate").transpose(1, 2)
    return around * audible


class Noisiness(nn.Module):
    """Share of a noise's unevenness in mel frames."""

    def __init__(self) -> None:
        super().__init__()
        own = _jumps(torch.from_numpy(grain_table())[None] - 40.0)
        self.register_buffer("of_noise", own.mean((0, 1)).view(1, 1, BANDS), persistent=False)

    def forward(self, level: Tensor) -> Tensor:
        """`level`: [batch, frames, BANDS] in dB. Returns 0 to 1, of the same shape."""
        share = _over(_jumps(level), FRAMES_AROUND, BANDS_AROUND) / _over(self.of_noise, 1, BANDS_AROUND)
        return ((share - CLEAN_SHARE) / (NOISE_SHARE - CLEAN_SHARE)).clamp(0.0, 1.0) ** CURVE
