"""Values to try a graph with: what the plugin may send, drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .agreement import vocabulary_size
from .tensors import Row

TIMES = ("time_on", "time_off")
LONGEST_S = 4.0  # of the times that are tried: beyond it few sounds change
SPREAD = (0.5, 1.5)  # factors on the example's own values, where a role does not say what may come


def trial(
    manifest: Row, inputs: Sequence[Row], examples: Sequence[np.ndarray], rows: int, seed: int
) -> list[np.ndarray]:
    """An array [rows, ...] for each input. `examples`: one row of each, [1, ...], which also says the type."""
    draw = _Draw(manifest, np.random.default_rng(seed))
    pairs = zip(inputs, examples, strict=True)
    return [draw.values(row, example, (rows, *example.shape[1:])).astype(example.dtype) for row, example in pairs]


class _Draw:
    """Draws tensor after tensor, so that each class input finds its own labels."""

    def __init__(self, manifest: Row, rng: np.random.Generator) -> None:
        self.manifest, self.rng = manifest, rng
        self.labels = iter([c["labels"] for c in manifest["conditions"] if c["kind"] == "class"])

    def values(self, row: Row, example: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Values of this shape for an input."""
        role = row["role"]
        if role == "latent" and "latent" in self.manifest:
            axes = self.manifest["latent"]["axes"]
            mean, std = (np.array([axis[key] for axis in axes]).reshape(shape[1:]) for key in ("mean", "std"))
            return mean + std * self.rng.standard_normal(shape)
        if role == "noise":
            return self.rng.standard_normal(shape)
        if role == "token":
            return self.rng.integers(0, vocabulary_size(self.manifest), shape)
        if role == "class":
            count = int(np.prod(shape[1:]))
            columns = [self.rng.integers(0, len(next(self.labels)), shape[0]) for _ in range(count)]
            return np.stack(columns, 1).reshape(shape)
        if role == "state":
            return np.zeros(shape)  # where every piece begins
        if "range" in row:
            low, high = row["range"]
            return self.rng.uniform(low, min(high, LONGEST_S) if role in TIMES else high, shape)
        return example * self.rng.uniform(*SPREAD, shape)
