"""Latent axes with names: a whitened latent turned towards what it changes most, and ordered by effect.

Knows nothing of networks: a `Listener` makes sounds of knobs and measures them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PROBES, ANCHORS = 600, 60
SWEEP = 1.5
RIDGE = 0.03
SEED = 7


@dataclass(frozen=True)
class Measure:
    """Something that a knob can change: the knob's name, what it is, its unit."""

    name: str
    meaning: str
    unit: str


@dataclass(frozen=True)
class Heard:
    """Sounds made of knobs: `values` [n] of each measure, `levels` [n, ...] in dB, `watched` [n, any] that knobs
    should leave alone.
    """

    values: dict[str, np.ndarray]
    levels: np.ndarray
    watched: np.ndarray


Listener = Callable[[np.ndarray], Heard]
"""Whitened latents [n, size] to what they sound like."""


def basis_towards(slopes: dict[str, np.ndarray]) -> np.ndarray:
    """Orthonormal [size, size]: in turn the direction of the best explained measure, made free of those before."""
    size = len(next(iter(slopes.values())))
    rows: list[np.ndarray] = []
    left = dict(slopes)
    while left and len(rows) < size:
        found = np.array(rows).reshape(-1, size)
        free = {name: slope - found.T @ (found @ slope) for name, slope in left.items()}
        best = max(free, key=lambda name: float(np.linalg.norm(free[name])))
        rows.append(free[best] / np.linalg.norm(free[best]))
        del left[best]
    rest = np.linalg.svd(np.array(rows))[2][len(rows) :]
    return np.vstack([np.array(rows), rest])


def within_groups(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Values [n] less their group's mean: axes are named by what they do to a drum, not by which drum it is."""
    means = np.array([values[group == i].mean() if (group == i).any() else 0.0 for i in range(group.max() + 1)])
    return values - means[group]


def named_axes(
    listen: Listener, measures: dict[str, Measure], size: int, groups: int = 1
) -> tuple[np.ndarray, list[dict]]:
    """Basis [size, size], from knobs to whitened latents (`knobs @ basis`), and the manifest's rows in its order.

    The listener's n-th sound must belong to group n modulo `groups`.
    """
    white = np.random.default_rng(SEED).standard_normal((PROBES, size))
    group = np.arange(PROBES) % groups
    found = {name: within_groups(v, group) for name, v in listen(white).values.items()}
    spread = {name: float(v.std()) + 1e-9 for name, v in found.items()}
    gram = white.T @ white + RIDGE * PROBES * np.eye(size)
    basis = basis_towards({n: np.linalg.solve(gram, white.T @ (v / spread[n])) for n, v in found.items()})
    rows = [_row(listen, measures, basis, axis, spread) for axis in range(size)]
    order = sorted(range(size), key=lambda i: -rows[i]["spectral_change_db"])
    return basis[order], unique_names([rows[i] for i in order])


def _row(
    listen: Listener, measures: dict[str, Measure], basis: np.ndarray, axis: int, spread: dict[str, float]
) -> dict:
    """The manifest's row of an axis; turns the axis so that its measure rises."""
    anchors = np.random.default_rng(SEED + 1).standard_normal((ANCHORS, len(basis)))
    ends = []
    for place in (-SWEEP, SWEEP):
        moved = anchors.copy()
        moved[:, axis] = place
        ends.append(listen(moved @ basis))
    low, high = ends
    change = {n: float(np.mean(high.values[n] - low.values[n])) / (2.0 * SWEEP) for n in measures}
    relative = {n: change[n] / spread[n] for n in measures}
    target = max(measures, key=lambda n: abs(relative[n]))
    if change[target] < 0.0:
        basis[axis] *= -1.0
    others = max(abs(v) for n, v in relative.items() if n != target)
    spectral = np.sqrt(np.square(high.levels - low.levels).reshape(ANCHORS, -1).mean(1)).mean()
    drift = np.abs((high.watched - low.watched).mean(0)).max(initial=0.0) / (2.0 * SWEEP)
    measure = measures[target]
    return {
        "name": measure.name, "mean": 0.0, "std": 1.0, "min": -3.0, "max": 3.0,
        "descriptor": target, "unit": measure.unit, "meaning": measure.meaning,
        "effect": round(abs(change[target]), 3), "effect_in_spreads": round(abs(relative[target]), 3),
        "largest_other_in_spreads": round(others, 3), "spectral_change_db": round(float(spectral), 2),
        "descriptor_drift": round(float(drift), 3),
    }  # fmt: skip


def unique_names(rows: list[dict]) -> list[dict]:
    """The rows, with a number behind names that came before."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["name"]] = seen.get(row["name"], 0) + 1
        if seen[row["name"]] > 1:
            row["name"] = f"{row['name']} {seen[row['name']]}"
    return rows


def recipe_knobs(recipe: dict[str, float], axes: list[dict]) -> list[float]:
    """Knob values of a named sound: a place on the axis that changes a measure most, for each measure of the recipe.

    A measure that no axis is named after is passed over.
    """
    knobs = np.zeros(len(axes))
    first: dict[str, int] = {}
    for index, axis in enumerate(axes):
        first.setdefault(axis["descriptor"], index)
    for measure, place in recipe.items():
        if measure in first:
            knobs[first[measure]] = place
    return [round(float(v), 3) for v in knobs]
