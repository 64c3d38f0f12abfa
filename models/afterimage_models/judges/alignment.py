"""Measures of when a transformed sound happens, beside the sound that it was made of."""

from __future__ import annotations

import numpy as np

from ..spectrum import SAMPLE_RATE

STEP = 16
"""Samples of an envelope's step: what is found is that exact at best."""
LEAST_SMOOTHING_S = 0.003
CHANGE_S = 0.005
FLOOR_DB = -50.0
"""Under the envelope's peak: what is softer is no event."""
REACH_S = 0.06
"""The furthest that two sounds are moved against each other."""
ONSET_DB = -12.0
"""Under the envelope's peak: where a sound has begun, however slowly it goes on."""


def level_db(audio: np.ndarray, smoothing_s: float) -> np.ndarray:
    """Power in dB of steps of STEP samples [n], under its peak, over `smoothing_s` to both sides alike."""
    steps = np.add.reduceat(audio.astype(np.float64) ** 2, np.arange(0, len(audio), STEP))
    width = 2 * max(round(0.5 * smoothing_s * SAMPLE_RATE / STEP), 1) + 1
    power = np.convolve(steps, np.hanning(width + 2)[1:-1], mode="same")
    return 10.0 * np.log10(power / max(float(power.max()), 1e-20) + 10.0 ** (FLOOR_DB / 10.0))


def _smoothing_s(f0_hz: float | None) -> float:
    # Two periods, or the wave itself would be an envelope.
    return max(LEAST_SMOOTHING_S, 2.0 / f0_hz if f0_hz else 0.0)


def envelope_lag(reference: np.ndarray, test: np.ndarray, f0_hz: float | None = None) -> int:
    """Samples by which `test` changes its level later than `reference`; negative where it leads.

    Both [samples] at 48 kHz. The lag within REACH_S at which the rises of both levels are most alike.
    """
    span = max(round(CHANGE_S * SAMPLE_RATE / STEP), 1)
    curves = []
    for audio in (reference, test):
        level = level_db(audio, _smoothing_s(f0_hz))
        curves.append(np.maximum(level[span:] - level[:-span], 0.0))
    rows = min(map(len, curves))
    a, b = curves[0][:rows], curves[1][:rows]
    reach = min(round(REACH_S * SAMPLE_RATE / STEP), rows - 1)
    scores = [
        float(a[max(-k, 0) : rows - max(k, 0)] @ b[max(k, 0) : rows - max(-k, 0)]) for k in range(-reach, reach + 1)
    ]
    return (int(np.argmax(scores)) - reach) * STEP


def onset(audio: np.ndarray, f0_hz: float | None = None) -> int:
    """Sample at which a sound comes within ONSET_DB of its loudest for the first time."""
    return int(np.argmax(level_db(audio, _smoothing_s(f0_hz)) >= ONSET_DB)) * STEP
