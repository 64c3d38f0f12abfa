"""Linear prediction: the taps that whiten the corpus, and the coder that the network has to beat.

Source: Makhoul 1975, "Linear Prediction: A Tutorial Review", sec. II; side information by Rissanen 1978, "Modeling by
Shortest Data Description". Without torch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

ORDER = 32
WINDOW_S = 0.032
GRID = 1.0 / 32768.0
WHITE_NOISE = 1e-9  # of the power, so that the equations of a pure tone can be solved


def autocorrelation(frame: np.ndarray, order: int) -> np.ndarray:
    """[order + 1] of one frame, by its spectrum."""
    size = 1 << int(np.ceil(np.log2(len(frame) + order + 1)))
    power = np.abs(np.fft.rfft(frame, size)) ** 2
    return np.fft.irfft(power)[: order + 1]


def taps_of(correlation: np.ndarray, white_noise: float = WHITE_NOISE) -> np.ndarray:
    """[order], newest sample first: what foretells the next sample with the least error."""
    power = correlation[0] * (1.0 + white_noise) + len(correlation) * 1e-12
    return solve_toeplitz(np.concatenate([[power], correlation[1:-1]]), correlation[1:])


def common_taps(clips: Iterable[np.ndarray], order: int) -> np.ndarray:
    """[order]: one predictor for a whole corpus, each clip weighing the same; -70 dB of noise keeps it tame."""
    total = np.zeros(order + 1)
    for clip in clips:
        correlation = autocorrelation(clip.astype(np.float64), order)
        total += correlation / max(correlation[0], 1e-9)
    return taps_of(total, 1e-7)


def residual(sound: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """What `taps` miss of each sample."""
    return lfilter(np.concatenate([[1.0], -taps]), [1.0], sound)
