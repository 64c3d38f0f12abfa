"""The note set with what this model's encoder sees: a note's own log-frequency frames at the summary's times."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..note_data import UINT8_STEP_DB, RenderedNote
from ..note_summary import OFF_TIMES_S, ON_TIMES_S, centres
from ..pitched.colouring import Colouring
from ..pitched.note_set import HOLD, PITCH, VELOCITY, NoteSet
from ..spectrum import FLOOR_DB, GATE_DB, log_frames
from .bands import band_hz, bank
from .network import SILENT_DB

ROWS_A_TURN = 4096


def to_bands(frames_db: np.ndarray) -> np.ndarray:
    """Bins [n, BINS] in dB to bands [n, BANDS] in dB, silent under the gate."""
    amplitudes = np.where(frames_db < GATE_DB, 0.0, 10.0 ** (frames_db / 20.0)).astype(np.float32)
    levels = 20.0 * np.log10(amplitudes @ bank().T + 1e-9)
    return np.where(levels < GATE_DB, SILENT_DB, levels).astype(np.float32)


def seen_of(note: RenderedNote) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the encoder takes of one note: frames [1, TIMES, BANDS] dB, pitch and velocity [1, 1]."""
    frames = to_bands(log_frames(note.audio, centres(note.hold_s)))
    return frames[None], np.full((1, 1), note.pitch, np.float32), np.full((1, 1), note.velocity, np.float32)


class BandNoteSet(NoteSet):
    """A note set whose batches are encoded from frames: `summary` is [notes, SOURCES, TIMES * BANDS + 2]."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.row_of = np.cumsum(self.can_encode) - 1
        chosen = np.flatnonzero(self.can_encode)
        self.stack_rows = np.stack([self._nearest(note) for note in chosen])
        levels = FLOOR_DB + UINT8_STEP_DB * np.arange(256, dtype=np.float32)
        wanted = np.unique(self.stack_rows)
        place = np.searchsorted(wanted, self.stack_rows)
        bands = [to_bands(levels[self.frames[part]]) for part in np.array_split(wanted, len(wanted) // ROWS_A_TURN + 1)]
        self.stacks = np.round((np.concatenate(bands) - SILENT_DB) / UINT8_STEP_DB).clip(0, 255).astype(np.uint8)[place]

    def _nearest(self, note: int) -> np.ndarray:
        """Stored frames [TIMES] of a note nearest to the summary's times: not every frame is kept."""
        own = self.first[note] + np.arange(self.count[note])
        off = self.time_off[own]
        held, released = own[off < 0.0], own[off >= 0.0]
        on_s = np.minimum(ON_TIMES_S, self.table[note, HOLD] - 0.03)
        at_on = np.abs(self.time_on[held][:, None] - on_s).argmin(0)
        at_off = np.abs(self.time_off[released][:, None] - OFF_TIMES_S).argmin(0)
        return np.concatenate([held[at_on], released[at_off]])

    def seen(self, sources: np.ndarray, colouring: Colouring | None) -> np.ndarray:
        """What encodes notes from `sources` [notes, SOURCES]: coloured frames, then pitch and velocity."""
        stacks = self.stacks[self.row_of[sources]].astype(np.float32) * UINT8_STEP_DB + SILENT_DB
        if colouring is not None:
            super().seen(sources, colouring)  # levels the filter by the first source's summary
            stacks = colouring.on_stacks(stacks, self.time_on[self.stack_rows[self.row_of[sources]]], band_hz())
        notes, count = sources.shape
        table = self.table[sources]
        flat = stacks.reshape(notes, count, -1)
        return np.concatenate([flat, table[..., [PITCH, VELOCITY]]], axis=2).astype(np.float32)
