"""Random training batches of note frames: some notes, some frames of each, and what they are encoded from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..note_data import HELD_OUT_KEY, TRAIN, UINT8_STEP_DB
from ..spectrum import FLOOR_DB, HOP, SAMPLE_RATE
from .colouring import Colouring

SOURCES = 3
PRESET, KEY, PITCH, VELOCITY, HOLD, SPLIT = range(6)
MIN_SOURCE_HOLD_S = 1.0  # staccato notes do not show a timbre's whole course
# Stored frames are dense at the attack; a note is mostly hold. Weights of a batch's draw between the two.
ATTACK_S, RELEASE_S = 14 * HOP / SAMPLE_RATE, 12 * HOP / SAMPLE_RATE
ATTACK_WEIGHT, HOLD_WEIGHT, RELEASE_WEIGHT, SILENCE_WEIGHT = 0.6, 1.6, 0.8, 1.0


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
    """The arrays of `note_data.build`, indexed by note. Notes held no longer than a least time encode no timbre."""

    def __init__(self, folder: Path, min_source_hold_s: float = MIN_SOURCE_HOLD_S) -> None:
        self.frames = np.load(folder / "frames.npy", mmap_mode="r")
        note = np.load(folder / "note.npy")
        self.time_on, self.time_off = np.load(folder / "time_on.npy"), np.load(folder / "time_off.npy")
        self.table, self.summary = np.load(folder / "table.npy"), np.load(folder / "summary.npy")
        self.first = np.searchsorted(note, np.arange(len(self.table)))
        self.count = np.bincount(note, minlength=len(self.table))
        can_encode = self.table[:, HOLD] > min_source_hold_s
        allowed = can_encode & (self.table[:, SPLIT] != HELD_OUT_KEY)
        self.sources = {int(p): np.flatnonzero(allowed & (self.table[:, PRESET] == p)) for p in self.presets()}
        self.can_encode = can_encode
        held = np.where(self.time_on < ATTACK_S, ATTACK_WEIGHT, HOLD_WEIGHT)
        after = np.where(self.time_off < RELEASE_S, RELEASE_WEIGHT, SILENCE_WEIGHT)
        weight = np.where(self.time_off < 0.0, held, after)
        self.edges = np.concatenate([[0.0], np.cumsum(weight)])

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
        """Coloured batch of `frames_each` random frames of each of `notes`; `own_share` encoded from themselves."""
        sources = np.stack([self.encoding_sources(n, rng.random() < own_share, rng) for n in notes])
        low, high = self.edges[self.first[notes]], self.edges[self.first[notes] + self.count[notes]]
        drawn = low[:, None] + (high - low)[:, None] * rng.random((len(notes), frames_each))
        last = self.first[notes] + self.count[notes] - 1
        rows = np.minimum(np.searchsorted(self.edges, drawn, side="right") - 1, last[:, None])
        return self._gather(notes, sources, list(rows), Colouring(len(notes), rng))

    def whole(self, notes: np.ndarray, own_share: float, rng: np.random.Generator) -> Batch:
        """Batch of all stored frames of `notes`."""
        sources = np.stack([self.encoding_sources(n, rng.random() < own_share, rng) for n in notes])
        return self._gather(notes, sources, [self.first[n] + np.arange(self.count[n]) for n in notes])

    def seen(self, sources: np.ndarray, colouring: Colouring | None) -> np.ndarray:
        """What notes are encoded from, by `sources` [notes, SOURCES]: summaries, coloured if asked for."""
        summary = self.summary[sources]
        if colouring is None:
            return summary
        return colouring.on_summaries(summary, self.table[sources, PITCH], self.table[sources, HOLD])

    def _gather(
        self, notes: np.ndarray, sources: np.ndarray, rows: list[np.ndarray], colouring: Colouring | None = None
    ) -> Batch:
        owner = np.repeat(np.arange(len(notes)), [len(r) for r in rows])
        index = np.concatenate(rows)
        target = self.frames[index].astype(np.float32) * UINT8_STEP_DB + FLOOR_DB
        seen = self.seen(sources, colouring)  # before the frames: it levels the filter
        if colouring is not None:
            target = colouring.on_frames(target, owner, self.time_on[index])

        def column(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).unsqueeze(1)

        table = self.table[notes][owner]
        times = column(self.time_on[index]), column(self.time_off[index])
        return Batch(
            torch.from_numpy(seen), torch.from_numpy(owner),
            column(table[:, PITCH]), column(table[:, VELOCITY]), times, torch.from_numpy(target),
        )  # fmt: skip
