"""Partials and noise bands to log-amplitude bins, as the plugin draws a harmonic-noise frame, differentiable.

The twin of `reference/harmonic_noise.py`, which gives the same for notes whose partials lie four bins and more apart;
below, the side lobes of all but a bin's two nearest partials are left out, 31 dB down and lower.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..pitched.render import DB_TO_NEPER, MAX_PARTIAL, TINY_POWER, partial_number, partial_position, spacing_bins
from ..reference.harmonic_noise import REACH_BINS

NOT_ONE = 1e-3  # closer to 1 than this, the lobe's quotient is taken here instead


def lobe_power(distance: Tensor) -> Tensor:
    """Power of the Hann window's transform `distance` bins from its peak, 1 there, 0 from REACH_BINS on."""
    away = distance.abs()
    away = torch.where((away - 1.0).abs() < NOT_ONE, torch.full_like(away, 1.0 + NOT_ONE), away)
    angle = math.pi * away.clamp(min=1e-4)
    lobe = torch.sin(angle) / (angle * (1.0 - away * away))
    return torch.where(away < REACH_BINS, lobe * lobe, 0.0)


def draw_db(bins: Tensor, pitch: Tensor, partial_db: Tensor, noise_power: Tensor, inharmonicity: Tensor) -> Tensor:
    """Log-amplitude [batch, n] of `bins` [n] in dB.

    `pitch`, `inharmonicity`: [batch, 1]. `partial_db`: [batch, MAX_PARTIAL + 2], the first unused. `noise_power`:
    [batch, n], already spread over the bins.
    """
    bins = bins[None, :]
    spacing = spacing_bins(pitch)
    below = torch.floor(partial_number(bins, spacing, inharmonicity).detach())
    below = torch.clamp(below, 0.0, float(MAX_PARTIAL))
    above = below + 1.0
    powers = torch.exp(DB_TO_NEPER * partial_db)
    power_below = torch.gather(powers, 1, below.long()) * (below > 0.5).float()
    power_above = torch.gather(powers, 1, above.long())
    total = power_below * lobe_power(bins - partial_position(below, spacing, inharmonicity))
    total = total + power_above * lobe_power(bins - partial_position(above, spacing, inharmonicity))
    return torch.log(total + noise_power + TINY_POWER) / DB_TO_NEPER
