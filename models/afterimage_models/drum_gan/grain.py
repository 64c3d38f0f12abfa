"""The unevenness of a real noise's spectrogram, as a table: level and noisiness are drawn, grain is added.

A mean of many noises is smooth, and a smooth spectrogram inverts to a buzz. Cells of one real noise agree where
their windows overlap, which cells drawn apart would not.
"""

from __future__ import annotations

import numpy as np

from ..reference.stft import stft
from .frames import HOP, SPEC

# A Rayleigh amplitude's logarithm: standard deviation and mean under its power (pi / sqrt 6, Euler's gamma).
STD_DB = float(10.0 / np.log(10.0) * np.pi / np.sqrt(6.0))
MEAN_UNDER_POWER_DB = float(10.0 / np.log(10.0) * np.euler_gamma)
TABLE_FRAMES = 640
DEEPEST_DB = -25.0  # zeros of a noise are never met exactly
SEED = 5


def grain_table() -> np.ndarray:
    """[TABLE_FRAMES, BINS] in dB about a mean of 0."""
    noise = np.random.default_rng(SEED).standard_normal((TABLE_FRAMES + 8) * HOP)
    level = 20.0 * np.log10(np.abs(stft(SPEC, noise))[4 : 4 + TABLE_FRAMES] + 1e-12)
    level[:, 1:-1] -= level[:, 1:-1].mean()
    level[:, [0, -1]] -= level[:, [0, -1]].mean()  # real-valued bins have a law of their own
    return np.maximum(level, DEEPEST_DB).astype(np.float32)
