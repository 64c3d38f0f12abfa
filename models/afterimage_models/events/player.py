"""Runs an event pack's predict graph without the plugin: nats of given tokens, and pieces drawn from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..onnx_session import open_session
from .sampling import draw, nucleus
from .vocabulary import END, START, Vocabulary


@dataclass(frozen=True)
class Wish:
    """What to draw: the label and the metre by name, and the tokens that go before (`start` alone, or a prompt)."""

    label: str
    metre: str
    prompt: tuple[int, ...] = ()


class EventPlayer:
    """A session on a pack's predict graph and the manifest beside it; one thread."""

    def __init__(self, folder: Path) -> None:
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.session = open_session(folder / self.manifest["graphs"]["predict"]["file"])
        self.vocabulary = Vocabulary.from_manifest(self.manifest["vocabulary"])
        self.labels, self.metres = (c["labels"] for c in self.manifest["conditions"])
        self._outputs = ["logits"] + [pair["output"] for pair in self.manifest["state"]]

    def rest(self, rows: int) -> dict[str, np.ndarray]:
        """The state before a piece."""
        shapes = {t["tensor"]: t["shape"] for t in self.manifest["graphs"]["predict"]["inputs"]}
        return {
            pair["input"]: np.full((rows, *shapes[pair["input"]][1:]), pair["initial"], np.float32)
            for pair in self.manifest["state"]
        }

    def step(self, token: np.ndarray, conditions: dict[str, np.ndarray], state: dict) -> tuple[np.ndarray, dict]:
        """Logits [rows, size] of what follows `token` [rows], and the new state."""
        feed = {"token": token.reshape(-1, 1).astype(np.int64), **conditions, **state}
        logits, *carried = self.session.run(self._outputs, feed)
        return logits, dict(zip(state, carried, strict=True))

    def conditions(self, wishes: list[Wish]) -> dict[str, np.ndarray]:
        """Class numbers [rows, 1] of each condition."""
        label = [self.labels.index(w.label) for w in wishes]
        metre = [self.metres.index(w.metre) for w in wishes]
        return {name: np.array(n, np.int64)[:, None] for name, n in (("label", label), ("metre", metre))}

    def draw(self, wishes: list[Wish], seed: int, longest: int) -> list[np.ndarray]:
        """A piece for each wish, from `start` to `end` or to `longest` tokens, as the manifest says to sample."""
        how = self.manifest["vocabulary"]
        start, end = self.vocabulary.token(START), self.vocabulary.token(END)
        rng = np.random.default_rng(seed)
        conditions, state = self.conditions(wishes), self.rest(len(wishes))
        pieces = [[start] for _ in wishes]
        at_work = np.arange(len(wishes))  # the rows that have not ended; the others leave the batch
        for at in range(1, longest):
            token = np.array([pieces[row][-1] for row in at_work])
            logits, state = self.step(token, conditions, state)
            allowed = self.vocabulary.may_follow[token]
            chances = nucleus(logits, allowed, how["temperature"], how["top_p"])
            for row, drawn in zip(at_work, draw(chances, rng), strict=True):
                given = wishes[row].prompt
                pieces[row].append(given[at] if at < len(given) else int(drawn))
            goes_on = np.array([pieces[row][-1] != end for row in at_work])
            if not goes_on.any():
                break
            if not goes_on.all():
                at_work = at_work[goes_on]
                conditions, state = ({k: v[goes_on] for k, v in part.items()} for part in (conditions, state))
        return [np.array(piece) for piece in pieces]
