"""Held-out notes and shipped presets as scores for the plugin, and what its WAV says about the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..judges.layout import read_slices
from ..judges.notes import compare_all, format_table, pitch_of, summary_rows
from ..loudness import max_momentary_lufs
from ..midi_file import Note, read_notes, write_notes
from ..note_data import HELD_OUT_PRESET, KEYS, RenderedNote, held_out_keys, preset_jobs, render_preset
from ..soundfonts import Strike
from ..spectrum import SAMPLE_RATE
from .axes import Space
from .player import PackPlayer
from .trunk import LATENT

HOLD_S, SLOT_S, LEAD_IN_S = 1.5, 3.25, 0.5
# Position of the envelope's release knob at 3 s (`params.rs`: 5 ms to 20 s, skewed by a fourth root). Held-out notes
# are compared to the end of their own releases; the default of 250 ms would judge the player's envelope there.
LONG_RELEASE = ((3.0 - 0.005) / (20.0 - 0.005)) ** 0.25
KNOB_MOVE_S = 0.12  # before note-on, when the note before has died away
VELOCITY = 100
NOTES_A_PRESET = 3
HELD_OUT_KEY_NOTES = 48
PRESET_KEYS = (36, 43, 48, 53, 60, 65, 72, 77, 84, 91, 96)
SEED = 11


@dataclass
class Score:
    """Notes for one render, the knobs [16] and exact pitch of each, and the originals where there are any.

    `release`: position of the envelope's release knob, 0..1; None leaves it as the plugin opens.
    """

    notes: list[Note]
    knobs: list[np.ndarray]
    pitches: list[float]
    originals: list[np.ndarray]
    release: float | None = None

    def add(self, key: int, knobs: np.ndarray, pitch: float, original: np.ndarray | None = None) -> None:
        """Append a note in the next slot."""
        self._place(Note(0.0, HOLD_S, key, VELOCITY), knobs, pitch)
        if original is not None:
            self.originals.append(original)

    def add_note(self, note: RenderedNote, knobs: np.ndarray) -> None:
        """Append a note, as long and as loud as it was played, with its sound to compare with."""
        self._place(Note(0.0, note.hold_s, note.key, round(127 * note.velocity)), knobs, note.pitch)
        self.originals.append(note.audio)

    def _place(self, note: Note, knobs: np.ndarray, pitch: float) -> None:
        start_s = LEAD_IN_S + SLOT_S * len(self.notes)
        self.notes.append(Note(start_s, start_s + note.end_s, note.key, note.velocity))
        self.knobs.append(np.clip(knobs, -3.0, 3.0))
        self.pitches.append(pitch)

    def seconds(self) -> float:
        """Length of the render."""
        return LEAD_IN_S + SLOT_S * len(self.notes) + 0.5

    def automation(self) -> dict:
        """Automation file: knobs as steps between notes, no drift, and the notes at their measured pitch."""
        curves: dict[str, list[list[float]]] = {"drift": [[0.0, 0.0]]}
        if self.release is not None:
            curves["release_ms"] = [[0.0, self.release]]
        for axis in range(LATENT):
            points: list[list[float]] = []
            for note, knobs in zip(self.notes, self.knobs, strict=True):
                value = (float(knobs[axis]) + 3.0) / 6.0
                at = max(note.start_s - KNOB_MOVE_S, 0.0)
                if points:
                    points.append([at, points[-1][1]])
                points.append([at, value])
            curves[f"latent_{axis + 1}"] = points
        rows = [
            [n.start_s, n.end_s, n.key, n.velocity / 127.0, pitch - n.key]
            for n, pitch in zip(self.notes, self.pitches, strict=True)
        ]
        return {"parameters": curves, "notes": rows}

    def write(self, folder: Path, name: str) -> None:
        """Write NAME.mid, NAME.automation.json and, with originals, NAME.original.wav."""
        folder.mkdir(parents=True, exist_ok=True)
        write_notes(folder / f"{name}.mid", self.notes)
        (folder / f"{name}.automation.json").write_text(json.dumps(self.automation()))
        if self.originals:
            audio = np.zeros(int(self.seconds() * SAMPLE_RATE), np.float32)
            for note, original in zip(self.notes, self.originals, strict=True):
                start = round(note.start_s * SAMPLE_RATE)
                audio[start : start + len(original)] = original
            soundfile.write(folder / f"{name}.original.wav", audio, SAMPLE_RATE, subtype="FLOAT")


def held_out_notes() -> tuple[list[RenderedNote], list[RenderedNote]]:
    """Originals of held-out presets, and held-out keys of training presets, chosen by seed."""
    rng = np.random.default_rng(SEED)
    presets, keys = [], []
    for font, program, _, split in preset_jobs():
        own = held_out_keys(program)
        wanted = rng.choice(KEYS[1:-2], NOTES_A_PRESET, replace=False) if split == HELD_OUT_PRESET else own[:1]
        if split != HELD_OUT_PRESET and rng.random() > 0.3:
            continue
        strikes = [Strike(int(k), VELOCITY, HOLD_S, HOLD_S + 0.9) for k in wanted]
        (presets if split == HELD_OUT_PRESET else keys).extend(render_preset(font, program, strikes))
    return presets, keys[:HELD_OUT_KEY_NOTES]


def held_out_score(infer: Callable[[RenderedNote], np.ndarray], space: Space, notes: list[RenderedNote]) -> Score:
    """The notes as played by the pack: each from its own latent [16], which `infer` finds."""
    score = Score([], [], [], [], LONG_RELEASE)
    for note in notes:
        score.add(note.key, space.to_knobs(infer(note)[None])[0], note.pitch, note.audio)
    return score


def preset_score(player: PackPlayer) -> Score:
    """Every shipped preset over its range, at nominal pitch."""
    score = Score([], [], [], [])
    for knobs in player.presets.values():
        for key in PRESET_KEYS:
            score.add(key, knobs, float(key))
    return score


def render_stand_in(player: PackPlayer, score: Score, wav: Path) -> None:
    """Play a score with the NumPy stand-in instead of the plugin."""
    audio = np.zeros(int(score.seconds() * SAMPLE_RATE), np.float32)
    for note, knobs, pitch in zip(score.notes, score.knobs, score.pitches, strict=True):
        sound = player.note(knobs, note, SLOT_S - HOLD_S - 0.05, pitch)
        start = round(note.start_s * SAMPLE_RATE)
        audio[start : start + len(sound)] += sound
    soundfile.write(wav, audio, SAMPLE_RATE, subtype="FLOAT")


def judge_held_out(folder: Path, name: str, wav: Path) -> dict[str, dict[str, float]]:
    """Print the table of a rendered held-out score; returns mean, worst decile and share kept by measure."""
    midi = folder / f"{name}.mid"
    rows = compare_all(read_slices(folder / f"{name}.original.wav", midi), read_slices(wav, midi))
    table = summary_rows(rows)
    print(f"{name}: {len(rows)} notes, {wav.name}\n{format_table(table)}\n", flush=True)
    return {n: {"mean": m, "worst_decile": w, "kept": k} for n, _, m, _, w, k in table}


def judge_presets(names: list[str], midi: Path, wav: Path) -> dict[str, float]:
    """Print pitch and loudness of every preset; returns the shares and the spread of loudness."""
    slices = read_slices(wav, midi)
    notes = read_notes(midi)
    cents = np.array([100.0 * (pitch_of(s.audio, n.key, s.hold_s) - n.key) for s, n in zip(slices, notes, strict=True)])
    loud = np.array([max_momentary_lufs(s.audio) for s in slices]).reshape(len(names), -1)
    cents = cents.reshape(len(names), -1)
    for name, row, level in zip(names, cents, loud, strict=True):
        share, worst = np.mean(np.abs(row) <= 10), np.max(np.abs(row))
        print(f"{name:14} within 10 cents {share:.2f} worst {worst:5.1f} {level.mean():6.1f} LUFS")
    middle = loud.mean(1)
    return {
        "within_10_cents": float(np.mean(np.abs(cents) <= 10)),
        "loudness_spread_lu": float(middle.max() - middle.min()),
    }
