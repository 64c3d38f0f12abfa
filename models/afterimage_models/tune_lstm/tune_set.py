"""The pieces as the network takes them: tokens, label and metre numbers, batches of like length, transposed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..events.piece import Piece
from ..events.tokens import encode
from ..events.vocabulary import DURATION, NOTE, UnknownValueError
from . import corpus
from .split import TRAIN, split
from .vocabulary import NOTES, VOCABULARY

FEWEST_OF_LABEL, FEWEST_OF_METRE = 30, 15
ANY = corpus.UNLABELLED
"""The label, and the metre, of pieces that have none or a rare one; and of others now and then in training, so that
either may be left open when playing."""
OPEN_LABEL_SHARE, OPEN_METRE_SHARE = 0.1, 0.2
TRANSPOSITIONS = range(-5, 7)  # semitones: every key once
OWN_KEY_SHARE = 0.3  # the keys of fiddle and pipes are the commoner ones, but every key must go on
NOISE_SHARE = 0.02  # of the notes and durations that the net reads: it must find back to the tune from its own slips
LONGEST_TOKENS = 2500
PADDING = -100  # the target that a loss leaves out


@dataclass(frozen=True)
class Batch:
    """Pieces side by side. `token`: [steps, batch]; `target`: what follows, or PADDING; `label`, `metre`: [batch]."""

    token: np.ndarray
    target: np.ndarray
    label: np.ndarray
    metre: np.ndarray


class TuneSet:
    """All usable pieces with their split. `pieces`, `tokens`, `label`, `metre` and `part` run side by side."""

    def __init__(self, data: Path) -> None:
        self.pieces: list[Piece] = []
        self.tokens: list[np.ndarray] = []
        self.lost: Counter[str] = Counter()
        for piece in corpus.load(data):
            try:
                tokens = encode(piece, VOCABULARY)
            except UnknownValueError as reason:
                self.lost[str(reason)] += 1
                continue
            if len(tokens) <= LONGEST_TOKENS:
                self.pieces.append(piece)
                self.tokens.append(tokens)
        self.labels = _names([p.label for p in self.pieces], FEWEST_OF_LABEL)
        self.metres = _names([p.metre for p in self.pieces], FEWEST_OF_METRE)
        self.label = np.array([_number(self.labels, p.label) for p in self.pieces])
        self.metre = np.array([_number(self.metres, p.metre) for p in self.pieces])
        self.part = split(self.pieces)

    def of_part(self, part: int) -> np.ndarray:
        """Indices of the pieces of TRAIN, VALIDATION or HELD_OUT."""
        return np.flatnonzero(self.part == part)

    def batch(self, indices: np.ndarray, transpositions: np.ndarray) -> Batch:
        """These pieces, moved by so many semitones; moves that leave the vocabulary are shortened to its edge."""
        moved = [transpose(self.tokens[i], int(s)) for i, s in zip(indices, transpositions, strict=True)]
        longest = max(len(t) for t in moved)
        rows = np.full((longest, len(moved)), PADDING)
        for column, tokens in enumerate(moved):
            rows[: len(tokens), column] = tokens
        token = np.maximum(rows[:-1], 0)
        return Batch(token, rows[1:], self.label[indices], self.metre[indices])

    def in_key(self, indices: np.ndarray, rows: int) -> Iterator[Batch]:
        """All of these pieces untransposed, `rows` at a time, the shortest first."""
        ordered = indices[np.argsort([len(self.tokens[i]) for i in indices], kind="stable")]
        for at in range(0, len(ordered), rows):
            chosen = ordered[at : at + rows]
            yield self.batch(chosen, np.zeros(len(chosen), int))

    def epoch(self, rows: int, rng: np.random.Generator) -> Iterator[Batch]:
        """The training pieces once, in batches of like length and random order, each transposed by chance."""
        pool = self.of_part(TRAIN)
        # Lengths are blurred, so that the same pieces do not always meet.
        lengths = np.array([len(self.tokens[i]) for i in pool]) * rng.uniform(0.9, 1.1, len(pool))
        ordered = pool[np.argsort(lengths)]
        groups = [ordered[at : at + rows] for at in range(0, len(ordered), rows)]
        for number in rng.permutation(len(groups)):
            moves = rng.choice(TRANSPOSITIONS, len(groups[number]))
            moves[rng.random(len(moves)) < OWN_KEY_SHARE] = 0
            batch = self.batch(groups[number], moves)
            label = _left_open(batch.label, OPEN_LABEL_SHARE, rng)
            metre = _left_open(batch.metre, OPEN_METRE_SHARE, rng)
            yield replace(batch, token=with_slips(batch.token, NOISE_SHARE, rng), label=label, metre=metre)


def transpose(tokens: np.ndarray, semitones: int) -> np.ndarray:
    """Tokens with their notes moved, by less where they would leave the vocabulary."""
    first, count = VOCABULARY.first[NOTE], len(NOTES)
    is_note = (tokens >= first) & (tokens < first + count)
    notes = tokens[is_note]
    move = int(np.clip(semitones, first - notes.min(), first + count - 1 - notes.max()))
    return np.where(is_note, tokens + move, tokens)


def with_slips(tokens: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Tokens with a share of the notes and durations drawn anew; shifts and bars stay, so that time does."""
    out = tokens.copy()
    for name in (NOTE, DURATION):
        first, count = VOCABULARY.first[name], len(VOCABULARY.values[name])
        slips = (tokens >= first) & (tokens < first + count) & (rng.random(tokens.shape) < share)
        out[slips] = rng.integers(first, first + count, slips.sum())
    return out


def _names(found: list[str], fewest: int) -> list[str]:
    counts = Counter(found)
    return [ANY] + sorted(n for n, c in counts.items() if c >= fewest and n != ANY)


def _number(names: list[str], name: str) -> int:
    return names.index(name) if name in names else names.index(ANY)


def _left_open(classes: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Class numbers with so many of them, by chance, set to ANY, which is the first."""
    return np.where(rng.random(len(classes)) < share, 0, classes)
