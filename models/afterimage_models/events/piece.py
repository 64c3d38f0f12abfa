"""A piece of symbolic music, and a store of many in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TICKS_PER_QUARTER = 24  # the least that holds 32nds and triplet 16ths whole


@dataclass(frozen=True)
class Piece:
    """Notes and bar lines of a piece.

    `notes`: [n, 3] start tick, duration ticks, MIDI key; sorted by start, then key. `bars`: [m] ticks of the bar
    lines, the first 0 and the last the piece's end; an anacrusis is a short first bar.
    """

    notes: np.ndarray
    bars: np.ndarray
    label: str
    metre: str
    source: str
    title: str

    @property
    def end(self) -> int:
        """The tick at which the last note ends."""
        return int((self.notes[:, 0] + self.notes[:, 1]).max())

    def top_line(self) -> np.ndarray:
        """The highest note of each start, [k, 3]: the melody of a tune, the soprano of a chorale."""
        last_of_start = np.append(self.notes[1:, 0] != self.notes[:-1, 0], True)[: len(self.notes)]
        return self.notes[last_of_start]


def save(path: Path, pieces: list[Piece]) -> None:
    """Write pieces as one compressed NumPy archive; read back by `load`."""
    about = [{"label": p.label, "metre": p.metre, "source": p.source, "title": p.title} for p in pieces]
    np.savez_compressed(
        path,
        notes=np.concatenate([p.notes for p in pieces] or [np.zeros((0, 3))]).astype(np.int32),
        note_counts=np.array([len(p.notes) for p in pieces], np.int64),
        bars=np.concatenate([p.bars for p in pieces] or [np.zeros(0)]).astype(np.int32),
        bar_counts=np.array([len(p.bars) for p in pieces], np.int64),
        about=json.dumps(about),
    )


def load(path: Path) -> list[Piece]:
    """Read what `save` wrote."""
    with np.load(path) as archive:
        notes = np.split(archive["notes"], np.cumsum(archive["note_counts"])[:-1])
        bars = np.split(archive["bars"], np.cumsum(archive["bar_counts"])[:-1])
        about = json.loads(str(archive["about"]))
    return [Piece(n, b, **a) for n, b, a in zip(notes, bars, about, strict=True)]
