"""Single-pass spectrogram inversion (Beauregard, Harish, Wyse 2015), phases about frame centres."""

import numpy as np
from numpy.typing import NDArray

from .counter_rng import START_PHASE, Stream
from .stft import Spec

Real = NDArray[np.float64]


def parabolic_offset(magnitudes: Real, peak: int) -> float:
    """Place of a peak between bins, -0.5 to 0.5."""
    a, b, c = magnitudes[peak - 1 : peak + 2]
    curvature = a - 2.0 * b + c
    return float(np.clip(0.5 * (a - c) / curvature, -0.5, 0.5)) if curvature < 0.0 else 0.0


def peaks_of(magnitudes: Real) -> list[int]:
    """Bins above their left and not below their right neighbour."""
    inner = (magnitudes[1:-1] > magnitudes[:-2]) & (magnitudes[1:-1] >= magnitudes[2:])
    return [int(peak) for peak in np.flatnonzero(inner) + 1]


def spsi(spec: Spec, frames: Real, seed: int) -> Real:
    """Phases in turns, `[frames, bins]`: each bin advances with the peak of its region."""
    stream = Stream(seed, START_PHASE, 0, 1)
    phase = np.array([stream.u32_at(k) / 2.0**32 for k in range(spec.bins)])
    result = np.empty_like(frames)
    for index, magnitudes in enumerate(frames):
        peaks = peaks_of(magnitudes)
        start = 0
        for peak, following in zip(peaks, [*peaks, None][1:], strict=True):
            last = spec.bins - 1 if following is None else peak + int(np.argmin(magnitudes[peak:following]))
            turns = (peak + parabolic_offset(magnitudes, peak)) * spec.hop / spec.fft_size
            phase[start : last + 1] = (phase[peak] + turns) % 1.0
            start = last + 1
        result[index] = phase
    return result
