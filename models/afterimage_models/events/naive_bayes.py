"""A judge of kinds that no network made: naive Bayes over rhythms and bars, trained on real pieces."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .motifs import rhythms
from .piece import Piece

PRIOR_COUNT = 0.5


def _features(piece: Piece) -> Counter:
    bars = Counter(np.diff(piece.bars).tolist())
    return rhythms(piece) + Counter({("bar", ticks): count for ticks, count in bars.items()})


class KindJudge:
    """Tells the label of a piece from runs of four durations and lengths of bars.

    Multinomial naive Bayes with additive smoothing and equal priors. Source: Manning, Raghavan & Schuetze 2008,
    "Introduction to Information Retrieval", sec. 13.2. It never sees pitches.
    """

    def __init__(self, pieces: list[Piece], labels: list[str]) -> None:
        counts: dict[str, Counter] = {label: Counter() for label in labels}
        for piece in pieces:
            if piece.label in counts:
                counts[piece.label].update(_features(piece))
        names = sorted({name for c in counts.values() for name in c}, key=str)
        self.labels = labels
        self._number = {name: i for i, name in enumerate(names)}
        table = np.array([[counts[label][n] for n in names] for label in labels], float) + PRIOR_COUNT
        self._log_chance = np.log(table / table.sum(axis=1, keepdims=True))

    def label(self, piece: Piece) -> str:
        """The most likely label."""
        score = np.zeros(len(self.labels))
        for name, count in _features(piece).items():
            if name in self._number:
                score += count * self._log_chance[:, self._number[name]]
        return self.labels[int(np.argmax(score))]
