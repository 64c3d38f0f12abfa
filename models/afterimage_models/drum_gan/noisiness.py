"""How much of a hit is noise, cell by cell: what the grain replaces, and what must stay a clean partial.

A partial's level moves slowly, a noise's jumps from window to window. A likelihood whose scale is learned calls
"noise" whatever it cannot predict, also a partial of unknown pitch: so noisiness is measured, and learned as such.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..spectrum import GATE_DB
from .frames import BINS, FRAMES, HOP, KNOTS, N_FFT

GRAIN_BANDS = 40
APART = N_FFT // HOP // 2  # frames: half a window, where a noise has nearly forgotten itself and a decay is straight
NEIGHBOUR_BINS = 9  # what moves in all of these together is the envelope, not noise
# Mean size in dB of what is left of a white noise (measured: `tests/test_drum_gan.py`).
OF_NOISE_DB = 4.9
# Bent decays and beating leave some of it, so shares under the first are clean; noises that fall reach the second.
CLEAN_SHARE, NOISE_SHARE, CURVE = 0.3, 0.9, 1.5
SMOOTHED_FRAMES = 9
AUDIBLE_DB = 12.0  # above the gate
OWN_WORD_CELLS = 0.5  # with fewer audible cells than this, a band is judged by the whole hit


def band_weights() -> np.ndarray:
    """Triangles [BINS, GRAIN_BANDS] that overlap by half, narrow where partials lie."""
    centres = np.linspace(0.0, 1.0, GRAIN_BANDS) ** 2 * (BINS - 1)
    return np.stack([np.interp(np.arange(BINS), centres, row) for row in np.eye(GRAIN_BANDS)], axis=1)


def noisiness(frames: np.ndarray) -> np.ndarray:
    """Share of a noise's unevenness [knots, GRAIN_BANDS], 0 to 1, in frames [FRAMES, BINS] in dB."""
    middle = np.arange(APART, FRAMES - APART)
    before, here, after = frames[middle - APART], frames[middle], frames[middle + APART]
    audible = (np.minimum(np.minimum(before, after), here) > GATE_DB + AUDIBLE_DB).astype(np.float64)
    jump = (here - 0.5 * (before + after)) * audible
    around = uniform_filter1d(audible, NEIGHBOUR_BINS, axis=1, mode="constant") + 1e-9
    envelope = uniform_filter1d(jump, NEIGHBOUR_BINS, axis=1, mode="constant") / around
    size = np.abs(jump - envelope) * audible
    bands = band_weights()
    sizes = uniform_filter1d(size @ bands, SMOOTHED_FRAMES, axis=0, mode="nearest")
    cells = uniform_filter1d(audible @ bands, SMOOTHED_FRAMES, axis=0, mode="nearest")
    overall = size.sum() / max(audible.sum(), 1.0)
    mean = (sizes + OWN_WORD_CELLS * overall) / (cells + OWN_WORD_CELLS)
    share = np.clip((mean / OF_NOISE_DB - CLEAN_SHARE) / (NOISE_SHARE - CLEAN_SHARE), 0.0, 1.0) ** CURVE
    return share[np.clip(KNOTS - APART, 0, len(middle) - 1)]
