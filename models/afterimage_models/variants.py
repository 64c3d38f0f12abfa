"""Timbres that no sound font holds, made of training presets: shifted, layered, filtered, enveloped.

A hundred distinct presets are too few for a latent space that is asked for a preset it never heard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import fftconvolve, firwin2, resample_poly

from .soundfonts import Strike, render_strikes
from .spectrum import SAMPLE_RATE

# Semitones and the nearest small ratio of the equal-tempered factor (within 3 cents; pitch is measured afterwards).
SHIFTS = {-7: (2, 3), -5: (3, 4), -4: (27, 34), -3: (37, 44), 0: (1, 1), 3: (44, 37), 4: (34, 27), 5: (4, 3), 7: (3, 2)}
LAYERED, FILTERED, ENVELOPED = 0.35, 0.7, 0.45
FILTER_TAPS = 255
FILTER_NODES_HZ = (0.0, 150.0, 400.0, 1000.0, 2500.0, 6000.0, 12_000.0, 24_000.0)
FILTER_SPREAD_DB = 6.0


@dataclass(frozen=True)
class Variant:
    """How one made-up preset is built. Times in seconds, slopes in dB/s."""

    sources: tuple[tuple[str, int], ...]
    gains: tuple[float, ...]
    shift: int
    taps: np.ndarray | None
    attack_s: float
    decay_db_s: float
    release_db_s: float


def draw(pairs: list[tuple[str, int]], seed: int) -> Variant:
    """A random variant of the given (font, program) pairs."""
    rng = np.random.default_rng([seed, 77])
    count = 2 if rng.random() < LAYERED else 1
    chosen = rng.choice(len(pairs), count, replace=False)
    gains = 10.0 ** (rng.uniform(-9.0, 3.0, count) / 20.0)
    gains[0] = 1.0
    taps = None
    if rng.random() < FILTERED:
        curve_db = np.clip(rng.normal(0.0, FILTER_SPREAD_DB, len(FILTER_NODES_HZ)), -15.0, 12.0)
        taps = firwin2(FILTER_TAPS, FILTER_NODES_HZ, 10.0 ** (curve_db / 20.0), fs=SAMPLE_RATE, window="hann")
    attack_s = decay_db_s = release_db_s = 0.0
    if rng.random() < ENVELOPED:
        attack_s = float(np.exp(rng.uniform(np.log(0.004), np.log(0.35)))) if rng.random() < 0.6 else 0.0
        decay_db_s = float(np.exp(rng.uniform(np.log(3.0), np.log(45.0)))) if rng.random() < 0.5 else 0.0
        release_db_s = float(rng.uniform(20.0, 250.0)) if rng.random() < 0.5 else 0.0
    shift = int(rng.choice(list(SHIFTS)))
    sources = tuple(pairs[i] for i in chosen)
    return Variant(sources, tuple(gains), shift, taps, attack_s, decay_db_s, release_db_s)


def _source_strike(strike: Strike, shift: int) -> Strike:
    """The strike to render so that resampling by `shift` semitones gives `strike`'s key and hold."""
    factor = SHIFTS[shift][0] / SHIFTS[shift][1]
    return replace(
        strike, key=strike.key - shift, hold_s=strike.hold_s * factor, length_s=strike.length_s * factor + 0.05
    )


def envelope(variant: Variant, hold_s: float, samples: int) -> np.ndarray:
    """Gain curve [samples] of the variant: rise, fall while held, faster fall after note-off."""
    seconds = np.arange(samples) / SAMPLE_RATE
    gain = np.ones(samples)
    if variant.attack_s > 0.0:
        gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(seconds / (1.5 * variant.attack_s), 0.0, 1.0))
    fall_db = variant.decay_db_s * seconds + variant.release_db_s * np.maximum(seconds - hold_s, 0.0)
    return gain * 10.0 ** (-fall_db / 20.0)


def render(variant: Variant, strikes: list[Strike]) -> list[np.ndarray]:
    """Mono recordings [samples] of each strike, not normalised."""
    wanted = [_source_strike(s, variant.shift) for s in strikes]
    up_down = SHIFTS[variant.shift]
    sums: list[np.ndarray] = [np.zeros(round(s.length_s * SAMPLE_RATE)) for s in strikes]
    for (font, program), gain in zip(variant.sources, variant.gains, strict=True):
        layer = render_strikes(font, program, wanted)
        peak = max(max(float(np.max(np.abs(a))) for a in layer), 1e-6)
        for total, audio in zip(sums, layer, strict=True):
            if variant.shift:
                # Shifting up by r means r times fewer samples: resample by 1 / r.
                audio = resample_poly(audio, up_down[1], up_down[0])
            length = min(len(total), len(audio))
            total[:length] += gain / peak * audio[:length]
    if variant.taps is not None:
        middle = FILTER_TAPS // 2
        sums = [fftconvolve(s, variant.taps)[middle : middle + len(s)] for s in sums]
    curves = [envelope(variant, s.hold_s, len(a)) for s, a in zip(strikes, sums, strict=True)]
    return [(a * c).astype(np.float32) for a, c in zip(sums, curves, strict=True)]
