"""The unevenness of a real noise in mel frames, as a table: the network draws level and noisiness, grain is added.

Bands are read from places of their own and at loops of their own, so that no two seconds have the same grain.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .frames import BANDS, HOP, mel_frames

TABLE_FRAMES = 1200
LONGEST_LOOP_S = TABLE_FRAMES * HOP / 48_000
GROUP_BANDS = 20
GROUPS = BANDS // GROUP_BANDS
LOOPS = TABLE_FRAMES - 37 * np.arange(GROUPS)  # frames, of each group of bands: together they repeat after hours
DEEPEST_DB = -22.0
SEED = 9


@cache
def grain_table() -> np.ndarray:
    """[TABLE_FRAMES, BANDS] in dB about a mean of 0 in every band."""
    noise = np.random.default_rng(SEED).standard_normal((TABLE_FRAMES + 8) * HOP)
    level = mel_frames(noise * 0.1)[4 : 4 + TABLE_FRAMES]
    return np.maximum(level - level.mean(axis=0), DEEPEST_DB).astype(np.float32)
