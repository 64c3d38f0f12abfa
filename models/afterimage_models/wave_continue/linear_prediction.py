"""Linear prediction: the taps that whiten the corpus, and the coder that the network has to beat.

Source: Makhoul 1975, "Linear Prediction: A Tutorial Review", sec. II; side information by Rissanen 1978, "Modeling by
Shortest Data Description". Without torch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.special import ndtr

ORDER = 32
HOP = 128  # 8 ms at 16 kHz
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


def laplace_bits(error: np.ndarray, scale: float) -> np.ndarray:
    """Bits of errors [samples], each the middle of one step of the grid, under a Laplacian of `scale`."""
    half, away = 0.5 * GRID / scale, np.abs(error) / scale
    around_zero = -np.expm1(-half) if half > 30.0 else 1.0 - np.exp(-half) * np.cosh(np.minimum(away, half))
    in_tail = -away / np.log(2.0) + (np.log2(np.sinh(half)) if half < 30.0 else half / np.log(2.0) - 1.0)
    return np.where(away < half, -np.log2(np.maximum(around_zero, 1e-300)), -in_tail)


def gauss_bits(error: np.ndarray, scale: float) -> np.ndarray:
    """The same under a Gaussian."""
    low, high = (ndtr((np.abs(error) + side * 0.5 * GRID) / scale) for side in (-1.0, 1.0))
    far = 0.5 * (error / scale) ** 2 / np.log(2.0) + np.log2(scale * np.sqrt(2.0 * np.pi) / GRID)
    return np.where(high - low > 1e-12, -np.log2(np.maximum(high - low, 1e-300)), far)


def least_squares_taps(past: np.ndarray, present: np.ndarray) -> np.ndarray:
    """[order] of the covariance method: `past` [samples, order] newest first, `present` [samples]."""
    products = past.T @ past
    products[np.diag_indices_from(products)] += WHITE_NOISE * np.trace(products) + 1e-10
    return np.linalg.solve(products, past.T @ present)


def past_of(sound: np.ndarray, order: int) -> np.ndarray:
    """[samples, order]: the samples before each, newest first; silence before the first."""
    padded = np.concatenate([np.zeros(order), sound[:-1]])
    return np.lib.stride_tricks.sliding_window_view(padded, order)[:, ::-1]


def forward_bits(sound: np.ndarray, first: int, window: int) -> float:
    """Bits a sample from `first` on, of a coder that sends the taps of each window before it.

    Taps and scale are fitted to the very samples that they code. They cost half a log2 of the window a number
    (Rissanen's description length), and each window takes the cheaper of Laplacian and Gaussian.
    """
    past, total, count = past_of(sound, ORDER), 0.0, 0
    side = 0.5 * (ORDER + 1) * np.log2(window)
    for start in range(first, len(sound) - window + 1, window):
        here = slice(start, start + window)
        error = sound[here] - past[here] @ least_squares_taps(past[here], sound[here])
        total += side + min(bits(error, _scale(error, power)).sum() for bits, power in LAWS)
        count += window
    return total / count


def backward_bits(sound: np.ndarray, first: int, window: int) -> float:
    """Bits a sample from `first` on, of a coder that fits its taps to the last `window` samples, every 8 ms anew.

    Nothing is sent. The scale is that of the errors it has just made, times a factor fitted to the clip.
    """
    past = past_of(sound, ORDER)
    errors = np.zeros(len(sound))
    for start in range(first - window, len(sound), HOP):
        seen, here = slice(start - window, start), slice(start, min(start + HOP, len(sound)))
        errors[here] = sound[here] - past[here] @ least_squares_taps(past[seen], sound[seen])
    return bits_of_errors(errors, first, window)


def bits_of_errors(errors: np.ndarray, first: int, window: int) -> float:
    """Bits a sample from `first` on of `errors` [samples], whose scale is that of the last `window`, every 8 ms anew.

    Times a factor fitted to the clip, under the cheaper of Laplacian and Gaussian.
    """
    starts = range(first, len(errors), HOP)
    cheapest = np.inf
    for bits, power in LAWS:
        recent = [_scale(errors[start - window : start], power) for start in starts]
        for factor in FACTORS:
            parts = [
                bits(errors[start : start + HOP], factor * scale).sum()
                for start, scale in zip(starts, recent, strict=True)
            ]
            cheapest = min(cheapest, sum(parts) / (len(errors) - first))
    return float(cheapest)


def _scale(error: np.ndarray, power: int) -> float:
    return max(float(np.mean(np.abs(error) ** power) ** (1.0 / power)), GRID / 16.0)


LAWS = ((laplace_bits, 1), (gauss_bits, 2))
FACTORS = (0.7, 0.85, 1.0, 1.2, 1.4)
