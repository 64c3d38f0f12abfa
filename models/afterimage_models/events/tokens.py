"""A piece as tokens, and back.

`note` and its `duration` sound at the present tick, notes of a chord low to high; `shift` moves the present tick,
always said, even where it equals the duration; `bar` is a bar line at the present tick; `end` ends the piece.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .piece import Piece
from .vocabulary import BAR, DURATION, END, NOTE, SHIFT, START, Vocabulary


def _shifts(vocabulary: Vocabulary, ticks: int) -> list[int]:
    """Tokens that move by `ticks` together, the largest first."""
    tokens = []
    for value in reversed(vocabulary.values[SHIFT]):
        while value <= ticks:
            tokens.append(vocabulary.token(SHIFT, value))
            ticks -= value
    if ticks:
        raise ValueError(f"no shift is as small as {ticks} ticks")
    return tokens


def encode(piece: Piece, vocabulary: Vocabulary) -> np.ndarray:
    """The tokens of a piece, from `start` to `end`. Raises UnknownValueError for what has no token."""
    at_tick: dict[int, list[int]] = {int(t): [vocabulary.token(BAR)] for t in piece.bars}
    for start, duration, key in piece.notes.tolist():
        at_tick.setdefault(start, []).extend((vocabulary.token(NOTE, key), vocabulary.token(DURATION, duration)))
    tokens, now = [vocabulary.token(START)], 0
    for tick in sorted(at_tick):
        tokens += _shifts(vocabulary, tick - now) + at_tick[tick]
        now = tick
    return np.array([*tokens, vocabulary.token(END)], np.int64)


def decode(tokens: Sequence[int] | np.ndarray, vocabulary: Vocabulary, like: Piece) -> Piece:
    """The piece that tokens say; label, metre, source and title are those of `like`. Unfinished notes are left out."""
    notes, bars, now, key = [], [], 0, None
    for token in tokens:
        name, value = vocabulary.meaning(int(token))
        if name == SHIFT:
            now += value
        elif name == BAR:
            bars.append(now)
        elif name == NOTE:
            key = value
        elif name == DURATION and key is not None:
            notes.append((now, value, key))
            key = None
    ordered = np.array(sorted(notes, key=lambda n: (n[0], n[2])), int).reshape(-1, 3)
    return Piece(ordered, np.array(bars, int), like.label, like.metre, like.source, like.title)


def prompt(tokens: np.ndarray, vocabulary: Vocabulary, bars: int) -> np.ndarray:
    """The tokens up to and with the bar line that ends bar `bars`; an anacrusis counts as a bar."""
    lines = np.flatnonzero(tokens == vocabulary.token(BAR))
    return tokens[: lines[min(bars, len(lines) - 1)] + 1]
