"""The labels of the corpus: what is played, on what, how fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..events.piece import Piece


@dataclass(frozen=True)
class Style:
    """One label. `program`: General MIDI preset from 0; `quarters_per_minute`: from and to; `plays`: which pieces."""

    label: str
    program: int
    quarters_per_minute: tuple[float, float]
    plays: Callable[[Piece], bool]
    octave: int = 0


def _is(label: str, *metres: str) -> Callable[[Piece], bool]:
    return lambda piece: piece.label == label and (not metres or piece.metre in metres)


STYLES = (
    Style("chorale-organ", 19, (66, 92), _is("chorale", "4/4")),
    Style("chorale-strings", 48, (56, 80), _is("chorale", "4/4")),
    Style("reel-flute", 73, (92, 118), _is("reel", "2/2", "4/4")),
    Style("jig-fiddle", 40, (126, 168), _is("jig", "6/8")),
    Style("hornpipe-accordion", 21, (76, 104), _is("hornpipe", "2/2", "2/4", "4/4")),
    Style("air-harp", 46, (60, 84), _is("air", "4/4", "2/4", "6/8")),
    Style("waltz-piano", 0, (110, 150), _is("air", "3/4")),
)
"""Melodic labels. The two kinds of chorale share pieces between them, but never one of training with a held-out one."""

DRUMS, TEXTURE = "drums", "texture"
LABELS = (*(style.label for style in STYLES), DRUMS, TEXTURE)

SOURCES = (
    ("Bach's chorales", "bach/*.mxl in the corpus of music21 10.5.1 (PyPI)", "public domain"),
    ("Ryan's, O'Neill's and Aird's collections", "the corpus of music21 10.5.1 (PyPI)", "public domain"),
    ("Fluid (R3) GM", "Debian fluid-soundfont-gm", "MIT"),
    ("MuseScore General", "Debian musescore-general-soundfont", "MIT"),
    ("supersonic-scsynth-samples", "npm supersonic-scsynth-samples", "CC0-1.0"),
)
"""What a model of the corpus was trained on: name, where it comes from, licence."""
