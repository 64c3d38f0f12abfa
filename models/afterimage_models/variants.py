"""Timbres that no sound font holds, made of training presets: shifted, layered, filtered, enveloped, driven, breathed.

A hundred distinct presets are too few for a latent space that is asked for a preset it never heard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import fftconvolve, firwin2, resample_poly

from .soundfonts import Strike, render_strikes
from .spectrum import SAMPLE_RATE, note_to_hz

# Semitones and the nearest small ratio of the equal-tempered factor (within 3 cents; pitch is measured afterwards).
SHIFTS = {-7: (2, 3), -5: (3, 4), -4: (27, 34), -3: (37, 44), 0: (1, 1), 3: (44, 37), 4: (34, 27), 5: (4, 3), 7: (3, 2)}
LAYERED, FILTERED, ENVELOPED = 0.35, 0.7, 0.45
FILTER_TAPS = 255
FILTER_NODES_HZ = (0.0, 150.0, 400.0, 1000.0, 2500.0, 6000.0, 12_000.0, 24_000.0)
FILTER_SPREAD_DB = 6.0
# The wide recipe: more layers, at the intervals of organ stops, and what changes single partials or the noise.
WIDE_LAYERS = (0.45, 0.35, 0.2)
STOPS = (0, 12, 19, 24)
STOP_SHARES = (0.55, 0.25, 0.1, 0.1)
WIDE_FILTERED, COMBED, DRIVEN, BREATHED, DOUBLED = 0.75, 0.35, 0.25, 0.35, 0.3
HIGHEST_SOURCE = 108


@dataclass(frozen=True)
class Colour:
    """What the wide recipe adds; a value of 0 leaves its stage out.

    `comb_gain` and `comb_place`: a copy of the note, delayed by a share of its period, as a pluck's or a pickup's
    place gives it. `drive`: gain into a tanh. `breath_db`: noise relative to the note, through `breath_taps`.
    `double_cents`: detuning of a second copy.
    """

    comb_gain: float = 0.0
    comb_place: float = 0.0
    drive: float = 0.0
    breath_db: float = 0.0
    breath_taps: np.ndarray | None = None
    double_cents: float = 0.0


@dataclass(frozen=True)
class Variant:
    """How one made-up preset is built. `stops`: semitones of each layer. Times in seconds, slopes in dB/s."""

    sources: tuple[tuple[str, int], ...]
    gains: tuple[float, ...]
    shift: int
    taps: np.ndarray | None
    attack_s: float
    decay_db_s: float
    release_db_s: float
    stops: tuple[int, ...] = (0, 0)
    colour: Colour = Colour()


def draw(pairs: list[tuple[str, int]], seed: int) -> Variant:
    """A random variant of the given (font, program) pairs."""
    rng = np.random.default_rng([seed, 77])
    count = 2 if rng.random() < LAYERED else 1
    chosen = rng.choice(len(pairs), count, replace=False)
    gains = 10.0 ** (rng.uniform(-9.0, 3.0, count) / 20.0)
    gains[0] = 1.0
    taps = _filter(rng) if rng.random() < FILTERED else None
    rates = _envelope(rng)
    shift = int(rng.choice(list(SHIFTS)))
    sources = tuple(pairs[i] for i in chosen)
    return Variant(sources, tuple(gains), shift, taps, *rates)


def draw_wide(pairs: list[tuple[str, int]], seed: int) -> Variant:
    """A random variant by the wide recipe."""
    rng = np.random.default_rng([seed, 78])
    count = 1 + int(rng.choice(len(WIDE_LAYERS), p=WIDE_LAYERS))
    chosen = rng.choice(len(pairs), count, replace=False)
    gains = 10.0 ** (rng.uniform(-12.0, 3.0, count) / 20.0)
    gains[0] = 1.0
    stops = [0] + [int(s) for s in rng.choice(STOPS, count - 1, p=STOP_SHARES)]
    taps = _filter(rng) if rng.random() < WIDE_FILTERED else None
    rates = _envelope(rng)
    shift = int(rng.choice(list(SHIFTS)))
    sources = tuple(pairs[i] for i in chosen)
    return Variant(sources, tuple(gains), shift, taps, *rates, tuple(stops), _colour(rng))


def sounds_held_out(variant: Variant, strike: Strike, held_out: dict[int, list[int]]) -> bool:
    """Whether a layer of `strike` would play a held-out key of its source. `held_out`: program -> its keys."""
    layers = zip(variant.sources, variant.stops, strict=False)
    return any(_source_strike(strike, variant.shift, stop).key in held_out[p] for (_, p), stop in layers)


def _filter(rng: np.random.Generator) -> np.ndarray:
    curve_db = np.clip(rng.normal(0.0, FILTER_SPREAD_DB, len(FILTER_NODES_HZ)), -15.0, 12.0)
    return firwin2(FILTER_TAPS, FILTER_NODES_HZ, 10.0 ** (curve_db / 20.0), fs=SAMPLE_RATE, window="hann")


def _envelope(rng: np.random.Generator) -> tuple[float, float, float]:
    """Attack in s, decay and release in dB/s; zeros leave the source's own."""
    attack_s = decay_db_s = release_db_s = 0.0
    if rng.random() < ENVELOPED:
        attack_s = float(np.exp(rng.uniform(np.log(0.004), np.log(0.35)))) if rng.random() < 0.6 else 0.0
        decay_db_s = float(np.exp(rng.uniform(np.log(3.0), np.log(45.0)))) if rng.random() < 0.5 else 0.0
        release_db_s = float(rng.uniform(20.0, 250.0)) if rng.random() < 0.5 else 0.0
    return attack_s, decay_db_s, release_db_s


def _colour(rng: np.random.Generator) -> Colour:
    comb = drive = breath_db = cents = 0.0
    taps = None
    place = float(rng.uniform(0.08, 0.5))
    if rng.random() < COMBED:
        comb = float(rng.uniform(0.3, 0.95) * rng.choice([-1.0, 1.0]))
    if rng.random() < DRIVEN:
        drive = float(np.exp(rng.uniform(0.0, np.log(12.0))))
    if rng.random() < BREATHED:
        breath_db, taps = float(rng.uniform(-50.0, -14.0)), _filter(rng)
    if rng.random() < DOUBLED:
        cents = float(np.exp(rng.uniform(np.log(2.0), np.log(14.0))))
    return Colour(comb, place, drive, breath_db, taps, cents)


def _source_strike(strike: Strike, shift: int, stop: int = 0) -> Strike:
    """The strike to render so that resampling by `shift` semitones gives `strike`'s key and hold."""
    factor = SHIFTS[shift][0] / SHIFTS[shift][1]
    key = strike.key - shift + stop
    if stop:  # an organ repeats its highest octave rather than run out of pipes
        while key > HIGHEST_SOURCE:
            key -= 12
    return replace(strike, key=key, hold_s=strike.hold_s * factor, length_s=strike.length_s * factor + 0.05)


def comb(audio: np.ndarray, key: float, gain: float, place: float) -> np.ndarray:
    """Add `gain` times the note [samples] delayed by `place` of its period."""
    delay = max(round(place * SAMPLE_RATE / float(note_to_hz(key))), 1)
    out = audio.copy()
    out[delay:] += gain * audio[:-delay]
    return out


def driven(audio: np.ndarray, gain: float) -> np.ndarray:
    """tanh of the note [samples] at `gain`, at twice the rate so that less of it folds back."""
    return resample_poly(np.tanh(gain * resample_poly(audio, 2, 1)), 1, 2)[: len(audio)]


def breathed(audio: np.ndarray, level_db: float, taps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add noise through `taps` that follows the note's [samples] level, smoothed over 20 ms, at `level_db` of it."""
    power = fftconvolve(audio**2, np.full(960, 1.0 / 960.0), mode="same")
    noise = fftconvolve(rng.standard_normal(len(audio)), taps, mode="same")
    return audio + 10.0 ** (level_db / 20.0) * noise / noise.std() * np.sqrt(np.maximum(power, 0.0))


def doubled(audio: np.ndarray, cents: float) -> np.ndarray:
    """The note [samples] half `cents` flat, plus the same half `cents` sharp."""
    place, factor = np.arange(len(audio)), 2.0 ** (cents / 2400.0)
    at = np.arange(2 * len(audio)) / 2.0
    fine = resample_poly(audio, 2, 1)
    return sum(np.interp(place * f, at, fine) for f in (factor, 1.0 / factor)) / 2.0


def coloured(audio: np.ndarray, key: float, colour: Colour, rng: np.random.Generator) -> np.ndarray:
    """All stages of `colour` over one note [samples], in the order of a signal: string, air, amplifier."""
    if colour.double_cents:
        audio = doubled(audio, colour.double_cents)
    if colour.comb_gain:
        audio = comb(audio, key, colour.comb_gain, colour.comb_place)
    if colour.breath_taps is not None:
        audio = breathed(audio, colour.breath_db, colour.breath_taps, rng)
    return driven(audio, colour.drive) if colour.drive else audio


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
    up_down = SHIFTS[variant.shift]
    sums: list[np.ndarray] = [np.zeros(round(s.length_s * SAMPLE_RATE)) for s in strikes]
    for (font, program), gain, stop in zip(variant.sources, variant.gains, variant.stops, strict=False):
        layer = render_strikes(font, program, [_source_strike(s, variant.shift, stop) for s in strikes])
        peak = max(max(float(np.max(np.abs(a))) for a in layer), 1e-6)
        for total, audio in zip(sums, layer, strict=True):
            if variant.shift:
                # Shifting up by r means r times fewer samples: resample by 1 / r.
                audio = resample_poly(audio, up_down[1], up_down[0])
            length = min(len(total), len(audio))
            total[:length] += gain / peak * audio[:length]
    rng = np.random.default_rng(len(strikes))
    sums = [coloured(a, s.key, variant.colour, rng) for s, a in zip(strikes, sums, strict=True)]
    if variant.taps is not None:
        middle = FILTER_TAPS // 2
        sums = [fftconvolve(s, variant.taps)[middle : middle + len(s)] for s in sums]
    curves = [envelope(variant, s.hold_s, len(a)) for s, a in zip(strikes, sums, strict=True)]
    return [(a * c).astype(np.float32) for a, c in zip(sums, curves, strict=True)]
