"""Amplitude scales of a representation, in both directions."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Unit = Literal["db", "ln"]


def _octave(unit: Unit) -> float:
    return 20.0 / np.log(10.0) if unit == "db" else 1.0


def log_to_magnitudes(values: Real, unit: Unit, reference: float, gate: float) -> Real:
    """Raw magnitudes; exactly 0 below the gate."""
    return np.where(values >= gate, reference * np.exp(values / _octave(unit)), 0.0)


def magnitudes_to_log(magnitudes: Real, unit: Unit, reference: float, floor: float) -> Real:
    """Logarithmic values, not below the floor."""
    with np.errstate(divide="ignore"):
        return np.maximum(_octave(unit) * np.log(magnitudes / reference), floor)
