"""The knobs that are perceptual descriptors: what they measure, and their scale.

Targets are `judges.timbre` (timbral_models) of measured hits; length is the power's temporal centroid. A knob runs
from 0 to 1 between percentiles of its class, so that 0.5 is a typical kick as well as a typical hat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..judges.timbre import timbre
from ..spectrum import SAMPLE_RATE
from .kit import LABELS

TIMBRAL = ("brightness", "boominess", "roughness")
NAMES = (*TIMBRAL, "length")
LOW_PERCENTILE, HIGH_PERCENTILE = 5.0, 95.0


def length(audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
    """Temporal centroid of the power of a sound [samples] from its onset, log2 of milliseconds."""
    power = audio.astype(np.float64) ** 2
    seconds = float((power * np.arange(len(audio))).sum() / (power.sum() + 1e-12)) / sample_rate
    return float(np.log2(1000.0 * seconds + 1.0))


def describe(audio: np.ndarray) -> np.ndarray:
    """All NAMES of a hit [samples] at 48 kHz; NaN where a model cannot read it."""
    return np.array([*timbre(audio, TIMBRAL).values(), length(audio)])


@dataclass(frozen=True)
class Scale:
    """Descriptors of each class at the ends of the knobs: `low` and `high` [classes, NAMES], in their own units."""

    low: np.ndarray
    high: np.ndarray

    def to_knobs(self, values: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Values [n, NAMES] of hits of classes `label` [n] to knobs, unclipped."""
        return (values - self.low[label]) / (self.high[label] - self.low[label])

    def to_values(self, knobs: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Knobs [n, NAMES] to values."""
        return self.low[label] + knobs * (self.high[label] - self.low[label])

    def save(self) -> dict[str, list]:
        """As JSON holds it."""
        return {"low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def load(cls, saved: dict[str, list]) -> Scale:
        """From what `save` gave."""
        return cls(np.array(saved["low"]), np.array(saved["high"]))


def fit_scale(values: np.ndarray, label: np.ndarray) -> Scale:
    """Percentiles of every class; `values` [n, NAMES]."""
    rows = [values[label == i] for i in range(len(LABELS))]
    low = np.array([np.nanpercentile(r, LOW_PERCENTILE, axis=0) for r in rows])
    high = np.array([np.nanpercentile(r, HIGH_PERCENTILE, axis=0) for r in rows])
    return Scale(low, high)
