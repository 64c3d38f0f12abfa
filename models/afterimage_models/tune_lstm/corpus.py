"""Reads the usable parts of music21's corpus: three folk collections in ABC and Bach's chorales in MusicXML.

A tune is taken as written: repeats are not played out, first endings are left out, so that the music runs straight on
into the second; grace notes and chord symbols are left out too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..events import piece
from ..events.piece import TICKS_PER_QUARTER, Piece

COLLECTIONS = {"ryans-mammoth": "ryansMammoth", "oneills": "oneills1850", "airds": "airdsAirs", "bach": "bach"}
"""The name of each cache file, and the folder of music21's corpus that it is read from."""

RHYTHM_LABELS = {
    "reel": "reel", "jig": "jig", "double jig": "jig", "single jig": "jig", "slide": "jig", "slip jig": "slip jig",
    "slipjig": "slip jig", "hornpipe": "hornpipe", "clog": "clog", "strathspey": "strathspey", "march": "march",
    "air": "air", "waltz": "waltz", "highland fling": "fling", "fling": "fling",
}  # fmt: skip
TITLE_WORDS = {
    "reel": "reel", "jig": "jig", "jigg": "jig", "hornpipe": "hornpipe", "march": "march", "quick step": "march",
    "quickstep": "march", "strathspey": "strathspey", "waltz": "waltz", "minuet": "minuet", "air": "air",
    "lament": "air", "clog": "clog", "fling": "fling",
}  # fmt: skip
TITLE_WORD = re.compile(r"\b(" + "|".join(sorted(TITLE_WORDS, key=len, reverse=True)) + r")\b")
ONEILL_SECTIONS = ((1, 625, "air"), (701, 1115, "jig"), (1116, 1175, "slip jig"), (1176, 1555, "reel"),
                   (1556, 1780, "hornpipe"))  # fmt: skip
"""Sections of O'Neill's "Music of Ireland" (1903) by tune number; the rhythm fields of its files agree with them."""

UNLABELLED = "any"
CHORALE = "chorale"
SHORTEST_NOTES = 16


class UnusableScoreError(ValueError):
    """A score that the events cannot hold; the message says why."""


def folk_label(rhythm: str, title: str, oneill_number: int | None) -> str:
    """The label of a folk tune: its rhythm field, else a dance named in its title, else its section of O'Neill's."""
    if (rhythm := " ".join(rhythm.lower().split())) in RHYTHM_LABELS:
        return RHYTHM_LABELS[rhythm]
    if words := TITLE_WORD.findall(title.lower()):
        return TITLE_WORDS[words[-1]]
    for first, last, label in ONEILL_SECTIONS:
        if oneill_number is not None and first <= oneill_number <= last:
            return label
    return UNLABELLED


def _ticks(quarters: float | Fraction) -> int:
    exact = Fraction(quarters).limit_denominator(96) * TICKS_PER_QUARTER
    if exact.denominator != 1:
        raise UnusableScoreError(f"a time of {exact} ticks")
    return int(exact)


def _first_endings(score: Any) -> set[int]:
    """Identities of the measures under a first-ending bracket."""
    brackets = score.recurse().getElementsByClass("RepeatBracket")
    return {id(m) for b in brackets if str(b.number).startswith("1") for m in b.getSpannedElements()}


def _measures(score: Any) -> list[tuple[Any, ...]]:
    """For each measure of the score, that measure in each part."""
    skipped = _first_endings(score)
    parts = [[m for m in part.getElementsByClass("Measure") if id(m) not in skipped] for part in score.parts]
    if not parts or len({len(p) for p in parts}) != 1:
        raise UnusableScoreError("parts of different lengths, or none")
    return list(zip(*parts, strict=True))


def _collect(score: Any) -> tuple[np.ndarray, np.ndarray]:
    """Notes [n, 3] and bar lines [m] of a score, ties merged, voices that double each other once."""
    sounding: dict[tuple[int, int], list[int]] = {}  # (part, key) -> the last note of it, for ties
    notes, bars, at = [], [0], 0
    for measure in _measures(score):
        length = 0
        for part, column in enumerate(measure):
            flat = column.flatten()
            for element in flat.notesAndRests:
                start, duration = _ticks(element.offset), _ticks(element.duration.quarterLength)
                length = max(length, start + duration)
                if duration == 0 or element.isRest or "ChordSymbol" in element.classes:
                    continue
                for pitch in element.pitches:
                    last = sounding.get((part, pitch.midi))
                    continues = element.tie is not None and element.tie.type in ("stop", "continue")
                    if continues and last is not None and last[0] + last[1] == at + start:
                        last[1] += duration
                        continue
                    notes.append([at + start, duration, pitch.midi])
                    sounding[part, pitch.midi] = notes[-1]
        at += length
        if length > 0:
            bars.append(at)
    once: dict[tuple[int, int], int] = {}
    for start, duration, key in notes:
        once[start, key] = max(duration, once.get((start, key), 0))
    return np.array([(start, once[start, key], key) for start, key in sorted(once)]).reshape(-1, 3), np.array(bars)


def read_score(score: Any, label: str, source: str) -> Piece:
    """The piece in a music21 score. Raises UnusableScoreError."""
    notes, bars = _collect(score)
    if len(notes) < SHORTEST_NOTES:
        raise UnusableScoreError(f"{len(notes)} notes")
    signature = next(iter(score.recurse().getElementsByClass("TimeSignature")), None)
    title = score.metadata.title if score.metadata is not None else None
    metre = signature.ratioString if signature is not None else ""
    return Piece(notes, bars, label, metre, source, title or "")


Reader = tuple[Callable[[], Any], str, str]
"""What parses a score, its label and its source."""


def _folk_scores(folder: Path) -> Iterator[Reader]:
    from music21 import abcFormat
    from music21.abcFormat.translate import abcToStreamScore

    for path in sorted(folder.glob("*.abc")):
        handler = abcFormat.ABCHandler()
        handler.process(path.read_text(encoding="utf-8", errors="replace"))
        several = handler.definesReferenceNumbers()
        tunes = handler.splitByReferenceNumber() if several else {None: handler}
        for number, tune in tunes.items():
            fields = [(t.src[0], t.src[2:].strip()) for t in tune.tokens if t.src[1:2] == ":"]
            rhythm = next((value for name, value in fields if name == "R"), "")
            titles = " ".join(value for name, value in fields if name == "T")
            label = folk_label(rhythm, titles, number if folder.name == "oneills1850" else None)
            yield partial(abcToStreamScore, tune), label, f"{path.stem}#{number}" if several else path.stem


def _chorale_scores(folder: Path) -> Iterator[Reader]:
    from music21 import converter

    for path in sorted(folder.glob("*.mxl")):
        yield partial(converter.parse, path), CHORALE, path.stem


def read_collection(folder: Path) -> tuple[list[Piece], dict[str, int]]:
    """The usable pieces of a folder of music21's corpus, and how many were lost for which reason."""
    pieces: list[Piece] = []
    lost: Counter[str] = Counter()
    for parse, label, source in _chorale_scores(folder) if folder.name == "bach" else _folk_scores(folder):
        try:
            pieces.append(read_score(parse(), label, source))
        except Exception as reason:  # music21 raises whatever it meets in a damaged tune
            lost[str(reason) if isinstance(reason, UnusableScoreError) else type(reason).__name__] += 1
    return pieces, dict(lost)


def build(data: Path) -> None:
    """Write one file a collection under `data`; those that exist are kept."""
    import music21

    corpus = Path(music21.__file__).parent / "corpus"
    data.mkdir(parents=True, exist_ok=True)
    for name, folder in COLLECTIONS.items():
        path = data / f"{name}.npz"
        if path.exists():
            continue
        pieces, lost = read_collection(corpus / folder)
        piece.save(path, pieces)
        print(f"{name}: {len(pieces)} pieces, lost {lost}", flush=True)


def load(data: Path) -> list[Piece]:
    """All pieces of the collections under `data`, in a fixed order."""
    return [p for name in COLLECTIONS for p in piece.load(data / f"{name}.npz")]
