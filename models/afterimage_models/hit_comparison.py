"""What the phase methods make of struck sounds: attack, crest factor and spectral convergence of real hits.

The onset lies on the first sample, as packs of hits keep theirs, and frames are those of `drum-gan`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from .real_clips import sample_folder
from .reference.stft import Spec, stft

Real = NDArray[np.float64]

SPEC = Spec(1024, 256)
RATE = 48_000
KINDS = ("bd_", "drum_", "elec_", "perc_", "sn_")
MOST_HITS = 40
ONSET = 0.02  # of the peak
RISE_FROM, RISE_TO = 0.1, 0.9
SMOOTHED_S = 1e-3


def hits(cache: Path) -> list[Real]:
    """Mono hits of at most a second, peak 1, from their onset on; silence after them."""
    files = [file for file in sorted(sample_folder(cache).glob("*.flac")) if file.name.startswith(KINDS)]
    found = []
    for file in files[:MOST_HITS]:
        samples, rate = soundfile.read(file)
        mono = samples if samples.ndim == 1 else samples.mean(axis=1)
        divisor = np.gcd(RATE, rate)
        mono = resample_poly(mono, RATE // divisor, rate // divisor)[:RATE]
        mono = mono / np.abs(mono).max()
        found.append(np.concatenate([mono[np.flatnonzero(np.abs(mono) > ONSET)[0] :], np.zeros(SPEC.fft_size)]))
    return found


def rise_ms(sound: Real) -> float:
    """Time from 10 to 90 % of the envelope's peak."""
    count = round(SMOOTHED_S * RATE)
    envelope = np.convolve(np.abs(sound), np.ones(count) / count)[: len(sound)]
    attack = envelope[: int(np.argmax(envelope)) + 1] / envelope.max()
    first, last = (np.flatnonzero(attack >= share)[0] for share in (RISE_FROM, RISE_TO))
    return 1e3 * (last - first) / RATE


def crest_db(sound: Real) -> float:
    """Peak over RMS."""
    return float(20.0 * np.log10(np.abs(sound).max() / np.sqrt(np.mean(sound**2))))


def compare(sound_of: dict[str, Callable[[Real], Real]], cache: Path) -> str:
    """A table; `sound_of` gives each method's sound of magnitudes `[frames, bins]`."""
    lines = [
        f"{'hits, 48 kHz, 1024/256':<24}{'rise, ms':>10}{'|rise|':>10}{'decile':>10}{'crest, dB':>11}{'SC, dB':>9}"
    ]
    clips = hits(cache)
    for name, method in sound_of.items():
        rows = []
        for clip in clips:
            frames = np.abs(stft(SPEC, clip))
            sound = method(frames)[: len(clip)]
            error = np.linalg.norm(np.abs(stft(SPEC, sound)) - frames) / np.linalg.norm(frames)
            later = rise_ms(sound) - rise_ms(clip)
            rows.append((later, abs(later), crest_db(sound) - crest_db(clip), 20.0 * np.log10(error)))
        later, off, crest, convergence = np.array(rows).T
        lines.append(
            f"{name:<24}{later.mean():>+10.2f}{np.median(off):>10.2f}{np.quantile(off, 0.9):>10.2f}"
            f"{crest.mean():>+11.2f}{convergence.mean():>9.1f}"
        )
    return "\n".join(lines)
