"""Splits pieces so that held-out music is truly held out: near-duplicates stay together.

The same tune stands in several collections, in other keys and with small changes, and a hymn is set many times. Pieces
whose top lines share enough runs of intervals are one group, and a group is never divided.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np

from ..events.piece import Piece

TRAIN, VALIDATION, HELD_OUT = 0, 1, 2
NGRAM = 7  # intervals: eight notes, the length from which a copy counts
SHARED = 0.12  # of the shorter piece's n-grams; unrelated tunes share a few formulas, versions of one a third and more
COMMON = 40  # an n-gram in more pieces than this is a scale or a trill, and says nothing
LARGEST_HELD_GROUP = 20  # a larger group is a chain of likenesses; holding it out would take one family from training
SHARES = ((HELD_OUT, 0.08), (VALIDATION, 0.03))
SEED = 41


def interval_ngrams(piece: Piece, length: int = NGRAM) -> set[tuple[int, ...]]:
    """The runs of `length` semitone intervals in a piece's top line."""
    steps = np.diff(piece.top_line()[:, 2]).tolist()
    return {tuple(steps[i : i + length]) for i in range(len(steps) - length + 1)}


def group(pieces: list[Piece]) -> np.ndarray:
    """[pieces] the number of each piece's group: the first piece that it is linked to."""
    ngrams = [interval_ngrams(p) for p in pieces]
    holders: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, found in enumerate(ngrams):
        for ngram in found:
            holders[ngram].append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for ngram, indices in holders.items():
        if 1 < len(indices) <= COMMON and len(set(ngram)) > 2:
            shared.update(combinations(indices, 2))
    parent = np.arange(len(pieces))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    for (a, b), count in shared.items():
        if count >= SHARED * min(len(ngrams[a]), len(ngrams[b])):
            low, high = sorted((root(a), root(b)))
            parent[high] = low
    return np.array([root(i) for i in range(len(pieces))])


def split(pieces: list[Piece]) -> np.ndarray:
    """[pieces] TRAIN, VALIDATION or HELD_OUT, the same shares of each label."""
    groups = group(pieces)
    sizes = Counter(groups.tolist())
    by_label: dict[str, list[int]] = defaultdict(list)
    for first in sizes:
        by_label[pieces[first].label].append(first)
    rng = np.random.default_rng(SEED)
    out = np.full(len(pieces), TRAIN)
    for label in sorted(by_label):
        firsts = [f for f in rng.permutation(sorted(by_label[label])) if sizes[f] <= LARGEST_HELD_GROUP]
        total, taken = sum(sizes[f] for f in by_label[label]), 0
        for part, share in SHARES:
            goal = taken + share * total
            while firsts and taken < goal:
                first = firsts.pop()
                out[groups == first] = part
                taken += sizes[first]
    return out
