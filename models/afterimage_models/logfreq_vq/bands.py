"""The logarithmic frequency axis of the model: bands, and the combs of them that single training steps look at."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..reference.bands import log_frequency_bank
from ..spectrum import BINS, GATE_DB, N_FFT, SAMPLE_RATE

PER_OCTAVE = 48  # there and back a real note's frames come within 1.3 dB; with 24 within 2.1, with 60 within 1.1
BANDS = 470
F_MIN = 26.0  # the lowest key's fundamental lies an octave above
F_MAX = F_MIN * 2.0 ** ((BANDS - 1) / PER_OCTAVE)
BIN_HZ = SAMPLE_RATE / N_FFT
# Above this band a triangle spans more than a bin to each side, and drawing it costs more than one bin.
COMBS, TEETH = 7, 25
DENSE_BANDS = BANDS - COMBS * TEETH
AMPLITUDE_NEPER = math.log(10.0) / 20.0
TINY = 10.0 ** (GATE_DB / 20.0 - 1.0)


class Comb(NamedTuple):
    """Bands of one step: their indices [n], the bins they need [m], weights [m, n], bins that each stands for [n]."""

    bands: Tensor
    bins: Tensor
    matrix: Tensor
    stands_for: Tensor


def bank() -> np.ndarray:
    """[BANDS, BINS]: amplitudes of bins to amplitudes of bands."""
    return log_frequency_bank(SAMPLE_RATE, N_FFT, BANDS, F_MIN, F_MAX).astype(np.float32)


def band_hz() -> np.ndarray:
    """[BANDS] centres in Hz."""
    return F_MIN * 2.0 ** (np.arange(BANDS) / PER_OCTAVE)


def place(pitch: Tensor) -> Tensor:
    """Fractional band of a MIDI note's fundamental, any shape: on this axis a transposition is a shift."""
    return (pitch - 69.0) * (PER_OCTAVE / 12.0) + PER_OCTAVE * math.log2(440.0 / F_MIN)


def to_bands_db(bins_db: Tensor, matrix: Tensor) -> Tensor:
    """Bins [..., m] in dB to bands [..., n] in dB by `matrix` [m, n]."""
    return torch.log(torch.exp(AMPLITUDE_NEPER * bins_db) @ matrix + TINY) / AMPLITUDE_NEPER


def combs() -> list[Comb]:
    """COMBS sets of bands: all the dense ones, and every seventh of the wide; the same number of bins each."""
    weights = bank()
    stands_for = band_hz() * (2.0 ** (1.0 / PER_OCTAVE) - 1.0) / BIN_HZ
    chosen = [
        np.concatenate([np.arange(DENSE_BANDS), DENSE_BANDS + first + COMBS * np.arange(TEETH)])
        for first in range(COMBS)
    ]
    needed = [np.flatnonzero(weights[rows].sum(axis=0) > 0.0) for rows in chosen]
    most = max(len(bins) for bins in needed)
    out = []
    for rows, bins in zip(chosen, needed, strict=True):
        matrix = np.zeros((most, len(rows)), np.float32)
        matrix[: len(bins)] = weights[np.ix_(rows, bins)].T
        padded = np.concatenate([bins, np.full(most - len(bins), BINS - 1)])  # of no weight: one shape compiles once
        share = stands_for[rows] * np.where(rows < DENSE_BANDS, 1.0, COMBS)
        out.append(
            Comb(
                torch.from_numpy(rows),
                torch.from_numpy(padded),
                torch.from_numpy(matrix),
                torch.tensor(share, dtype=torch.float32),
            )  # fmt: skip
        )
    return out
