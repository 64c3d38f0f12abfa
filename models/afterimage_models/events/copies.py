"""How long a run a piece shares with others: the measure of what was learned by heart."""

from __future__ import annotations

import numpy as np

from .motifs import steps
from .piece import Piece

LONGEST_NOTES = 200
# Constants of the 64-bit finaliser of Stafford 2011 ("mix13"), as in Steele, Lea & Flood 2014, "Fast splittable
# pseudorandom number generators", fig. 16.
MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
ODD = np.uint64(0x9E3779B97F4A7C15)


def _mixed(values: np.ndarray) -> np.ndarray:
    for shift, factor in MIX:
        values = (values ^ (values >> shift)) * factor
    return values ^ (values >> np.uint64(31))


def _symbols(piece: Piece) -> np.ndarray:
    """A 64-bit hash of each step of the piece's top line."""
    interval, ticks = steps(piece).T
    return _mixed(((interval + 512) * 4096 + ticks).astype(np.uint64) + ODD)


SOURCES, QUERIES = 1 << 40, 2 << 40
"""Where the marks between pieces count from: no mark equals a step, and none of one side equals one of the other."""


def _joined(pieces: list[Piece], first_mark: int) -> np.ndarray:
    """The steps' hashes of all pieces in a row, a mark after each that stands nowhere else."""
    marks = _mixed(np.arange(first_mark, first_mark + len(pieces), dtype=np.uint64))
    return np.concatenate([part for i, p in enumerate(pieces) for part in (_symbols(p), marks[i : i + 1])])


class CopyFinder:
    """Finds the longest run of notes that a piece has in common with a set of pieces, in any key."""

    def __init__(self, sources: list[Piece]) -> None:
        self._sources = _joined(sources, SOURCES)

    def longest_notes(self, pieces: list[Piece]) -> np.ndarray:
        """[pieces] notes of the longest run whose intervals, and durations but the first, stand in one source."""
        queries, owner = (
            _joined(pieces, QUERIES),
            np.repeat(np.arange(len(pieces)), [len(p.top_line()) for p in pieces]),
        )
        longest = np.zeros(len(pieces), int)
        known, asked = self._sources, queries
        for length in range(1, LONGEST_NOTES):
            found = np.isin(asked, known)
            if not found.any():
                break
            longest[owner[: len(found)][found]] = length + 1
            known = known[:-1] * ODD + self._sources[length:]
            asked = asked[:-1] * ODD + queries[length:]
        return longest
