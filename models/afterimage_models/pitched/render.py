"""Partials and noise bands to log-amplitude bins, as differentiable and exportable tensor operations.

A partial is drawn as the Hann window's main lobe at its exact fractional bin, so pitch stays exact for any
fractional note, and the trunk need only predict quantities that are smooth over partial number and frequency.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..spectrum import BINS, N_FFT, SAMPLE_RATE

MAX_PARTIAL = 440  # of note 33 up to 24 kHz
SINGLE_PARTIALS = 48  # predicted one by one; the ones above are interpolated between log-spaced anchors
ANCHORS_PER_OCTAVE = 6
NOISE_BANDS = 96
NOISE_CORNER = 200.0
TILT_BANDS = 40
HZ_PER_BIN = SAMPLE_RATE / N_FFT
# The Hann main lobe in dB is a d^2 + b d^4 to within 1.5 dB up to 1.75 bins; exact at 0, 1 and 1.5.
LOBE_SQUARE_DB, LOBE_FOURTH_DB = -5.359, -0.661
SIDE_LOBE_POWER = 1.0 / math.pi**2  # asymptote of the side lobes' envelope: (1 / (pi d^3))^2
SIDE_LOBE_OFFSET = 1.5
DB_TO_NEPER = math.log(10.0) / 10.0
TINY_POWER = 1e-11
GROWTH_PARTIALS = 16.0
FIRM_PARTIALS = 4.0


def anchor_partials() -> np.ndarray:
    """Partial numbers whose levels are predicted: 1..48, then six an octave up to MAX_PARTIAL."""
    octaves = math.log2(MAX_PARTIAL / SINGLE_PARTIALS)
    count = math.ceil(octaves * ANCHORS_PER_OCTAVE)
    upper = SINGLE_PARTIALS * 2.0 ** (np.arange(1, count + 1) * octaves / count)
    return np.concatenate([np.arange(1, SINGLE_PARTIALS + 1), upper])


def interpolation_matrix(anchors: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Linear interpolation as a matrix [anchors, points]; constant outside."""
    rows = [np.interp(points, anchors, one) for one in np.eye(len(anchors))]
    return np.stack(rows).astype(np.float32)


def partial_matrix() -> np.ndarray:
    """[anchors, MAX_PARTIAL + 2]: levels at anchors to levels at partial 0 (unused), 1..441."""
    return interpolation_matrix(anchor_partials(), np.arange(MAX_PARTIAL + 2, dtype=float))


def noise_centres() -> np.ndarray:
    """Bins at which the noise envelope is predicted: 4 apart at the bottom, 23 at the top.

    Closer than a partial's lobe is wide, and the noise would draw the training keys' partials, off their place for
    the keys between.
    """
    warped = np.linspace(0.0, np.log1p((BINS - 1) / NOISE_CORNER), NOISE_BANDS)
    return NOISE_CORNER * np.expm1(warped)


def noise_matrix() -> np.ndarray:
    """[NOISE_BANDS, BINS]: envelope at band centres to every bin."""
    return interpolation_matrix(noise_centres(), np.arange(BINS, dtype=float))


def tilt_matrix() -> np.ndarray:
    """[TILT_BANDS, BINS]: a curve too smooth to draw a partial, at centres 4 bins apart and wider.

    Bins between the training keys' partials never hold one; a finer residual would learn that and bend other notes.
    """
    warped = np.linspace(0.0, np.log1p((BINS - 1) / 48.0), TILT_BANDS)
    return interpolation_matrix(48.0 * np.expm1(warped), np.arange(BINS, dtype=float))


def spacing_bins(pitch: Tensor) -> Tensor:
    """Fundamental in bins of a fractional MIDI note, any shape."""
    constant = math.log(440.0 / HZ_PER_BIN) - 69.0 * math.log(2.0) / 12.0
    return torch.exp(pitch * (math.log(2.0) / 12.0) + constant)


def partial_position(order: Tensor, spacing: Tensor, inharmonicity: Tensor) -> Tensor:
    """Place in bins of partial `order`: F k sqrt((1 + B k^2) / (1 + B)), so that partial 1 stays on F.

    Source: Fletcher 1964, "Normal vibration frequencies of a stiff piano string", eq. 9.
    """
    return spacing * order * torch.sqrt((1.0 + inharmonicity * order * order) / (1.0 + inharmonicity))


def partial_number(bins: Tensor, spacing: Tensor, inharmonicity: Tensor) -> Tensor:
    """Continuous inverse of `partial_position`, in a form that stays exact as B goes to 0."""
    x = bins / spacing
    one = 1.0 + inharmonicity
    root = torch.sqrt(1.0 + 4.0 * inharmonicity * one * x * x)
    return x * torch.sqrt(2.0 * one / (1.0 + root))


def lobe_power(distance: Tensor, width: Tensor, skirt: Tensor) -> Tensor:
    """Power of a partial `distance` bins from its place, 1 at the place.

    `width`: 1 for a steady partial, more for one that moves. `skirt`: power of the 6 dB/octave skirt that a
    jump inside the window (an attack, a cut) leaves.
    """
    square = (distance / width) ** 2
    main = torch.exp(DB_TO_NEPER * square * (LOBE_SQUARE_DB + LOBE_FOURTH_DB * square))
    true_square = distance * distance
    side = SIDE_LOBE_POWER / (true_square + SIDE_LOBE_OFFSET) ** 3
    return main + side + skirt / (1.0 + true_square)


def render_db(
    bins: Tensor, pitch: Tensor, partial_db: Tensor, noise_db: Tensor, shape: tuple[Tensor, Tensor, Tensor, Tensor]
) -> Tensor:
    """Log-amplitude of `bins` in dB.

    `bins`: [n], or [batch, n] where each row has its own; fractional ones too. `pitch`: [batch, 1] MIDI.
    `partial_db`: [batch, MAX_PARTIAL + 2]. `noise_db`: [batch, n]. `shape`: inharmonicity, width, width's growth per
    16 partials (vibrato and ensembles spread high partials more), skirt power, each [batch, 1]. Returns [batch, n].
    """
    bins = bins[None, :] if bins.dim() == 1 else bins
    inharmonicity, width, growth, skirt = shape
    spacing = spacing_bins(pitch)
    below = torch.floor(partial_number(bins, spacing, inharmonicity).detach())
    below = torch.clamp(below, 0.0, float(MAX_PARTIAL))
    above = below + 1.0
    power_table = torch.exp(DB_TO_NEPER * partial_db)
    power_below = torch.gather(power_table, 1, below.long()) * (below > 0.5).float()
    power_above = torch.gather(power_table, 1, above.long())
    distance_below = bins - partial_position(below, spacing, inharmonicity)
    distance_above = bins - partial_position(above, spacing, inharmonicity)
    growth = growth / GROWTH_PARTIALS
    # The first partials stay narrow and thin: an inverse reads a note's pitch off them.
    skirt_below, skirt_above = (skirt * order / (order + FIRM_PARTIALS) for order in (below, above))
    total = power_below * lobe_power(distance_below, width + growth * torch.clamp(below - 1.0, min=0.0), skirt_below)
    total = total + power_above * lobe_power(distance_above, width + growth * (above - 1.0), skirt_above)
    total = total + torch.exp(DB_TO_NEPER * noise_db)
    return torch.log(total + TINY_POWER) / DB_TO_NEPER
