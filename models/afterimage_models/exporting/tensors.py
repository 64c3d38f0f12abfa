"""Rows of a graph's inputs and outputs, made of the words that a user gives and of the example's shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import ExportError

Row = dict[str, Any]
Word = str | Mapping[str, Any]
"""A role, a role with a name behind a dot (`class.label`), or a row of the manifest with at least `role`."""
ROLES: dict[str, Row] = {
    "latent": {}, "noise": {}, "pitch": {"unit": "midi_note", "range": [21.0, 108.0]},
    "velocity": {"range": [0.0, 1.0]}, "time_on": {"unit": "s", "range": [0.0, 3600.0]},
    "time_off": {"unit": "s", "range": [-1.0, 3600.0]}, "class": {}, "descriptor": {}, "token": {}, "level": {},
    "frame": {}, "audio": {}, "event": {}, "state": {}, "logits": {"unit": "nats"}, "mean": {}, "scale": {},
    "mixture": {}, "phase": {"unit": "rad"},
}  # fmt: skip
"""What is known of a tensor by its role. A user's row says more, such as the `range` of times trained on."""
SINGLE = ("pitch", "velocity", "time_on", "time_off", "token")
"""Roles of one value a row."""
WHOLE = ("class", "token", "event")
"""Roles of whole numbers."""


@dataclass(frozen=True)
class Seen:
    """A tensor of the example: its axes after the batch, and whether it holds whole numbers."""

    tail: tuple[int, ...]
    is_whole: bool = False


def tensor_rows(words: Sequence[Word], seen: Sequence[Seen], side: str, taken: Sequence[str] = ()) -> list[Row]:
    """The manifest's rows of one side of a graph, in order.

    `side`: `inputs` or `outputs`. `taken`: names of the other side's tensors; a tensor of the same name gets `.out`.
    Raises ExportError for unknown roles, and where the words are more or fewer than the tensors.
    """
    if len(words) != len(seen):
        raise ExportError(
            f"'{side}' names {len(words)} tensors, but the module has {len(seen)}: give one role for each, in order"
        )
    rows: list[Row] = []
    given: list[str] = []
    for word, tensor in zip(words, seen, strict=True):
        row = _row(word)
        given.append(row["tensor"])
        if given.count(row["tensor"]) > 1:
            row["tensor"] += f".{given.count(row['tensor'])}"
        if row["tensor"] in taken:
            row["tensor"] += ".out"
        _check_numbers(row, tensor)
        rows.append(row | {"shape": ["batch", *tensor.tail]})
    return rows


def _row(word: Word) -> Row:
    given = {"role": word.split(".")[0], "tensor": word} if isinstance(word, str) else dict(word)
    role = given.get("role")
    if role not in ROLES:
        raise ExportError(f"'{role}' is no role of a tensor: use one of {', '.join(ROLES)}")
    return {"tensor": role, **ROLES[role], **given}


def _check_numbers(row: Row, tensor: Seen) -> None:
    name, role = row["tensor"], row["role"]
    if tensor.is_whole and role not in (*WHOLE, "state"):
        raise ExportError(f"'{name}' holds whole numbers, but the role '{role}' holds float32: call .float() on it")
    width = values(tensor.tail)
    if role in SINGLE and width != 1:
        raise ExportError(
            f"'{name}' has {width} values a row where the role '{role}' has 1: take [batch, 1] and widen it inside "
            "the module"
        )


def values(tail: Sequence[int]) -> int:
    """Values a row of a tensor with these axes after the batch."""
    product = 1
    for length in tail:
        product *= length
    return product


def width(row: Row) -> int:
    """Values a row of a tensor."""
    return values(row["shape"][1:])


def of_role(rows: Sequence[Row], role: str) -> list[Row]:
    """The rows of a role, in order."""
    return [row for row in rows if row["role"] == role]
