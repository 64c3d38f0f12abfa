"""Writes or checks the golden files that the Rust crate is compared with.

`python -m afterimage_models.reference.golden --write DIR` regenerates them, `--check DIR` compares
what is there with what this code makes now. Deterministic: the only randomness is the counter RNG.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import counter_rng, scales
from .bands import BandInverse, log_frequency_bank, mel_bank
from .counter_rng import Stream
from .f0_lock import F0Lock
from .harmonic_noise import HarmonicNoise
from .pghi import pghi, pghi_fgla, pghi_sgla
from .rtpghi import projected, rtpghi
from .spsi import spsi
from .stft import Complex, Spec, istft, stft

Real = NDArray[np.float64]
Arrays = dict[str, NDArray]

SEED = 7
SPEC = Spec(256, 32)
RATE = 16_000.0
F0_HZ = 587.0  # 9.4 bins apart
LOW_F0_HZ = 205.0  # 3.3 bins apart: lobes overlap
OFFLINE_ITERATIONS = 4
CHECK_TOLERANCE = 1e-5


def _rng() -> Arrays:
    keys = [
        (seed, purpose, key, channel)
        for seed in (0, 1, 2**63 + 5)
        for purpose in (1, 4)
        for key in (0, 9)
        for channel in (0, 1)
    ]
    positions = [0, 1, 2, 1000, 2**40, 2**64 - 1]
    streams = [Stream(*key) for key in keys]
    bits = [[stream.u64_at(position) for position in positions] for stream in streams]
    real = [[[s.uniform_at(p), s.bipolar_at(p), s.gaussian_at(p)] for p in positions] for s in streams]
    return {
        "rng_keys": np.array(keys, dtype=np.uint64),
        "rng_positions": np.array(positions, dtype=np.uint64),
        "rng_bits": np.array(bits, dtype=np.uint64),
        "rng_real": np.array(real, dtype=np.float32),
    }


def partial_sum(f0: float, stiffness: float, samples: int, start: int = 0) -> Real:
    """A string's partials, 6 dB an octave down, with fixed phases."""
    t = (np.arange(samples) + start) / RATE
    total = np.zeros(samples)
    number = 1
    while (hz := number * f0 * np.sqrt(1.0 + stiffness * number**2)) < 0.45 * RATE:
        phase = 2.0 * np.pi * Stream(SEED, counter_rng.LATENT, number).uniform_at(0)
        total += 0.3 / number * np.sin(2.0 * np.pi * hz * t + phase)
        number += 1
    return total


def clip(samples: int) -> Real:
    """A decaying string, a glide and a burst of noise: something of everything."""
    t = np.arange(samples) / RATE
    noise = Stream(SEED, counter_rng.SAMPLING).near_gaussian(samples)
    burst = np.where((t > 0.06) & (t < 0.09), 0.2 * noise, 0.003 * noise)
    glide = 0.2 * np.sin(2.0 * np.pi * (900.0 * t + 4000.0 * t**2))
    return partial_sum(440.0, 4e-4, samples) * np.exp(-8.0 * t) + glide + burst


def _f32(values: Real) -> Real:
    """What the Rust side reads back from a float32 file."""
    return values.astype(np.float32).astype(np.float64)


def _complex(values: Complex) -> NDArray[np.float32]:
    return np.stack([values.real, values.imag], axis=-1).astype(np.float32)


def _stft() -> Arrays:
    sound = _f32(clip(2000))
    spectra = stft(SPEC, sound)
    weights = np.array([Stream(SEED, counter_rng.LATENT, 99).uniform_at(n) for n in range(len(spectra))])
    return {
        "stft_sound": sound,
        "stft_spectra": _complex(spectra),
        "istft_weights": weights,
        "istft_sound": istft(SPEC, spectra * weights[:, None], 1800),
    }


def _scales() -> Arrays:
    values = np.linspace(-120.0, 30.0, 301)
    magnitudes = np.concatenate([[0.0], np.logspace(-9, 4, 200)])
    return {
        "scale_values": values,
        "scale_db_magnitudes": scales.log_to_magnitudes(_f32(values), "db", 512.0, -90.0),
        "scale_ln_magnitudes": scales.log_to_magnitudes(_f32(values) / 16.0, "ln", 2.0, -5.0),
        "scale_magnitudes": magnitudes,
        "scale_db_values": scales.magnitudes_to_log(_f32(magnitudes), "db", 512.0, -100.0),
        "scale_ln_values": scales.magnitudes_to_log(_f32(magnitudes), "ln", 2.0, -12.0),
    }


def _phases() -> Arrays:
    frames = _f32(np.abs(stft(SPEC, clip(2500)))[:64])
    return {
        "phase_magnitudes": frames,
        "phase_spsi": spsi(SPEC, frames, SEED),
        "phase_rtpghi0": rtpghi(SPEC, frames, SEED, lookahead=False),
        "phase_rtpghi1": rtpghi(SPEC, frames, SEED, lookahead=True),
        "phase_rtpghi1_projected": projected(SPEC, frames, SEED),
    }


def _offline() -> Arrays:
    # Short, because an iteration magnifies what single and double precision make of a near tie.
    frames = _f32(np.abs(stft(SPEC, clip(1500)))[:40])
    return {
        "phase_offline_magnitudes": frames,
        "phase_pghi": pghi(SPEC, frames, SEED),
        "pghi_fgla_spectra": _complex(pghi_fgla(SPEC, frames, OFFLINE_ITERATIONS, SEED)),
        "pghi_sgla_spectra": _complex(pghi_sgla(SPEC, frames, OFFLINE_ITERATIONS, SEED)),
    }


def _lock(name: str, f0: float, stiffness: float) -> Arrays:
    past = 4 * SPEC.fft_size
    samples = 2600
    noise = 0.02 * Stream(SEED, counter_rng.SAMPLING).near_gaussian(samples + past)
    bell = 0.05 * np.sin(2.0 * np.pi * 5100.0 * np.arange(samples + past) / RATE)
    sound = partial_sum(f0, stiffness, samples + past, -past) + noise + bell
    frames = _f32(np.abs(stft(SPEC, sound))[past // SPEC.hop :][:64])
    voice = F0Lock(SPEC, RATE, SEED, len(frames))
    spectra = [voice.render(frame, f0, 0.6) for frame in frames]
    kept = (len(frames) - SPEC.fft_size // SPEC.hop) * SPEC.hop
    mid, side = (istft(SPEC, np.array(channel), kept) for channel in zip(*spectra, strict=True))
    return {f"{name}_magnitudes": frames, f"{name}_mid": mid, f"{name}_side": side}


FRAMES_SPEC = Spec(512, 64)
REFERENCE = 4.0
BANKS = {
    "bins": lambda: np.eye(FRAMES_SPEC.bins),
    "mel_slaney": lambda: mel_bank(RATE, FRAMES_SPEC.fft_size, 80, 0.0, 8000.0, "slaney", "slaney"),
    "mel_htk": lambda: mel_bank(RATE, FRAMES_SPEC.fft_size, 128, 60.0, 7000.0, "htk", "none"),
    "log": lambda: log_frequency_bank(RATE, FRAMES_SPEC.fft_size, 337, 31.25, 4000.0),
}
# Bank, law, power, floor, gate, non-negative steps: tests/representations.rs has the same list.
REPRESENTATIONS: list[tuple[str, scales.Law, int, float, float, int]] = [
    ("bins", "log1p", 1, 0.0, 0.001, 0),
    ("bins", "log1p", 2, 0.0, 0.0, 0),
    ("bins", "ln", 2, -18.0, -17.0, 0),
    ("bins", "db", 2, -80.0, -79.0, 0),
    ("bins", "linear", 2, 0.0, 1e-4, 0),
    ("mel_slaney", "db", 2, -80.0, -79.5, 0),
    ("mel_slaney", "linear", 1, 0.0, 0.0, 0),
    ("mel_slaney", "ln", 2, -18.0, -18.0, 10),
    ("mel_htk", "log1p", 2, 0.0, 0.0, 0),
    ("mel_htk", "db", 1, -90.0, -90.0, 4),
    ("log", "db", 1, -90.0, -85.0, 0),
    ("log", "log1p", 2, 0.0, 0.0, 0),
]


def representation_name(bank: str, law: str, power: int, steps: int) -> str:
    """Stem of the golden files of one representation."""
    return f"frames_{bank}_{law}_{power}_{steps}"


def _representations() -> Arrays:
    """Values of a few frames, and the magnitudes that those values, in float32, give back."""
    frames = _f32(np.abs(stft(FRAMES_SPEC, clip(2500)))[4:34:5])
    made: Arrays = {"frames_magnitudes": frames}
    for bank_name, law, power, floor, gate, steps in REPRESENTATIONS:
        name = representation_name(bank_name, law, power, steps)
        bank = BANKS[bank_name]()
        quantity = frames**power @ bank.T / REFERENCE**power
        values = _f32(scales.quantity_to_values(quantity, law, power, floor))
        bands = scales.values_to_quantity(values, law, power, gate) * REFERENCE**power
        back = bands ** (1.0 / power) if bank_name == "bins" else BandInverse(bank, power).apply(bands, steps)
        made |= {f"{name}_values": values, f"{name}_back": back}
    return made | _harmonic_noise(frames)


HARMONIC_NOISE = HarmonicNoise(RATE, FRAMES_SPEC.fft_size, 20, 12, 0.0, 8000.0)
F0_OF_FRAMES = 440.0
INHARMONICITY = 4e-4


def _harmonic_noise(frames: Real) -> Arrays:
    levels = [HARMONIC_NOISE.estimate(frame, F0_OF_FRAMES, _f32(np.array(INHARMONICITY))) for frame in frames]
    decibels = scales.quantity_to_values(np.array(levels) / REFERENCE, "db", 1, -90.0)
    heads = np.tile([F0_OF_FRAMES, INHARMONICITY], (len(frames), 1))
    values = _f32(np.concatenate([heads, decibels], axis=1))
    given = scales.values_to_quantity(values[:, 2:], "db", 1, -85.0) * REFERENCE
    back = [HARMONIC_NOISE.render(row, *head) for row, head in zip(given, values[:, :2], strict=True)]
    return {"frames_harmonic_noise_values": values, "frames_harmonic_noise_back": np.array(back)}


def arrays() -> Arrays:
    """All golden arrays by name; floats are stored as float32."""
    made = _rng() | _stft() | _scales() | _phases() | _offline() | _representations()
    made |= _lock("lock_high", F0_HZ, 6e-4) | _lock("lock_low", LOW_F0_HZ, 0.0)
    return {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in made.items()}


def write(folder: Path) -> None:
    """Writes one `.npy` file an array."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays().items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))


def check(folder: Path) -> list[str]:
    """One sentence for each file that differs from what this code makes."""
    problems = []
    for name, wanted in arrays().items():
        path = folder / f"{name}.npy"
        if not path.exists():
            problems.append(f"{path} is missing; regenerate with --write")
            continue
        found = np.load(path)
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            problems.append(f"{path} is {found.dtype}{found.shape}, expected {wanted.dtype}{wanted.shape}")
            continue
        if wanted.dtype == np.uint64:
            worst = float(np.any(found != wanted))
        else:
            difference = np.abs(found.astype(np.float64) - wanted)
            if name.startswith("phase_") and not name.endswith("magnitudes"):
                difference = np.minimum(difference, 1.0 - difference)
            worst = float(np.max(difference / (1.0 + np.abs(wanted))))
        if worst > CHECK_TOLERANCE:
            problems.append(f"{path} differs by {worst:.1e}, expected at most {CHECK_TOLERANCE:.0e}")
    return problems


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", type=Path, metavar="DIR", help="regenerate the files in DIR")
    action.add_argument("--check", type=Path, metavar="DIR", help="compare the files in DIR")
    options = parser.parse_args(arguments)
    if options.write:
        write(options.write)
        return 0
    problems = check(options.check)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
