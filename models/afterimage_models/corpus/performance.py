"""From a score to messages: seconds, accents, small unevenness, and chords under a waltz."""

from __future__ import annotations

import numpy as np

from ..events.piece import TICKS_PER_QUARTER, Piece
from ..midi_file import Note

TIMING_S = 0.006  # standard deviation of a good player's unevenness
VELOCITY_SPREAD = 5.0
BAR_VELOCITY, OTHER_VELOCITY = 100, 84
BREATH = 0.94  # share of its written length that a note is held


def perform(piece: Piece, tempo_bpm: float, seed: int, length_s: float, transpose: int = 0) -> list[Note]:
    """Notes of `piece`, played again from its first whole bar as often as `length_s` takes."""
    rng = np.random.default_rng(seed)
    tick_s = 60.0 / tempo_bpm / TICKS_PER_QUARTER
    bars = piece.bars.tolist()
    origin = bars[1] if len(bars) > 2 and bars[1] - bars[0] < bars[2] - bars[1] else bars[0]
    period = max(piece.end, bars[-1]) - origin
    lines = set(bars)
    notes: list[Note] = []
    for turn in range(1 + int(length_s / (period * tick_s))):
        for start, duration, key in piece.notes.tolist():
            if start < origin:
                continue
            at = max(0.0, (start - origin + turn * period) * tick_s + rng.normal(0.0, TIMING_S))
            if at >= length_s:
                break
            loud = BAR_VELOCITY if start in lines else OTHER_VELOCITY
            velocity = int(np.clip(loud + rng.normal(0.0, VELOCITY_SPREAD), 1, 127))
            end = min(at + duration * tick_s * BREATH, length_s)
            notes.append(Note(at, max(end, at + 0.03), key + transpose, velocity))
    return notes
