"""Random training batches of note frames: some notes, some frames of each, and what they are encoded from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..note_data import HELD_OUT_KEY, HELD_OUT_PRESET, TRAIN, UINT8_STEP_DB
from ..spectrum import FLOOR_DB

SOURCES = 3
PRESET, KEY, PITCH, VELOCITY, HOLD, SPLIT = range(6)
MIN_SOURCE_HOLD_S = 1.0  # staccato notes do not show a timbre's whole course


@dataclass
class Batch:
    """Frames to predict and what they are predicted from.

    `summary`: [notes, SOURCES, SIZE]. `owner`: [frames] row in `summary`. `pitch`, `velocity`, `time_on`,
    `time_off`: [frames, 1]. `target`: [frames, BINS] dB.
    """

    summary: Tensor
    owner: Tensor
    pitch: Tensor
    velocity: Tensor
    times: tuple[Tensor, Tensor]
    target: Tensor


class NoteSet:
    """The arrays of `note_data.build`, indexed by note."""

    def __init__(self, folder: Path) -> None:
        self.frames = np.load(folder / "frames.npy", mmap_mode="r")
        note = np.load(folder / "note.npy")
        self.time_on, self.time_off = np.load(folder / "time_on.npy"), np.load(folder / "time_off.npy")
        self.table, self.summary = np.load(folder / "table.npy"), np.load(folder / "summary.npy")
        self.first = np.searchsorted(note, np.arange(len(self.table)))
        self.count = np.bincount(note, minlength=len(self.table))
        can_encode = self.table[:, HOLD] > MIN_SOURCE_HOLD_S
        allowed = can_encode & (self.table[:, SPLIT] != HELD_OUT_KEY)
        self.sources = {int(p): np.flatnonzero(allowed & (self.table[:, PRESET] == p)) for p in self.presets()}
        self.can_encode = can_encode

    def presets(self) -> np.ndarray:
        """Indices of the presets in the set."""
        return np.unique(self.table[:, PRESET]).astype(int)

    def training_presets(self) -> np.ndarray:
        """Indices of the presets that are trained on."""
        return np.unique(self.table[self.table[:, SPLIT] == TRAIN, PRESET]).astype(int)

    def notes(self, split: int) -> np.ndarray:
        """Row numbers of the notes of a split (TRAIN, HELD_OUT_KEY, HELD_OUT_PRESET)."""
        return np.flatnonzero(self.table[:, SPLIT] == split)

    def encoding_sources(self, note: int, own: bool, rng: np.random.Generator) -> np.ndarray:
        """SOURCES rows to encode `note` from: itself, or others of its preset."""
        if own and self.can_encode[note]:
            return np.full(SOURCES, note)
        return rng.choice(self.sources[int(self.table[note, PRESET])], SOURCES)

    def batch(self, notes: np.ndarray, frames_each: int, own_share: float, rng: np.random.Generator) -> Batch:
        """Batch of `frames_each` random frames of each of `notes`; `own_share` of them encoded from themselves."""
        sources = np.stack([self.encoding_sources(n, rng.random() < own_share, rng) for n in notes])
        rows = [self.first[n] + rng.integers(0, self.count[n], frames_each) for n in notes]
        return self._gather(notes, sources, rows)

    def whole(self, notes: np.ndarray, own_share: float, rng: np.random.Generator) -> Batch:
        """Batch of all stored frames of `notes`."""
        sources = np.stack([self.encoding_sources(n, rng.random() < own_share, rng) for n in notes])
        return self._gather(notes, sources, [self.first[n] + np.arange(self.count[n]) for n in notes])

    def _gather(self, notes: np.ndarray, sources: np.ndarray, rows: list[np.ndarray]) -> Batch:
        owner = np.repeat(np.arange(len(notes)), [len(r) for r in rows])
        index = np.concatenate(rows)
        target = torch.from_numpy(self.frames[index]).float() * UINT8_STEP_DB + FLOOR_DB

        def column(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).unsqueeze(1)

        table = self.table[notes][owner]
        times = column(self.time_on[index]), column(self.time_off[index])
        return Batch(
            torch.from_numpy(self.summary[sources]), torch.from_numpy(owner),
            column(table[:, PITCH]), column(table[:, VELOCITY]), times, target,
        )  # fmt: skip


__all__ = ["HELD_OUT_KEY", "HELD_OUT_PRESET", "TRAIN", "Batch", "NoteSet"]
