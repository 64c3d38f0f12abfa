"""From sounds to the arrays that the pitched models train on, as `note_data` writes them of rendered presets."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..note_data import HELD_OUT_KEY, SEED, TAIL_S, TRAIN, RenderedNote, normalise, note_arrays, write_parts
from ..spectrum import SAMPLE_RATE
from .folder import Sound, audio_files, read_sound, scan

SOUNDS = "sounds.json"
RELEASE_S, RELEASED_DB = 0.25, -60.0
HELD_SHARE = 0.6  # of a sound, after which its second copy is let go
NATURAL_END_DB = -40.0  # a sound that has fallen so far at its end has ended by itself
END_S, ENDED_HOLD_S = 0.05, 2.4
HOLD_OUT_FROM, HOLD_OUT_SHARE, HOLD_OUT_OF = 20, 0.1, 3  # sounds; of them; a timbre has at least so many


def release(audio: np.ndarray, hold_s: float) -> np.ndarray:
    """The sound [samples] let go after `hold_s`: a fall straight in dB over RELEASE_S, then silence to TAIL_S."""
    hold, length = int(hold_s * SAMPLE_RATE), int((hold_s + TAIL_S) * SAMPLE_RATE)
    out = np.zeros(length, np.float32)
    out[: min(length, len(audio))] = audio[:length]
    gone_s = np.arange(length - hold) / SAMPLE_RATE
    fall_db = np.where(gone_s < RELEASE_S, RELEASED_DB * gone_s / RELEASE_S, -np.inf)
    out[hold:] *= 10.0 ** (fall_db / 20.0)
    return out


def ended(audio: np.ndarray) -> bool:
    """True of a sound [samples] that had died away before its file ended: held on, it stays silent."""
    blocks = audio[: len(audio) // 480 * 480].reshape(-1, 480)
    power = (blocks.astype(np.float64) ** 2).mean(1)
    return bool(power[-int(END_S * 100) :].mean() < power.max() * 10.0 ** (NATURAL_END_DB / 10.0))


def holds(audio: np.ndarray) -> list[float]:
    """How long, in s, each copy of a sound [samples] is held: as long as it lasts, and HELD_SHARE of that.

    Samples have no note-off. What the last RELEASE_S of a cut sound held becomes its release.
    """
    length_s = len(audio) / SAMPLE_RATE
    if ended(audio):
        return [max(length_s, ENDED_HOLD_S), HELD_SHARE * length_s]
    full_s = max(length_s - RELEASE_S, HELD_SHARE * length_s)
    return [full_s, HELD_SHARE * full_s]


def copies(sound: Sound, audio: np.ndarray) -> list[RenderedNote]:
    """The sound [samples] held at full length, then let go early; normalised as the shipped training set is."""
    level = normalise(audio, sound.velocity)
    return [RenderedNote(release(level, h), sound.key, sound.pitch, sound.velocity, h) for h in holds(level)]


def timbres(sounds: list[Sound]) -> list[str]:
    """Names of the timbres, in the order of their numbers in the note table."""
    return sorted({s.timbre for s in sounds})


def held_out(sounds: list[Sound]) -> set[str]:
    """Files kept from training, by seed: a tenth of many, and no timbre loses more than a third."""
    if len(sounds) < HOLD_OUT_FROM:
        return set()
    left = Counter(s.timbre for s in sounds)
    most = {timbre: count // HOLD_OUT_OF for timbre, count in left.items()}
    out: set[str] = set()
    for index in np.random.default_rng(SEED).permutation(len(sounds)):
        sound = sounds[int(index)]
        if len(out) < round(HOLD_OUT_SHARE * len(sounds)) and most[sound.timbre] > 0:
            most[sound.timbre] -= 1
            out.add(sound.file)
    return out


def fingerprint(folder: Path) -> str:
    """Changes when a sound is added, taken away or written again. Raises FolderError."""
    rows = [(str(p.relative_to(folder)), p.stat().st_size, p.stat().st_mtime_ns) for p in audio_files(folder)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def build(folder: Path, out: Path) -> tuple[list[Sound], bool]:
    """Write the arrays of a folder and what was heard in it; returns its sounds, and whether they are new.

    Nothing is done again while the folder stays as it is. Raises FolderError.
    """
    stamp, known = fingerprint(folder), out / SOUNDS
    if known.exists():
        saved = json.loads(known.read_text())
        if saved["fingerprint"] == stamp:
            return [Sound(**row) for row in saved["sounds"]], False
    sounds = scan(folder)
    numbers = {name: number for number, name in enumerate(timbres(sounds))}
    kept_out = held_out(sounds)
    rng = np.random.default_rng([SEED, 2])
    parts = []
    for sound in sounds:
        notes = copies(sound, read_sound(folder / sound.file))
        split = HELD_OUT_KEY if sound.file in kept_out else TRAIN
        parts.append(note_arrays(numbers[sound.timbre], notes, [split] * len(notes), rng))
    out.mkdir(parents=True, exist_ok=True)
    write_parts(out, parts)
    known.write_text(json.dumps({"fingerprint": stamp, "sounds": [asdict(s) for s in sounds]}, indent=1))
    return sounds, True
