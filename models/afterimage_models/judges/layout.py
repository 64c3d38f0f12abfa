"""Where the notes lie in a long WAV, so that one render holds a whole test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ..loudness import max_momentary_lufs
from ..midi_file import Note, read_notes
from ..spectrum import SAMPLE_RATE

SLICE_AFTER_S = 0.85  # of each note's release is judged, if the next note leaves room


@dataclass(frozen=True)
class Slice:
    """One note cut from a WAV: `audio` [samples] from note-on, `before` the 50 ms ahead of it."""

    note: Note
    audio: np.ndarray
    before: np.ndarray

    @property
    def hold_s(self) -> float:
        """Seconds held."""
        return self.note.end_s - self.note.start_s


def read_mono(path: Path) -> np.ndarray:
    """Mono samples at 48 kHz of any WAV: the mean of its channels."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    if rate != SAMPLE_RATE:
        factor = int(np.gcd(rate, SAMPLE_RATE))
        mono = resample_poly(mono, SAMPLE_RATE // factor, rate // factor)
    return mono.astype(np.float32)


def cut(audio: np.ndarray, notes: list[Note], delay_s: float = 0.0) -> list[Slice]:
    """Cut notes that do not overlap out of `audio` [samples], which plays `delay_s` late."""
    out = []
    for index, note in enumerate(notes):
        start = round((note.start_s + delay_s) * SAMPLE_RATE)
        stop_s = note.end_s + SLICE_AFTER_S
        if index + 1 < len(notes):
            stop_s = min(stop_s, notes[index + 1].start_s)
        part = audio[max(start, 0) : round((stop_s + delay_s) * SAMPLE_RATE)]
        out.append(Slice(note, part, audio[max(start - SAMPLE_RATE // 20, 0) : max(start, 0)]))
    return out


def read_slices(wav: Path, midi: Path, delay_s: float = 0.0) -> list[Slice]:
    """The notes of `midi` cut out of `wav`."""
    return cut(read_mono(wav), read_notes(midi), delay_s)


def level_gain(reference: list[Slice], test: list[Slice]) -> float:
    """One linear gain that brings the test's median loudness to the reference's: the host's fader is not judged."""
    loud = [(max_momentary_lufs(r.audio), max_momentary_lufs(t.audio)) for r, t in zip(reference, test, strict=True)]
    differences = [a - b for a, b in loud if a > -70.0 and b > -70.0]
    return float(10.0 ** (np.median(differences) / 20.0)) if differences else 1.0
