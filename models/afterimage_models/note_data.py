"""The training set of the pitched models: frames of normalised notes, with splits by preset and by key."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from . import note_summary
from .loudness import max_momentary_lufs
from .pitch import measure_note
from .soundfonts import FONTS, PROGRAMS, Strike, install, render_strikes
from .spectrum import HOP, N_FFT, SAMPLE_RATE, log_frames, note_to_hz
from .variants import Variant, draw, draw_wide, render, sounds_held_out

SEED = 20261122
KEYS = list(range(33, 101, 3))
SHORT_KEYS = (39, 51, 60, 66, 75, 87)
LOUD, SOFT = 100, 50
TAIL_S = 0.9
TARGET_LUFS = -23.0
VELOCITY_RANGE_DB = 10.0  # from velocity 0 to 1; fluidsynth's own range would drown soft notes in the gate
PEAK_LIMIT = 0.9
HELD_OUT_PRESETS = 0.12
HELD_OUT_KEYS = 3
TRAIN, HELD_OUT_KEY, HELD_OUT_PRESET = 0, 1, 2
MIN_HARMONIC_SHARE = 0.6
MIN_NOTES = 18
UINT8_STEP_DB = 0.5
VARIANTS = 180
FIRST_VARIANT = 1000  # preset indices from here on are variants
# Many of the wide recipe with few notes each: a latent space learns from the number of timbres.
WIDE_VARIANTS = 800
FIRST_WIDE = 2000
WIDE_NOTES = ((LOUD, 2.4, 9), (SOFT, 1.6, 5), (LOUD, 0.15, 2))  # velocity, hold in s, how many
WIDE_MIN_NOTES = 10


@dataclass(frozen=True)
class RenderedNote:
    """A normalised note: `audio` [samples] from note-on; `pitch` measured, MIDI; `velocity` 0..1."""

    audio: np.ndarray
    key: int
    pitch: float
    velocity: float
    hold_s: float


def strikes() -> list[Strike]:
    """The notes rendered of each preset: long loud, shorter soft, and a few staccato ones."""
    loud = [Strike(k, LOUD, 2.4, 2.4 + TAIL_S) for k in KEYS]
    soft = [Strike(k, SOFT, 1.6, 1.6 + TAIL_S) for k in KEYS]
    short = [Strike(k, LOUD, 0.15, 0.15 + TAIL_S) for k in SHORT_KEYS]
    return loud + soft + short


def wide_strikes(rng: np.random.Generator) -> list[Strike]:
    """The notes rendered of each wide variant: random keys of the same three kinds."""
    out = []
    for velocity, hold_s, count in WIDE_NOTES:
        keys = np.sort(rng.choice(KEYS, count, replace=False))
        out += [Strike(int(k), velocity, hold_s, hold_s + TAIL_S) for k in keys]
    return out


def normalise(audio: np.ndarray, velocity: float) -> np.ndarray:
    """Bring a note [samples] to TARGET_LUFS at full velocity, less for softer ones; all zero if it is silent."""
    loudness = max_momentary_lufs(audio)
    if loudness < -75.0:
        return np.zeros_like(audio)
    gain = 10.0 ** ((TARGET_LUFS + VELOCITY_RANGE_DB * (velocity - 1.0) - loudness) / 20.0)
    return (audio * min(gain, PEAK_LIMIT / np.max(np.abs(audio)))).astype(np.float32)


def harmonic_share(audio: np.ndarray, pitch: float) -> float:
    """Share of the power of 50..600 ms that lies within 3 % (and 2 bins) of harmonics of `pitch`."""
    part = audio[2400:28_800]
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
    hz = np.arange(len(power)) * SAMPLE_RATE / len(part)
    f0 = float(note_to_hz(pitch))
    order = np.maximum(np.round(hz / f0), 1)
    near = np.abs(hz - order * f0) < np.maximum(np.minimum(0.03 * order * f0, 0.25 * f0), 4.0)
    return float(power[near].sum() / max(power.sum(), 1e-12))


def render_preset(font: str, program: int, wanted: list[Strike]) -> list[RenderedNote]:
    """Render, normalise and measure the pitch of notes of one preset; silent ones are left out."""
    return measured(wanted, render_strikes(font, program, wanted))


def measured(wanted: list[Strike], recordings: list[np.ndarray]) -> list[RenderedNote]:
    """Normalise recordings and measure their pitch; silent ones are left out."""
    notes = []
    for strike, audio in zip(wanted, recordings, strict=True):
        velocity = strike.velocity / 127.0
        audio = normalise(audio, velocity)
        if not np.any(audio):
            continue
        end = int(min(max(strike.hold_s, 0.3), 1.2) * SAMPLE_RATE)
        pitch = measure_note(audio[1200:end], strike.key)
        if not np.isfinite(pitch):  # silent where its pitch should be: a made-up attack slower than the note is long
            continue
        notes.append(RenderedNote(audio, strike.key, pitch, velocity, strike.hold_s))
    return notes


def frame_centres(hold_s: float, length_s: float, rng: np.random.Generator) -> np.ndarray:
    """Frame indices of one note to train on: every frame of the attack, some of the hold and release."""
    last, off = int(length_s * SAMPLE_RATE) // HOP - 4, int(np.ceil(hold_s * SAMPLE_RATE / HOP))
    chosen = [np.arange(min(14, off))]
    for low, high, count in ((14, 48, 10), (48, off, 14), (off - 4, off + 12, 9), (off + 12, last, 8)):
        if high > low:
            chosen.append(rng.choice(np.arange(low, high), min(count, high - low), replace=False))
    return np.unique(np.concatenate(chosen))


def held_out_keys(program: int) -> np.ndarray:
    """Keys of a preset kept from training; the same in both fonts, because they share samples."""
    return np.random.default_rng([SEED, program]).choice(KEYS, HELD_OUT_KEYS, replace=False)


def made_up(index: int, rng: np.random.Generator) -> tuple[Variant, list[Strike]]:
    """The variant of a preset index and its notes, without those that would sound a held-out key of a source."""
    pairs = [(f, p) for f, p, _, s in preset_jobs() if s == TRAIN]
    variant = draw_wide(pairs, index) if index >= FIRST_WIDE else draw(pairs, index)
    held_out = {p: [int(k) for k in held_out_keys(p)] for _, p in variant.sources}
    wanted = wide_strikes(rng) if index >= FIRST_WIDE else strikes()
    return variant, [s for s in wanted if not sounds_held_out(variant, s, held_out)]


def preset_arrays(job: tuple[str, int, int, int]) -> dict[str, np.ndarray] | None:
    """Frames and note table of one preset; None if it has no steady pitch. `job`: font, program, index, split.

    Indices from FIRST_VARIANT on are made-up presets of training presets, all for training.
    """
    font, program, index, split = job
    rng = np.random.default_rng([SEED, 1, index])
    if index >= FIRST_VARIANT:
        variant, wanted = made_up(index, rng)
        notes = measured(wanted, render(variant, wanted))
    else:
        notes = render_preset(font, program, strikes())
    shares = [harmonic_share(n.audio, n.pitch) for n in notes if n.hold_s > 1.0]
    share = float(np.median(shares)) if shares else 0.0
    print(f"{font} {program}: {len(notes)} notes, harmonic share {share:.2f}", flush=True)
    if share < MIN_HARMONIC_SHARE or len(notes) < (WIDE_MIN_NOTES if index >= FIRST_WIDE else MIN_NOTES):
        return None
    held_out = held_out_keys(program) if index < FIRST_VARIANT else ()
    splits = [split if split else (HELD_OUT_KEY if note.key in held_out else TRAIN) for note in notes]
    return note_arrays(index, notes, splits, rng)


def note_arrays(
    index: int, notes: list[RenderedNote], splits: list[int], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Frames and note table of the notes of one preset, as `write_parts` takes them. `splits`: of each note."""
    rows: dict[str, list] = {k: [] for k in ("frames", "note", "time_on", "time_off", "table", "summary")}
    for number, (note, split) in enumerate(zip(notes, splits, strict=True)):
        n = frame_centres(note.hold_s, note.hold_s + TAIL_S, rng)
        frames = log_frames(note.audio, n * HOP)
        seconds = n * HOP / SAMPLE_RATE
        rows["frames"].append(np.round((frames + 100.0) / UINT8_STEP_DB).clip(0, 255).astype(np.uint8))
        rows["note"].append(np.full(len(n), number, np.int32))
        rows["time_on"].append(seconds.astype(np.float32))
        off = seconds - note.hold_s
        rows["time_off"].append(np.where(off >= 0, off, -1.0).astype(np.float32))
        rows["table"].append([index, note.key, note.pitch, note.velocity, note.hold_s, split])
        rows["summary"].append(note_summary.summarise(note.audio, note.pitch, note.velocity, note.hold_s))
    joined = {k: np.concatenate(rows[k]) for k in ("frames", "note", "time_on", "time_off")}
    return joined | {"table": np.array(rows["table"], np.float32), "summary": np.stack(rows["summary"])}


def preset_jobs() -> list[tuple[str, int, int, int]]:
    """All presets with their split: (font, program, index, split); whole presets are held out by seed."""
    # A program is held out in both fonts, because they share many samples.
    draw = np.random.default_rng(SEED).random(len(PROGRAMS)) < HELD_OUT_PRESETS
    held = dict(zip(PROGRAMS, draw, strict=True))
    pairs = [(font, program) for font in FONTS for program in PROGRAMS]
    return [(f, p, i, HELD_OUT_PRESET if held[p] else TRAIN) for i, (f, p) in enumerate(pairs)]


def build(folder: Path, processes: int = 2) -> None:
    """Render everything and write frames.npy, note.npy, time_on.npy, time_off.npy, table.npy, summary.npy."""
    install()
    folder.mkdir(parents=True, exist_ok=True)
    with Pool(processes) as pool:
        parts = [part for part in pool.imap(preset_arrays, all_jobs()) if part]
    write_parts(folder, parts)


def all_jobs() -> list[tuple[str, int, int, int]]:
    """Presets, then the made-up ones of both recipes."""
    indices = [*range(FIRST_VARIANT, FIRST_VARIANT + VARIANTS), *range(FIRST_WIDE, FIRST_WIDE + WIDE_VARIANTS)]
    return preset_jobs() + [("variant", 0, index, TRAIN) for index in indices]


def write_parts(folder: Path, parts: list[dict[str, np.ndarray]]) -> None:
    """Join the arrays of presets and write them."""
    offset = 0
    for part in parts:
        part["note"] += offset
        offset += len(part["table"])
    for name in parts[0]:
        np.save(folder / f"{name}.npy", np.concatenate([part[name] for part in parts]))
    frames = sum(len(p["frames"]) for p in parts)
    print(f"{len(parts)} presets, {offset} notes, {frames} frames of {N_FFT // 2 + 1} bins", flush=True)
