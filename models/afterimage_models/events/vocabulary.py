"""The tokens of event models: classes of values, which class may follow which, and the manifest's form of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .piece import TICKS_PER_QUARTER

START, END, BAR, NOTE, DURATION, SHIFT = "start", "end", "bar", "note", "duration", "shift"
GRAMMAR: dict[str, tuple[str, ...]] = {
    START: (BAR,),
    BAR: (NOTE, SHIFT, END),
    NOTE: (DURATION,),
    DURATION: (NOTE, SHIFT),
    SHIFT: (NOTE, SHIFT, BAR),
    END: (),
}
"""Which class may follow which. Bar lines come after the shift that reaches them, and a piece ends on one."""


class UnknownValueError(ValueError):
    """A note, duration or shift that the vocabulary has no token for."""


@dataclass(frozen=True)
class Vocabulary:
    """Classes in the order of their tokens. `values`: of each class; a token is the class's first plus an index.

    `note`: MIDI notes. `duration`, `shift`: ticks, of TICKS_PER_QUARTER a quarter note, ascending.
    """

    values: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, notes: Sequence[int], durations: Sequence[int], shifts: Sequence[int]) -> Vocabulary:
        """A vocabulary of these notes, durations and shifts."""
        marks = {START: (0,), END: (0,), BAR: (0,)}
        return cls(marks | {NOTE: tuple(notes), DURATION: tuple(durations), SHIFT: tuple(shifts)})

    @cached_property
    def size(self) -> int:
        """The number of tokens."""
        return sum(len(v) for v in self.values.values())

    @cached_property
    def first(self) -> dict[str, int]:
        """The first token of each class."""
        firsts, at = {}, 0
        for name, values in self.values.items():
            firsts[name] = at
            at += len(values)
        return firsts

    @cached_property
    def _tokens(self) -> dict[tuple[str, int], int]:
        return {(n, v): self.first[n] + i for n, values in self.values.items() for i, v in enumerate(values)}

    @cached_property
    def _meanings(self) -> list[tuple[str, int]]:
        return list(self._tokens)

    def token(self, name: str, value: int = 0) -> int:
        """The token of a value of a class. Raises UnknownValueError."""
        if (name, value) not in self._tokens:
            raise UnknownValueError(f"{name} {value} is not in the vocabulary")
        return self._tokens[name, value]

    def meaning(self, token: int) -> tuple[str, int]:
        """Class and value of a token."""
        return self._meanings[token]

    @cached_property
    def may_follow(self) -> np.ndarray:
        """[size, size] bool: row `a` has the tokens that may come after token `a`."""
        classes = np.array([name for name, _ in self._meanings])
        return np.stack([np.isin(classes, GRAMMAR[name]) for name in classes])

    def manifest(self, temperature: float, top_p: float) -> dict[str, Any]:
        """The manifest's `vocabulary`."""
        rows = [
            {"name": name, "kind": name, "first": self.first[name], "values": list(values)}
            for name, values in self.values.items()
        ]
        return {
            "ticks_per_quarter": TICKS_PER_QUARTER, "classes": rows,
            "grammar": {name: list(following) for name, following in GRAMMAR.items()},
            "temperature": temperature, "top_p": top_p,
        }  # fmt: skip

    @classmethod
    def from_manifest(cls, row: dict[str, Any]) -> Vocabulary:
        """Read what `manifest` wrote."""
        return cls({c["name"]: tuple(c["values"]) for c in row["classes"]})
