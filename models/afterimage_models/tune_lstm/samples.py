"""Six things to listen to and look at: one real piece, one that goes on from it, four imagined."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..events.piece import TICKS_PER_QUARTER, Piece
from ..events.player import EventPlayer, Wish
from ..events.tokens import decode
from ..midi_file import Note, write_notes
from . import continuation
from .continuation import PROMPT_BARS
from .split import HELD_OUT
from .tune_set import ANY, LONGEST_TOKENS, TuneSet

SEED = 7
IMAGINED = ("reel", "jig", "air", "chorale")
CONTINUED = ("reel", "jig")
QUARTERS_A_MINUTE = {"reel": 190.0, "jig": 165.0, "air": 84.0, "chorale": 76.0}
VELOCITY = 88
USUAL_TOKENS = (280, 420)
"""Of the held-out pieces that may be shown: whole, and short enough to be seen in a panel."""


@dataclass(frozen=True)
class Sample:
    """A titled piece; before `prompt_end_tick` it is the held-out piece's own."""

    name: str
    title: str
    piece: Piece
    prompt_end_tick: int = 0


def _shown(tunes: TuneSet, label: str) -> int:
    """The first held-out piece of a label of usual length."""
    rows = tunes.of_part(HELD_OUT)
    return next(int(i) for i in rows if tunes.pieces[i].label == label and len(tunes.tokens[i]) in range(*USUAL_TOKENS))


def build(player: EventPlayer, tunes: TuneSet) -> list[Sample]:
    """A held-out piece of each of CONTINUED with its continuation, and an imagined piece of each of IMAGINED."""
    empty = (np.zeros((0, 3)), np.zeros(0))
    samples, wishes = [], []
    for label in CONTINUED:
        piece = tunes.pieces[index := _shown(tunes, label)]
        wishes.append(wish := continuation.wish(tunes, player, index, PROMPT_BARS))
        end = int(decode(wish.prompt, player.vocabulary, piece).bars[-1])
        samples.append(Sample(f"held-out-{label}", f"held out: {piece.title} ({label})", piece))
        title = f"first {PROMPT_BARS} bars of {piece.title}, then the model"
        samples.append(Sample(f"continued-{label}", title, Piece(*empty, label, wish.metre, "drawn", title), end))
    for label in IMAGINED:
        wishes.append(Wish(label, ANY))
        title = f"imagined {label}"
        samples.append(Sample(f"imagined-{label}", title, Piece(*empty, label, ANY, "drawn", title)))
    drawn = iter(player.draw(wishes, SEED, LONGEST_TOKENS))
    return [
        Sample(s.name, s.title, decode(next(drawn), player.vocabulary, s.piece), s.prompt_end_tick)
        if len(s.piece.notes) == 0
        else s
        for s in samples
    ]


def write(samples: list[Sample], folder: Path) -> None:
    """Write the drawn ones as MIDI files, at a usual tempo of their label."""
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        if sample.piece.source == "drawn":
            tick_s = 60.0 / QUARTERS_A_MINUTE[sample.piece.label] / TICKS_PER_QUARTER
            rows = sample.piece.notes.tolist()
            notes = [Note(start * tick_s, (start + length) * tick_s, key, VELOCITY) for start, length, key in rows]
            write_notes(folder / f"{sample.name}.mid", notes)
