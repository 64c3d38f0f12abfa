"""Latent axes with names: whiten the aggregate posterior, turn it towards measured descriptors, order by effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..note_data import TRAIN
from .descriptors import DESCRIPTORS, describe, probe_frames
from .note_set import NoteSet
from .trunk import LATENT, NoteTrunk

STEERED = ("brightness", "attack", "sustain", "breath", "hollow", "release", "body", "ripple")
SWEEP = (-1.5, 1.5)
ANCHORS = 24
SEED = 7
Posterior = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Rows of a note set -> means and variances of their latents, each [rows, LATENT]; a code has no variance."""


@dataclass
class Space:
    """Knob space: inner latent = knobs @ rotation + mean. `axes`: manifest rows in knob order."""

    rotation: np.ndarray
    mean: np.ndarray
    axes: list[dict]

    def to_knobs(self, inner: np.ndarray) -> np.ndarray:
        """[n, 16] network latents to knob units."""
        return (inner - self.mean) @ np.linalg.inv(self.rotation)

    def to_inner(self, knobs: np.ndarray) -> np.ndarray:
        """[n, 16] knob units to network latents."""
        return knobs @ self.rotation + self.mean


def encodable(notes: NoteSet) -> np.ndarray:
    """Rows of the training notes that show a timbre's whole course."""
    return np.intersect1d(notes.notes(TRAIN), np.flatnonzero(notes.can_encode))


def preset_latent(posterior: Posterior, notes: NoteSet, preset: int) -> np.ndarray:
    """Mean latent [16] of a preset's notes."""
    return posterior(notes.sources[preset])[0].mean(0)


def whitening(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrix W [16, 16] and centre c: inner = white @ W + c has the aggregate posterior's covariance."""
    covariance = np.cov(mean.T) + np.diag(variance.mean(0))
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 1e-8))).T, mean.mean(0)


def descriptor_directions(white: np.ndarray, measured: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Unit direction of steepest linear ascent of each descriptor in white space, by ridge regression."""
    out = {}
    for name, values in measured.items():
        centred = (values - values.mean()) / (values.std() + 1e-9)
        slope = np.linalg.solve(white.T @ white + 0.03 * len(white) * np.eye(LATENT), white.T @ centred)
        out[name] = slope
    return out


def orthogonal_basis(directions: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Rows of an orthonormal [16, 16] basis: descriptors, the best explained one first, then the rest."""
    rows: list[np.ndarray] = []
    names: list[str] = []
    left = dict(directions)
    while left:

        def remaining(name: str) -> np.ndarray:
            vector = left[name].copy()
            for row in rows:
                vector -= (vector @ row) * row
            return vector

        best = max(left, key=lambda n: float(np.linalg.norm(remaining(n))))
        vector = remaining(best)
        rows.append(vector / np.linalg.norm(vector))
        names.append(best)
        del left[best]
    rest = np.linalg.svd(np.array(rows))[2][len(rows) :]
    return np.vstack([np.array(rows), rest]), names


def sweep(decoder: NoteTrunk, space: Space, anchors: np.ndarray, axis: int) -> tuple[dict[str, float], float]:
    """Change of each descriptor per knob unit along an axis, and mean spectral change in dB over the sweep."""
    low, high = anchors.copy(), anchors.copy()
    low[:, axis] += SWEEP[0]
    high[:, axis] += SWEEP[1]
    inner_low, inner_high = space.to_inner(low), space.to_inner(high)
    a, b = describe(decoder, inner_low), describe(decoder, inner_high)
    width = SWEEP[1] - SWEEP[0]
    change = {n: float(np.mean(b[n] - a[n])) / width for n in DESCRIPTORS}
    x, y = (10.0 * np.log10(probe_frames(decoder, z, 60.0) + 1e-9) for z in (inner_low, inner_high))
    return change, float(np.sqrt(((x - y) ** 2).mean(2)).mean())


def build_space(posterior: Posterior, decoder: NoteTrunk, notes: NoteSet) -> Space:
    """Measure the training set's latents and return the named, ordered knob space."""
    decoder.eval()
    mean, variance = posterior(encodable(notes))
    matrix, centre = whitening(mean, variance)
    rng = np.random.default_rng(SEED)
    chosen = mean[rng.choice(len(mean), min(400, len(mean)), replace=False)]
    white = (chosen - centre) @ np.linalg.inv(matrix)
    measured = describe(decoder, chosen)
    basis, names = orthogonal_basis(descriptor_directions(white, {n: measured[n] for n in STEERED}))
    space = Space(basis @ matrix, centre, [])
    anchors = space.to_knobs(chosen[:ANCHORS])
    spread = {n: float(v.std()) + 1e-9 for n, v in measured.items()}
    rows = [_axis_row(decoder, space, anchors, i, names, spread) for i in range(LATENT)]
    order = sorted(range(LATENT), key=lambda i: (i >= len(names), -rows[i]["spectral_change_db"]))
    space.rotation = space.rotation[order]
    space.axes = _unique_names([rows[i] for i in order])
    return space


def _axis_row(
    decoder: NoteTrunk, space: Space, anchors: np.ndarray, axis: int, names: list[str], spread: dict[str, float]
) -> dict:
    change, spectral_db = sweep(decoder, space, anchors, axis)
    relative = {n: change[n] / spread[n] for n in change}
    strongest = max(relative, key=lambda n: abs(relative[n]))
    target = (
        names[axis] if axis < len(names) and abs(relative[names[axis]]) > 0.7 * abs(relative[strongest]) else strongest
    )
    if change[target] < 0:
        space.rotation[axis] *= -1.0
        change = {n: -v for n, v in change.items()}
        relative = {n: -v for n, v in relative.items()}
    others = max(abs(v) for n, v in relative.items() if n != target)
    return {
        "name": DESCRIPTORS[target][0], "mean": 0.0, "std": 1.0, "min": -3.0, "max": 3.0,
        "descriptor": target, "unit": DESCRIPTORS[target][2], "meaning": DESCRIPTORS[target][1],
        "effect": round(change[target], 3), "effect_in_spreads": round(relative[target], 3),
        "largest_other_in_spreads": round(others, 3), "spectral_change_db": round(spectral_db, 2),
    }  # fmt: skip


def _unique_names(rows: list[dict]) -> list[dict]:
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["name"]] = seen.get(row["name"], 0) + 1
        if seen[row["name"]] > 1:
            row["name"] = f"{row['name']} {seen[row['name']]}"
    return rows
