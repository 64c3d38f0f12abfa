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


Law = Literal["linear", "db", "ln", "log1p"]


def quantity_to_values(quantity: Real, law: Law, power: int, floor: float) -> Real:
    """Values of `(magnitude / reference) ** power`, not below the floor; decibels are the same for both powers."""
    with np.errstate(divide="ignore"):
        values = {
            "linear": lambda: quantity,
            "db": lambda: 20.0 / power * np.log10(quantity),
            "ln": lambda: np.log(quantity),
            "log1p": lambda: np.log1p(quantity),
        }[law]()
    return np.maximum(values, floor)


def values_to_quantity(values: Real, law: Law, power: int, gate: float) -> Real:
    """The other way; exactly 0 below the gate."""
    quantity = {
        "linear": lambda: values,
        "db": lambda: 10.0 ** (values * power / 20.0),
        "ln": lambda: np.exp(values),
        "log1p": lambda: np.expm1(values),
    }[law]()
    return np.where(values >= gate, quantity, 0.0)
