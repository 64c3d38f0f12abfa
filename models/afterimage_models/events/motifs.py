"""What a piece is made of: runs of steps and lengths that come back, bars, density."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .piece import TICKS_PER_QUARTER, Piece

MOTIF_NOTES = 5
RHYTHM_NOTES = 4


def steps(piece: Piece) -> np.ndarray:
    """[n - 1, 2] for each note of the top line but the first: semitones from the one before, ticks it lasts."""
    line = piece.top_line()
    return np.stack([np.diff(line[:, 2]), line[1:, 1]], axis=1)


def motif_recurrence(piece: Piece) -> float:
    """Share of the top line's runs of MOTIF_NOTES notes (intervals and durations) that the piece had before."""
    rows = [tuple(r) for r in steps(piece).tolist()]
    runs = [tuple(rows[i : i + MOTIF_NOTES - 1]) for i in range(len(rows) - MOTIF_NOTES + 2)]
    return 1.0 - len(set(runs)) / len(runs) if runs else 0.0


def rhythms(piece: Piece) -> Counter[tuple[int, ...]]:
    """How often each run of RHYTHM_NOTES durations stands in the top line."""
    lengths = piece.top_line()[:, 1].tolist()
    return Counter(tuple(lengths[i : i + RHYTHM_NOTES]) for i in range(len(lengths) - RHYTHM_NOTES + 1))


def divergence_nats(first: Counter, second: Counter) -> float:
    """Jensen-Shannon divergence of two counts, 0 for the same shares to ln 2 for none in common (Lin 1991, eq. 4)."""
    names = sorted(set(first) | set(second))
    p = np.array([first[n] for n in names], float) / max(sum(first.values()), 1)
    q = np.array([second[n] for n in names], float) / max(sum(second.values()), 1)
    middle = 0.5 * (p + q)

    def relative(x: np.ndarray) -> float:
        there = x > 0
        return float((x[there] * np.log(x[there] / middle[there])).sum())

    return 0.5 * relative(p) + 0.5 * relative(q)


def notes_a_quarter(piece: Piece) -> float:
    """Starts of notes in the top line a quarter note."""
    return len(piece.top_line()) * TICKS_PER_QUARTER / max(piece.end, 1)


def notes_at_once(piece: Piece) -> float:
    """Notes a start: 1 for a tune, about 4 for a chorale."""
    return len(piece.notes) / max(len(piece.top_line()), 1)


def bar_length(piece: Piece) -> int:
    """Ticks of the piece's most frequent bar; 0 without a bar."""
    lengths = Counter(np.diff(piece.bars).tolist())
    return max(lengths, key=lambda ticks: lengths[ticks], default=0)


def whole_bar_share(piece: Piece) -> float:
    """Share of the bars that are as long as the piece's most frequent bar."""
    return float((np.diff(piece.bars) == bar_length(piece)).mean()) if len(piece.bars) > 1 else 0.0
