"""The plugin's phase methods beside librosa's Griffin-Lim and the NumPy reference, on real sounds, in one run.

`python -m afterimage_models.inversion_comparison --inverse PROGRAM --cache DIR` prints the tables;
`--inverse` is the crate's example program `invert`. Spectral convergence is
20 log10(|| |STFT(y)| - M || / ||M||) over all frames of the clip; PESQ is wide-band at 16 kHz.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray
from pesq import pesq
from scipy.signal import resample_poly

from . import hit_comparison, real_clips
from .reference.bands import BandInverse, log_frequency_bank, mel_bank
from .reference.pghi import pghi_fgla, pghi_sgla
from .reference.rtpghi import projected, rtpghi
from .reference.spsi import spsi
from .reference.stft import Spec, istft, stft

Real = NDArray[np.float64]

SPEC = Spec(1024, 128)
RATES = (22_050, 44_100)
SEED = 7
ITERATIONS = 16
LIBROSA_ITERATIONS = 100
PESQ_RATE = 16_000
SHORT_SUPPORT = 256  # samples to each side, of 512
OURS = ("spsi", "rtpghi0", "rtpghi1", "pghi-fgla", "pghi-sgla")
SHORTENED = ("rtpghi0", "rtpghi1")
# How the plugin plays whole hits: live in Exact mode, and from memory in Instant mode.
HITS_AS_PLAYED = {"rtpghi1": "rtpghi1, live", "pghi-sgla": "made ahead, whole"}
MEL_BANDS, OCTAVE_BANDS, LOWEST_HZ = 128, 48, 32.70  # the lowest band of 48 an octave is a C
BANDS = (f"mel {MEL_BANDS}", f"{OCTAVE_BANDS} an octave")
MOST_PESQ_LOST = 0.3  # what a round trip through bands may cost against linear magnitudes, in the mean
BAND_STEPS = 2  # non-negative steps after the matrix, as the plugin makes them


@dataclass(frozen=True)
class Task:
    """What a method is given: `[frames, bins]` magnitudes at a rate, and how many samples are wanted."""

    frames: Real
    rate: int
    samples: int


def convergence_db(task: Task, sound: Real) -> float:
    """Spectral convergence of a resynthesised sound."""
    got = np.abs(stft(SPEC, sound))
    return float(20.0 * np.log10(np.linalg.norm(got - task.frames) / np.linalg.norm(task.frames)))


def ours(program: Path, method: str, support: int, task: Task, spec: Spec = SPEC) -> Real:
    """The plugin's own code, through the example program; `support` of the synthesis window in samples."""
    silence = np.zeros((spec.fft_size // spec.hop, spec.bins))  # lets the last hops out
    with tempfile.TemporaryDirectory() as folder:
        frames, out = Path(folder) / "frames", Path(folder) / "out"
        frames.write_bytes(np.concatenate([task.frames, silence]).astype("<f4").tobytes())
        geometry = [str(spec.fft_size), str(spec.hop), str(task.rate)]
        subprocess.run([program, frames, out, *geometry, method, "0", "0", str(support)], check=True)
        return np.frombuffer(out.read_bytes(), "<f4")[::2][: task.samples].astype(np.float64)


def struck(program: Path, method: str, frames: Real) -> Real:
    """The sound of a hit's frames, live methods through the window that the plugin gives them."""
    spec, rate = hit_comparison.SPEC, hit_comparison.RATE
    support = spec.fft_size // 2 if method.startswith("pghi") else SHORT_SUPPORT
    task = Task(_f32(frames), rate, len(frames) * spec.hop)
    return ours(program, method, support, task, spec)


def bands_of(name: str, rate: int) -> Real:
    """A filter bank `[bands, bins]`: librosa's mel bands up to half the rate, or 48 bands an octave."""
    nyquist = rate / 2.0
    if name.startswith("mel"):
        return mel_bank(rate, SPEC.fft_size, MEL_BANDS, 0.0, nyquist, "slaney", "slaney")
    count = int(np.log2(nyquist / LOWEST_HZ) * OCTAVE_BANDS) + 1
    highest = LOWEST_HZ * 2.0 ** ((count - 1) / OCTAVE_BANDS)
    return log_frequency_bank(rate, SPEC.fft_size, count, LOWEST_HZ, highest)


def banded(name: str, sound_of: Callable[[Task], Real], task: Task) -> Real:
    """The sound of frames that went through bands and back."""
    bank = bands_of(name, task.rate)
    frames = BandInverse(bank, power=1).apply(task.frames @ bank.T, BAND_STEPS)
    return sound_of(Task(_f32(frames), task.rate, task.samples))


def griffin_lim(momentum: float, task: Task) -> Real:
    """librosa's, from random phases."""
    sound = librosa.griffinlim(
        task.frames.T,
        n_iter=LIBROSA_ITERATIONS,
        hop_length=SPEC.hop,
        n_fft=SPEC.fft_size,
        window="hann",
        momentum=momentum,
        length=task.samples,
        random_state=SEED,
    )
    return np.asarray(sound, np.float64)


def reference(method: str, task: Task) -> Real:
    """The NumPy reference in double precision."""
    silence = np.zeros((1, SPEC.bins))
    frames = task.frames
    whole = {"pghi-fgla": pghi_fgla, "pghi-sgla": pghi_sgla}
    if method in whole:
        return istft(SPEC, whole[method](SPEC, frames, ITERATIONS, SEED), task.samples)
    if method == "spsi":
        turns = spsi(SPEC, frames, SEED)
    elif method == "rtpghi0":
        turns = rtpghi(SPEC, frames, SEED, lookahead=False)
    else:
        turns = projected(SPEC, np.concatenate([frames, silence]), SEED)
    return istft(SPEC, frames * np.exp(2j * np.pi * turns), task.samples)


def methods(program: Path, with_reference: bool) -> dict[str, Callable[[Task], Real]]:
    """Every method by its column's name."""
    table = {name: partial(ours, program, name, SPEC.fft_size // 2) for name in OURS}
    table |= {f"{name} ±{SHORT_SUPPORT}": partial(ours, program, name, SHORT_SUPPORT) for name in SHORTENED}
    for bands in BANDS:
        table |= {f"{bands} {name}": partial(banded, bands, table[name]) for name in SHORTENED}
    table |= {"GL 100": partial(griffin_lim, 0.0), "fast GL 100": partial(griffin_lim, 0.99)}
    if with_reference:
        table |= {f"NumPy {name}": partial(reference, name) for name in OURS}
    return table


def speech_quality(clean: Real, sound: Real, rate: int) -> float:
    """Wide-band PESQ of a resynthesised phrase."""
    divisor = int(np.gcd(rate, PESQ_RATE))
    both = [resample_poly(x, PESQ_RATE // divisor, rate // divisor) for x in (clean, sound)]
    return float(pesq(PESQ_RATE, both[0].astype(np.float32), both[1].astype(np.float32), "wb"))


def measure(clips: dict[str, Real], rate: int, table: dict[str, Callable[[Task], Real]]) -> dict[str, dict[str, list]]:
    """Spectral convergence and PESQ of every clip, `{measure: {clip: [one a method]}}`."""
    convergence, quality = {}, {}
    for name, clip in clips.items():
        task = Task(_f32(np.abs(stft(SPEC, clip))), rate, len(clip))
        sounds = [method(task) for method in table.values()]
        convergence[name] = [convergence_db(task, sound) for sound in sounds]
        if name in real_clips.SPEECH:
            quality[name] = [speech_quality(clip, sound, rate) for sound in sounds]
    return {"spectral convergence, dB": convergence, "PESQ": quality}


def lost_to_bands(columns: list[str], quality: dict[str, list[float]]) -> str:
    """A table of the PESQ that bands cost against the same phases of linear magnitudes, and its verdict."""
    banded_columns = [f"{bands} {name}" for bands in BANDS for name in SHORTENED]
    linear = [columns.index(name) for _ in BANDS for name in SHORTENED]
    places = [columns.index(name) for name in banded_columns]
    rows = {
        clip: [values[of] - values[at] for of, at in zip(linear, places, strict=True)]
        for clip, values in quality.items()
    }
    worst = float(np.mean(list(rows.values()), axis=0).max())
    verdict = "kept" if worst <= MOST_PESQ_LOST else "missed"
    table = format_table("PESQ lost to bands", banded_columns, rows)
    return f"{table}\nworst mean {worst:.2f}, require <= {MOST_PESQ_LOST}: {verdict}"


def _f32(values: Real) -> Real:
    """Every method is given the same values."""
    return values.astype(np.float32).astype(np.float64)


def format_table(title: str, columns: list[str], rows: dict[str, list[float]]) -> str:
    """A table with the mean in its last line."""
    means = list(np.mean(list(rows.values()), axis=0))
    widths = [max(9, len(column) + 2) for column in columns]
    lines = [f"{title:<24}" + "".join(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True))]
    for name, values in [*rows.items(), ("mean", means)]:
        lines.append(f"{name:<24}" + "".join(f"{v:>{w}.2f}" for v, w in zip(values, widths, strict=True)))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inverse", type=Path, required=True, metavar="PROGRAM", help="the example program invert")
    parser.add_argument("--cache", type=Path, required=True, metavar="DIR", help="where sources are kept")
    parser.add_argument("--no-reference", action="store_true", help="leave the slow NumPy reference out")
    options = parser.parse_args(arguments)
    program = options.inverse.resolve()
    for rate in RATES:
        # The reference takes minutes a rate, and agrees to a hundredth of a dB at both.
        table = methods(program, rate == RATES[0] and not options.no_reference)
        started = time.monotonic()
        clips = real_clips.clips(options.cache.resolve(), rate)
        print(f"\n{rate} Hz, N={SPEC.fft_size}, H={SPEC.hop}, Hann; {len(clips)} clips")
        measured = measure(clips, rate, table)
        for title, rows in measured.items():
            print(format_table(title, list(table), rows), flush=True)
        print(lost_to_bands(list(table), measured["PESQ"]), flush=True)
        print(f"{time.monotonic() - started:.0f} s")
    of_hits = {HITS_AS_PLAYED.get(name, name): partial(struck, program, name) for name in OURS}
    print(f"\n{hit_comparison.compare(of_hits, options.cache.resolve())}")


if __name__ == "__main__":
    main()
