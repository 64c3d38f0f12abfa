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
        row = self.manifest["vocabulary"]
        start, end = self.vocabulary.token(START), self.vocabulary.token(END)
        rng = np.random.default_rng(seed)
        conditions, state = self.conditions(wishes), self.rest(len(wishes))
        pieces = [[start] for _ in wishes]
        prompts = [w.prompt[1:] for w in wishes]
        token = np.full(len(wishes), start)
        while len(pieces[0]) < longest and not np.all(token == end):
            logits, state = self.step(token, conditions, state)
            allowed = self.vocabulary.may_follow[token]
            allowed[token == end, end] = True  # a finished row waits for the others
            drawn = draw(nucleus(logits, allowed, row["temperature"], row["top_p"]), rng)
            at = len(pieces[0]) - 1
            token = np.array([p[at] if at < len(p) else d for p, d in zip(prompts, drawn, strict=True)])
            for piece, value in zip(pieces, token, strict=True):
                piece.append(int(value))
        return [np.array(p[: p.index(end) + 1] if end in p else p) for p in pieces]
