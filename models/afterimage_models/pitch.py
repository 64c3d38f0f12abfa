"""Fundamental frequency of a note whose nominal pitch is known, to a fraction of a cent."""

from __future__ import annotations

import numpy as np

from .spectrum import note_to_hz

SEARCH_CENTS = 70.0
_HARMONICS = np.arange(1, 9)


def _magnitudes(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    size = 1 << int(np.ceil(np.log2(4 * max(len(audio), 256))))
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), size))
    return spectrum, sample_rate / size


def _peak_near(magnitudes: np.ndarray, position: float, reach: float) -> tuple[float, float]:
    low = max(int(position - reach), 1)
    high = min(int(position + reach) + 2, len(magnitudes) - 1)
    if high - low < 1:
        return position, 0.0
    top = low + int(np.argmax(magnitudes[low:high]))
    a, b, c = np.log(magnitudes[top - 1 : top + 2] + 1e-12)
    curve = a - 2 * b + c
    shift = 0.5 * (a - c) / curve if curve < -1e-9 else 0.0
    return top + float(np.clip(shift, -0.5, 0.5)), float(magnitudes[top])


def comb_cents(audio: np.ndarray, note: float, sample_rate: int = 48_000) -> float:
    """Offset in cents from `note` at which a comb of 8 harmonics gathers most amplitude."""
    magnitudes, hz_per_bin = _magnitudes(audio, sample_rate)
    cents = np.arange(-SEARCH_CENTS, SEARCH_CENTS + 1.0)
    hz = note_to_hz(note) * 2.0 ** (cents / 1200.0)
    position = np.outer(hz, _HARMONICS) / hz_per_bin
    index = np.clip(position.astype(int), 0, len(magnitudes) - 2)
    fraction = position - index
    value = (1 - fraction) * magnitudes[index] + fraction * magnitudes[index + 1]
    value = np.where(position < len(magnitudes) - 2, value, 0.0)
    return float(cents[int(np.argmax(np.sqrt(value).sum(axis=1)))])


def measure_note(audio: np.ndarray, note: float, sample_rate: int = 48_000) -> float:
    """Fractional MIDI note of `audio` [samples] near the nominal `note`.

    The comb finds the neighbourhood; the strong ones of the first three partials refine it by parabolic peaks.
    """
    if len(audio) < 256 or np.max(np.abs(audio)) < 1e-6:
        return float("nan")
    start = comb_cents(audio, note, sample_rate)
    magnitudes, hz_per_bin = _magnitudes(audio, sample_rate)
    hz = note_to_hz(note + start / 100.0)
    estimates, weights = [], []
    for k in (1, 2, 3):
        position = k * hz / hz_per_bin
        at, level = _peak_near(magnitudes, position, position * 0.02)
        estimates.append(at * hz_per_bin / k)
        weights.append(level)
    weights = np.array(weights) * (np.array(weights) > 0.1 * max(weights))
    refined = float(np.dot(estimates, weights) / max(weights.sum(), 1e-12))
    return float(69.0 + 12.0 * np.log2(max(refined, 1e-3) / 440.0))
