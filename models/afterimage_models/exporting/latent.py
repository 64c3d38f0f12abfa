"""What knobs turn: statistics of a latent space and, where it has more axes than knobs, its principal axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ExportError

KNOBS = 16
PRESETS = 12
ODD_PERCENT = 20.0  # of the latents, the outermost, that no preset is made of
LEAST_STD = 1e-6  # of an axis that the training set never moves; the manifest wants one above 0
TAIL_PERCENT = 0.5  # of the latents lie beyond a knob's end on either side
SHORTEST, LONGEST = 1.0, 4.0  # a knob's way in standard deviations: some, and no further than a decoder has seen


@dataclass(frozen=True)
class LatentSpace:
    """Knobs and the module's own latent: inner = (mean + std * knobs) @ turn + offset.

    `axes`: rows of the manifest's `latent.axes`. `turn` [size, size]: orthonormal rows, the principal axes or the
    module's own in another order; `offset` [size]: the latents' mean. Both are None where the knobs are the module's
    axes as they come.
    """

    axes: list[dict[str, Any]]
    turn: np.ndarray | None = None
    offset: np.ndarray | None = None

    def to_knobs(self, inner: np.ndarray) -> np.ndarray:
        """Latents of the module [n, size] in knob units."""
        if self.turn is not None:
            inner = (inner - self.offset) @ self.turn.T
        mean, std = (np.array([axis[key] for axis in self.axes]) for key in ("mean", "std"))
        return (inner - mean) / std

    def to_inner(self, knobs: np.ndarray) -> np.ndarray:
        """Knobs [n, size] to latents of the module."""
        mean, std = (np.array([axis[key] for axis in self.axes]) for key in ("mean", "std"))
        inner = mean + std * knobs
        return inner if self.turn is None else inner @ self.turn + self.offset


def latent_space(size: int, latents: np.ndarray | None) -> LatentSpace:
    """The space of a latent of `size` axes.

    `latents` [n, size]: drawn from the encoder's posterior over the training set. Above KNOBS axes they are turned to
    their principal axes, the widest first, so that the knobs turn what varies most. Without them every axis is taken
    to have mean 0 and standard deviation 1. Raises ExportError for latents of another size, too few, or not finite.
    """
    if latents is None:
        axis = {"mean": 0.0, "std": 1.0, "min": -3.0, "max": 3.0}
        return LatentSpace([{"name": f"Axis {i + 1}", **axis} for i in range(size)])
    latents = _checked(latents, size)
    if size <= KNOBS:
        return LatentSpace(_axes(latents, "Axis"))
    offset = latents.mean(0)
    _, _, turn = np.linalg.svd(latents - offset, full_matrices=True)
    # A singular vector's sign is arbitrary: its largest part counts up, so that an export can be made again.
    turn *= np.sign(turn[np.arange(size), np.abs(turn).argmax(1)])[:, None]
    return LatentSpace(_axes((latents - offset) @ turn.T, "Principal"), turn, offset)


def _checked(latents: np.ndarray, size: int) -> np.ndarray:
    latents = np.asarray(latents, np.float64)
    if latents.ndim != 2 or latents.shape[1] != size:
        raise ExportError(
            f"'latents' has the shape {list(latents.shape)}, but the module's latent asks for [n, {size}]"
        )
    if len(latents) < 2:
        raise ExportError("'latents' has fewer than 2 rows: give one for each example of the training set")
    if not np.isfinite(latents).all():
        raise ExportError("'latents' holds values that are not finite: leave out the rows that do")
    return latents


def _axes(columns: np.ndarray, name: str) -> list[dict[str, Any]]:
    mean, std = columns.mean(0), np.maximum(columns.std(0), LEAST_STD)
    knobs = (columns - mean) / std
    low, high = np.percentile(knobs, [TAIL_PERCENT, 100.0 - TAIL_PERCENT], axis=0)
    low, high = np.clip(low, -LONGEST, -SHORTEST), np.clip(high, SHORTEST, LONGEST)
    return [
        {
            "name": f"{name} {i + 1}", "mean": float(np.round(mean[i], 9)), "std": float(std[i]),
            "min": round(float(low[i]), 3), "max": round(float(high[i]), 3),
        }
        for i in range(columns.shape[1])
    ]  # fmt: skip


def drawn_presets(latents: np.ndarray | None, count: int = PRESETS) -> dict[str, np.ndarray]:
    """Places to begin at, by name: latents [n, size] as far apart as can be, the one nearest the middle first.

    None where there are no latents, or none that are apart.
    """
    if latents is None:
        return {}
    latents = np.asarray(latents, np.float64)
    scaled = (latents - latents.mean(0)) / np.maximum(latents.std(0), LEAST_STD)
    # The outermost latents are the oddest sounds: farthest points are looked for among the inner ones.
    radius = np.square(scaled).sum(1)
    inner = np.flatnonzero(radius <= np.percentile(radius, 100.0 - ODD_PERCENT))
    chosen = [int(inner[radius[inner].argmin()])]
    apart = np.square(scaled[inner] - scaled[chosen[0]]).sum(1)
    while len(chosen) < count and apart.max() > 0.0:
        chosen.append(int(inner[apart.argmax()]))
        apart = np.minimum(apart, np.square(scaled[inner] - scaled[chosen[-1]]).sum(1))
    return {f"Sound {number + 1}": latents[row] for number, row in enumerate(chosen)}


def preset_rows(space: LatentSpace, presets: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """The manifest's `latent.presets` of latents in the module's own units, by name."""
    size, rows = len(space.axes), []
    for name, inner in presets.items():
        inner = np.asarray(inner, np.float64).ravel()
        if len(inner) != size:
            raise ExportError(f"preset '{name}' has {len(inner)} values, but the module's latent asks for {size}")
        rows.append({"name": name, "latent": np.round(space.to_knobs(inner[None])[0], 3).tolist()})
    return rows
