"""Recordings of textures from freely licensed sources: CC0 ambiences, and sustained General MIDI sounds over a drone.

All chords are built on D without a third (but for one), so that the pack's tones agree with each other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ..midi_file import write_events
from ..real_clips import sample_folder
from ..soundfonts import FONTS, play_events
from ..spectrum import SAMPLE_RATE

CHORDS = ((38, 45, 50), (50, 57, 62, 64), (57, 62, 69, 74), (43, 50, 57, 66))
HELD = (16, 19, 44, 48, 49, 50, 51, 52, 53, 54, 88, 89, 90, 91, 92, 93, 94, 95, 97, 101)
STRUCK = (96, 98, 99, 100, 102, 103, 11, 14)  # these die away, so their notes come again and again
NOISES = (121, 122, 125, 126)
SKIP_S, CLIP_S = 1.5, 8.0
AGAIN_S = (0.7, 2.2)
VELOCITY = 88
AMBIENCES = (
    "ambi_choir", "ambi_dark_woosh", "ambi_drone", "ambi_glass_hum", "ambi_glass_rub", "ambi_haunted_hum",
    "ambi_lunar_land", "ambi_piano", "ambi_sauna", "ambi_soft_buzz", "ambi_swoosh", "loop_drone_g_97", "tbd_pad_1",
    "tbd_pad_2", "tbd_pad_3", "tbd_pad_4", "tbd_fxbed_loop", "vinyl_hiss", "misc_cineboom", "loop_weirdo",
)  # fmt: skip
LEAST_S = 2.2  # shorter ambiences have no time axis to learn


@dataclass(frozen=True)
class Texture:
    """A recording: `audio` [samples] mono at 48 kHz, where it is from, whether training may not see it."""

    audio: np.ndarray
    source: str
    held_out: bool


def _struck(chord: tuple[int, ...], rng: np.random.Generator) -> list[tuple[float, bytes]]:
    events = []
    for key in chord:
        at = float(rng.uniform(0.0, 1.0))
        while at < SKIP_S + CLIP_S:
            until = at + float(rng.uniform(*AGAIN_S))
            events += [(at, bytes([0x90, key, VELOCITY])), (until - 0.02, bytes([0x80, key, 0]))]
            at = until
    return sorted(events)


def _held(chord: tuple[int, ...]) -> list[tuple[float, bytes]]:
    end = SKIP_S + CLIP_S + 0.5
    return [(0.0, bytes([0x90, k, VELOCITY])) for k in chord] + [(end, bytes([0x80, k, 0])) for k in chord]


def played(font: str, program: int, index: int) -> np.ndarray:
    """A chord [samples] of a program, past its attack."""
    rng = np.random.default_rng([program, index])
    notes = _struck(CHORDS[index], rng) if program in STRUCK else _held(CHORDS[index])
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "texture.mid", Path(folder) / "texture.wav"
        write_events(midi, [(0.0, bytes([0xC0, program])), *notes])
        audio = play_events(font, midi, wav)
    return audio[int(SKIP_S * SAMPLE_RATE) : int((SKIP_S + CLIP_S) * SAMPLE_RATE)]


def general_midi() -> Iterator[Texture]:
    """Every program and chord of both fonts; a chord of each program, not always the same, is held out."""
    for font in FONTS:
        for place, program in enumerate((*HELD, *STRUCK, *NOISES)):
            chords = range(2) if program in NOISES else range(len(CHORDS))
            for index in chords:
                held_out = index == place % len(CHORDS)
                yield Texture(played(font, program, index), f"{font} {program} chord {index}", held_out)


def ambiences(cache: Path) -> Iterator[Texture]:
    """The ambiences of the CC0 package; the last third of each longer one is held out."""
    folder = sample_folder(cache)
    for name in AMBIENCES:
        audio, rate = soundfile.read(folder / f"{name}.flac", dtype="float32", always_2d=True)
        divisor = int(np.gcd(SAMPLE_RATE, rate))
        mono = resample_poly(audio.mean(axis=1), SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)
        cut = len(mono) * 2 // 3
        if len(mono) - cut < LEAST_S * SAMPLE_RATE:
            if len(mono) >= LEAST_S * SAMPLE_RATE:
                yield Texture(mono, name, False)
            continue
        yield Texture(mono[:cut], f"{name}, begin", False)
        yield Texture(mono[cut:], f"{name}, end", True)


def textures(cache: Path) -> Iterator[Texture]:
    """All of them. `cache`: where packages are kept."""
    cache.mkdir(parents=True, exist_ok=True)
    yield from ambiences(cache)
    yield from general_midi()
