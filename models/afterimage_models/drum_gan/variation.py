"""Variants of training hits: transposed, coloured, reshaped in time, layered. 300 distinct sounds are too few.

Colour and shape are drawn apart from each other, so that descriptors which go together in recordings come apart.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.signal import fftconvolve, resample_poly

from ..spectrum import SAMPLE_RATE
from .frames import LENGTH
from .preparation import Hit, cut, normalise

SEMITONES = 5.0
COLOURED, SHAPED, STRUCK, LAYERED, TRANSPOSED = 0.85, 0.55, 0.5, 0.25, 0.8
NODES_HZ = np.array([20.0, 60.0, 120.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0, 24_000.0])
TILT_DB, BUMP_DB = 2.0, 4.0  # spread of the slope an octave, and of each octave's own level
TAPS = 1024
DECAY_DB_S = 90.0
LONGER_DB_S = 18.0
SOFTEST_S, STRIKE_DB, STRIKE_S = 0.012, 9.0, 0.012


def minimum_phase(curve_db: np.ndarray) -> np.ndarray:
    """Filter [TAPS] with the levels `curve_db` at NODES_HZ and no ringing before the onset.

    Source: Oppenheim, Schafer 1975, "Digital signal processing", sec. 7.2: folding of the real cepstrum.
    """
    hz = np.fft.rfftfreq(4 * TAPS, 1.0 / SAMPLE_RATE)
    levels = np.interp(np.log2(np.maximum(hz, NODES_HZ[0])), np.log2(NODES_HZ), curve_db) / 20.0 * np.log(10.0)
    cepstrum = np.fft.irfft(levels)
    cepstrum[1 : 2 * TAPS] *= 2.0
    cepstrum[2 * TAPS + 1 :] = 0.0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))[:TAPS]


def transposed(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Resampled by up to SEMITONES either way: pitch and time together, as a tape does it."""
    ratio = Fraction(2.0 ** (rng.uniform(-SEMITONES, SEMITONES) / 12.0)).limit_denominator(60)
    return resample_poly(audio, ratio.numerator, ratio.denominator)


def coloured(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Through a random slope and random bumps."""
    octaves = np.log2(NODES_HZ / 1000.0)
    curve = rng.normal(0.0, TILT_DB) * octaves + rng.normal(0.0, BUMP_DB, len(NODES_HZ))
    return fftconvolve(audio, minimum_phase(np.clip(curve, -24.0, 18.0)))[: len(audio)]


def shaped(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a faster or a little slower decay."""
    slope_db_s = rng.uniform(0.0, DECAY_DB_S) if rng.random() < 0.75 else -rng.uniform(0.0, LONGER_DB_S)
    return audio * 10.0 ** (-slope_db_s * np.arange(len(audio)) / SAMPLE_RATE / 20.0)


def struck(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a softer or a stronger first few milliseconds."""
    seconds = np.arange(len(audio)) / SAMPLE_RATE
    if rng.random() < 0.4:
        return audio * np.minimum(seconds / rng.uniform(0.001, SOFTEST_S), 1.0)
    return audio * 10.0 ** (rng.uniform(-STRIKE_DB, STRIKE_DB) * np.exp(-seconds / STRIKE_S) / 20.0)


def vary(hit: Hit, others: list[Hit], rng: np.random.Generator) -> Hit:
    """A variant of a hit. `others`: hits of its class that may be layered over it."""
    audio = hit.audio.astype(np.float64)
    if rng.random() < LAYERED and others:
        layer = others[rng.integers(len(others))].audio
        audio = audio + layer * 10.0 ** (rng.uniform(-14.0, 0.0) / 20.0)
    for share, change in ((TRANSPOSED, transposed), (COLOURED, coloured), (SHAPED, shaped), (STRUCK, struck)):
        if rng.random() < share:
            audio = change(audio, rng)
    made = normalise(cut(audio[:LENGTH]))
    return hit if made is None else Hit(made, hit.label, f"variant of {hit.source}", hit.held_out)
