"""Excerpts of held-out pieces, for whoever continues them: bars to play, and the true bars that come next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..events.motifs import bar_length
from ..events.piece import Piece
from .split import HELD_OUT
from .tune_set import TuneSet

PROMPT_BARS, NEXT_BARS = 8, 8
A_LABEL = 12
SEED = 61
ABOUT = (
    "Excerpts of pieces that tune-lstm was not trained on, as music21's corpus has them: Ryan's Mammoth Collection "
    "(1883), O'Neill's Music of Ireland (1903), Aird's Airs (1778-1801), J. S. Bach's chorales. Public domain; "
    "transcribed by those whom card.md thanks. 24 ticks a quarter note; notes: start, duration, MIDI key; the first "
    f"{PROMPT_BARS} bars are the prompt, {NEXT_BARS} more are what truly comes next."
)


def excerpt(piece: Piece) -> Piece | None:
    """PROMPT_BARS + NEXT_BARS bars of the piece's most frequent length, from tick 0; None where there are none.

    It begins on one of the first bar lines, after an anacrusis. Lines inside these bars are left out: a bar that is
    shared between the end of one part and the anacrusis of the next has one. What reaches over the end is cut there.
    """
    bar, lines = bar_length(piece), set(piece.bars.tolist())
    for low in piece.bars[:3].tolist():
        bars = low + bar * np.arange(PROMPT_BARS + NEXT_BARS + 1)
        if bar and lines.issuperset(bars.tolist()):
            notes = piece.notes[(piece.notes[:, 0] >= low) & (piece.notes[:, 0] < bars[-1])] - [low, 0, 0]
            notes[:, 1] = np.minimum(notes[:, 1], bars[-1] - low - notes[:, 0])
            return Piece(notes, bars - low, piece.label, piece.metre, piece.source, piece.title)
    return None


def choose(tunes: TuneSet) -> list[Piece]:
    """A_LABEL excerpts of each label, by a fixed seed; fewer where fewer held-out pieces are long enough."""
    rng = np.random.default_rng(SEED)
    chosen: list[Piece] = []
    for label in tunes.labels:
        rows = [i for i in tunes.of_part(HELD_OUT) if tunes.labels[tunes.label[i]] == label]
        found = [excerpt(tunes.pieces[i]) for i in rng.permutation(rows)]
        chosen += [piece for piece in found if piece is not None][:A_LABEL]
    return chosen


def _row(piece: Piece) -> dict[str, Any]:
    return {
        "title": piece.title, "source": piece.source, "label": piece.label, "metre": piece.metre,
        "bar_ticks": int(piece.bars[1]), "notes": piece.notes.tolist(),
    }  # fmt: skip


def write(path: Path, excerpts: list[Piece]) -> None:
    """One excerpt a line."""
    rows = ",\n".join(json.dumps(_row(piece), separators=(",", ":")) for piece in excerpts)
    path.write_text(f'{{"about":{json.dumps(ABOUT)},"excerpts":[\n{rows}\n]}}\n')


def read(path: Path) -> list[Piece]:
    """What `write` wrote."""
    pieces = []
    for row in json.loads(path.read_text())["excerpts"]:
        bars = np.arange(PROMPT_BARS + NEXT_BARS + 1) * row["bar_ticks"]
        about = (row[name] for name in ("label", "metre", "source", "title"))
        pieces.append(Piece(np.array(row["notes"]), bars, *about))
    return pieces
