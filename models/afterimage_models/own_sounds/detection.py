"""The note of a sound about which nothing is known, or that it has none.

Source: McLeod & Wyvill 2005, "A Smarter Way to Find Pitch", secs. 4 to 6: normalised square difference function.
"""

from __future__ import annotations

import numpy as np

from ..spectrum import SAMPLE_RATE

WINDOW = 8192
FROM_S, TO_S = 0.03, 1.5  # past the noise of the attack, before a decay is all room
LOWEST_HZ = 26.0
SHORTEST_LAG = 10  # 4.8 kHz
NEAR_MAXIMUM = 0.9  # the first peak this near to the highest one is the period: later ones are its multiples
MIN_CLARITY = 0.75
QUIET = 1e-3  # windows with less power than this share of the loudest say nothing
AGREE_SEMITONES, AGREE_SHARE = 0.5, 0.6


def _difference(window: np.ndarray) -> np.ndarray:
    """Normalised square difference [lags], 1 at a perfect period. `window`: [n] samples, lags to n / 2."""
    count = len(window)
    spectrum = np.fft.rfft(window, 2 * count)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: count // 2]
    energy = np.concatenate([[0.0], np.cumsum(window**2)])
    lags = np.arange(count // 2)
    both = energy[count - lags] + energy[count] - energy[lags]
    return 2.0 * correlation / np.maximum(both, 1e-12)


def window_pitch(window: np.ndarray) -> tuple[float, float]:
    """MIDI note and clarity (0..1) of one window [n]; clarity 0 where nothing repeats."""
    curve = _difference(window - window.mean())[: int(SAMPLE_RATE / LOWEST_HZ) + 2]
    below = np.flatnonzero(curve < 0.0)
    if not len(below):
        return 0.0, 0.0
    inner = np.arange(max(int(below[0]), SHORTEST_LAG), len(curve) - 1)
    peaks = inner[(curve[inner] >= curve[inner - 1]) & (curve[inner] > curve[inner + 1]) & (curve[inner] > 0.0)]
    if not len(peaks):
        return 0.0, 0.0
    top = int(peaks[np.argmax(curve[peaks] >= NEAR_MAXIMUM * curve[peaks].max())])
    a, b, c = curve[top - 1 : top + 2]
    lag = top + 0.5 * (a - c) / min(a - 2.0 * b + c, -1e-12)
    return 69.0 + 12.0 * float(np.log2(SAMPLE_RATE / lag / 440.0)), float(min(b, 1.0))


def nominal_pitch(audio: np.ndarray) -> float | None:
    """MIDI note, to about a quarter tone, of a sound [samples] at 48 kHz from its onset; None if it has no one pitch.

    The windows must be clear, and most of them must agree: a drum's fall and a chord's beating are no note.
    """
    part = audio[int(FROM_S * SAMPLE_RATE) : int(TO_S * SAMPLE_RATE)].astype(np.float64)
    size = min(WINDOW, len(part))
    if size < WINDOW // 8:
        return None
    windows = [part[start : start + size] for start in range(0, len(part) - size + 1, WINDOW // 2)]
    power = np.array([np.mean(w**2) for w in windows])
    found = [window_pitch(w) for w, p in zip(windows, power, strict=True) if p > QUIET * power.max()]
    if not found:
        return None
    pitches, clarity = np.array(found).T
    middle = float(np.median(pitches[clarity > 0.0])) if np.any(clarity > 0.0) else 0.0
    agree = (np.abs(pitches - middle) < AGREE_SEMITONES) & (clarity >= MIN_CLARITY)
    return middle if np.mean(agree) >= AGREE_SHARE else None
