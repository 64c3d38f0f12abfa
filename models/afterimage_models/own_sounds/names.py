"""What the name of a sample says: its note, how hard it was played, and what is left, the name of the timbre."""

from __future__ import annotations

import re
from dataclasses import dataclass

STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "s": 1, "b": -1, "♭": -1}
LOWEST, HIGHEST = 21, 108  # a piano's keys
# MIDI velocities that notation programs give to the dynamics.
DYNAMICS = {"ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 126}

# A note stands alone or begins with a capital inside a word: piano_c4, PianoC4, A4v100; not "sonic4".
_NOTE = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=[a-z])(?=[A-G]))([A-Ga-g])([#♯sb♭]?)(-?\d)(?!\d)")
_VELOCITY = re.compile(r"(?<![A-Za-z])(?:velocity|vel|v)[ _-]?(\d{1,3})(?!\d)", re.IGNORECASE)
_ROUND_ROBIN = re.compile(r"(?<![A-Za-z])rr[ _-]?\d+", re.IGNORECASE)
_DYNAMIC = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(sorted(DYNAMICS, key=len, reverse=True))})(?![A-Za-z0-9])")
_NUMBER = re.compile(r"(?<![A-Za-z0-9.])(\d{2,3})(?![A-Za-z0-9.])")
_SEPARATORS = re.compile(r"[\s_.\-]+")


@dataclass(frozen=True)
class NameParts:
    """What a file's stem says.

    `key`: MIDI note of a note name such as C#3, middle C being C4. `number`: a bare number that may be a MIDI note, or
    only a count. `velocity`: as written, 1..127, or the number of a layer. `timbre`: the stem without all of these;
    `numbered`: the same with the bare number.
    """

    key: int | None
    number: int | None
    velocity: int | None
    timbre: str
    numbered: str


def _tidy(text: str) -> str:
    return _SEPARATORS.sub(" ", text).strip()


def _take(pattern: re.Pattern[str], text: str) -> tuple[re.Match[str] | None, str]:
    """The last match of `pattern`, and the text without it: notes and layers stand at the end of names."""
    found = list(pattern.finditer(text))
    if not found:
        return None, text
    return found[-1], f"{text[: found[-1].start()]} {text[found[-1].end() :]}"


def parse(stem: str) -> NameParts:
    """Read a file's name without its ending."""
    text = _take(_ROUND_ROBIN, stem)[1]
    velocity, text = _take(_VELOCITY, text)
    note, text = _take(_NOTE, text)
    played = int(velocity[1]) if velocity else None
    if note is None:
        number, rest = _take(_NUMBER, text)
        if number is not None and LOWEST <= int(number[1]) <= HIGHEST:
            return NameParts(None, int(number[1]), played, _tidy(rest), _tidy(text))
        return NameParts(None, None, played, _tidy(text), _tidy(text))
    if played is None:  # only beside a note: a lone f may be one
        dynamic, text = _take(_DYNAMIC, text)
        played = DYNAMICS[dynamic[1]] if dynamic else None
    key = 12 * (int(note[3]) + 1) + STEPS[note[1].lower()] + ACCIDENTALS[note[2]]
    return NameParts(key, None, played, _tidy(text), _tidy(text))
