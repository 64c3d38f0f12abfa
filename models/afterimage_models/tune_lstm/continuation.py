"""How well the model goes on from the first bars of held-out tunes, beside the tunes' own next bars."""

from __future__ import annotations

import numpy as np

from ..events.motifs import bar_length
from ..events.piece import Piece
from ..events.player import EventPlayer, Wish
from ..events.tokens import decode, prompt
from ..events.tonality import find_key, share_in
from .split import HELD_OUT
from .tune_set import TuneSet

PROMPT_BARS, NEXT_BARS, TUNES = 4, 8, 60
LONGEST_TOKENS, SEED = 420, 59


def wish(tunes: TuneSet, player: EventPlayer, index: int, bars: int) -> Wish:
    """To go on from the first bars of a piece, its label and metre told."""
    given = prompt(tunes.tokens[index], player.vocabulary, bars)
    return Wish(tunes.labels[tunes.label[index]], tunes.metres[tunes.metre[index]], tuple(given.tolist()))


def _between(piece: Piece, first_bar: int, last_bar: int) -> Piece | None:
    """The notes and bar lines from one bar line to another; None where too little is there."""
    if len(piece.bars) <= last_bar:
        return None
    low, high = piece.bars[first_bar], piece.bars[last_bar]
    starts = piece.notes[:, 0]
    notes = piece.notes[(starts >= low) & (starts < high)]
    bars = piece.bars[first_bar : last_bar + 1]
    return Piece(notes, bars, piece.label, piece.metre, piece.source, piece.title) if len(notes) else None


def fit(piece: Piece) -> tuple[float, float] | None:
    """Of the bars after the prompt: share of notes in the prompt's key, share of bars as long as the prompt's."""
    before, after = _between(piece, 0, PROMPT_BARS), _between(piece, PROMPT_BARS, PROMPT_BARS + NEXT_BARS)
    if before is None or after is None:
        return None
    same = np.diff(after.bars) == bar_length(before)
    return share_in(after.notes, *find_key(before.notes)), float(same.mean())


def measure(player: EventPlayer, tunes: TuneSet) -> dict[str, dict[str, float]]:
    """Means over held-out folk tunes that are long enough, and the share of continuations that ended too soon."""
    rows = [int(i) for i in tunes.of_part(HELD_OUT) if tunes.pieces[i].label != "chorale"]
    rows = [i for i in rows if fit(tunes.pieces[i]) is not None][:TUNES]
    drawn = player.draw([wish(tunes, player, i, PROMPT_BARS) for i in rows], SEED, LONGEST_TOKENS)
    made = [fit(decode(t, player.vocabulary, tunes.pieces[i])) for i, t in zip(rows, drawn, strict=True)]
    out = {}
    for name, fits in (("drawn", made), ("true", [fit(tunes.pieces[i]) for i in rows])):
        there = np.array([f for f in fits if f is not None])
        out[name] = {
            "in_prompts_key": float(there[:, 0].mean()), "bars_of_prompts_length": float(there[:, 1].mean()),
            "tunes": len(fits), "ended_within_8_bars": 1.0 - len(there) / len(fits),
        }  # fmt: skip
    return out
