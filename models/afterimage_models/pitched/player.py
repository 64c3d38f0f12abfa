"""Plays the exported graph without the plugin: frames from ONNX Runtime, sound from the NumPy stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..midi_file import Note
from ..onnx_session import open_session
from ..spectrum import HOP, SAMPLE_RATE
from ..synth import note_audio

ROWS_A_CALL = 64
ToBins = Callable[[np.ndarray], np.ndarray]
"""Frames as a graph gives them, [n, values], to bins [n, BINS] in dB."""


def as_they_are(frames: np.ndarray) -> np.ndarray:
    """Of a graph that gives bins."""
    return frames


class PackPlayer:
    """A session on a pack's decode graph and the manifest beside it."""

    def __init__(self, folder: Path, to_bins: ToBins = as_they_are) -> None:
        self.to_bins = to_bins
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.session = open_session(folder / self.manifest["graphs"]["decode"]["file"])
        self.presets = {p["name"]: np.array(p["latent"], np.float32) for p in self.manifest["latent"]["presets"]}

    def frames(self, latent: np.ndarray, pitch: float, velocity: float, hold_s: float, length_s: float) -> np.ndarray:
        """Frames [n, BINS] dB of one note. `latent`: [16] knobs, or [n, 16] when they move."""
        count = int(length_s * SAMPLE_RATE) // HOP + 1
        seconds = (np.arange(count) * HOP / SAMPLE_RATE).astype(np.float32)
        latents = np.broadcast_to(latent, (count, latent.shape[-1])).astype(np.float32)
        off = np.where(seconds >= hold_s, seconds - hold_s, -1.0).astype(np.float32)
        out = []
        for start in range(0, count, ROWS_A_CALL):
            part = slice(start, min(start + ROWS_A_CALL, count))
            rows = part.stop - part.start
            feed = {
                "latent": latents[part],
                "pitch": np.full((rows, 1), pitch, np.float32),
                "velocity": np.full((rows, 1), velocity, np.float32),
                "time_on": seconds[part, None],
                "time_off": off[part, None],
            }
            out.append(self.to_bins(self.session.run(["frame"], feed)[0]))
        return np.concatenate(out)

    def note(self, latent: np.ndarray, note: Note, tail_s: float = 0.9, pitch: float | None = None) -> np.ndarray:
        """Sound [samples] of one note from note-on to `tail_s` past note-off."""
        hold_s = note.end_s - note.start_s
        exact = float(note.key) if pitch is None else pitch
        frames = self.frames(latent, exact, note.velocity / 127.0, hold_s, hold_s + tail_s)
        return note_audio(frames, exact, seed=note.key)[: int((hold_s + tail_s) * SAMPLE_RATE)]

    def play(self, notes: list[Note], latents: list[np.ndarray]) -> np.ndarray:
        """Sound [samples] of notes, each with its own latent [16] or trajectory."""
        out = np.zeros(int((max(n.end_s for n in notes) + 1.2) * SAMPLE_RATE), np.float32)
        for note, latent in zip(notes, latents, strict=True):
            sound = self.note(latent, note)
            start = round(note.start_s * SAMPLE_RATE)
            out[start : start + len(sound)] += sound[: len(out) - start]
        return out
