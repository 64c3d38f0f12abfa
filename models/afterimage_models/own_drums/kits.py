"""Kits of own hits: knobs at rest play the first hit of every drum, and the least useful axes lead to the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..drum_gan.kit import LABELS, LATENT
from ..own_sounds import places
from .folder import OwnHit
from .shipped import Shipped

MOST_KITS = 6  # five axes of the shipped pack hardly change anything: those are given away
AT = 2.0  # knob units from the first kit to another


@dataclass(frozen=True)
class Kits:
    """The knob space of an own pack: inner latent = knobs @ rotation[class] + mean[class]. `rows`: hits of each kit by
    class, -1 where a drum has none of its own; `axes`: the manifest's rows.
    """

    rotation: Tensor
    mean: Tensor
    rows: np.ndarray
    axes: list[dict]

    def knobs(self) -> dict[str, np.ndarray]:
        """Name -> knobs [LATENT] of every kit."""
        out = {"Kit 1": np.zeros(LATENT)}
        for kit in range(1, len(self.rows)):
            out[f"Kit {kit + 1}"] = AT * np.eye(LATENT)[LATENT - kit]
        return out

    def presets(self) -> dict[str, list[float]]:
        """The kits, what lies between them, and moves along the named axes that were left."""
        left = [axis["name"] for axis in self.axes[: LATENT - len(self.rows) + 1]]
        return places.presets(self.knobs(), left)

    def nearest_knobs(self, latent: Tensor, label: Tensor) -> np.ndarray:
        """Knobs [n, LATENT], within their range, that come nearest to latents of hits of classes `label`."""
        turned = torch.linalg.lstsq(self.rotation[label].transpose(1, 2), (latent - self.mean[label]).unsqueeze(2))
        return turned.solution[:, :, 0].clamp(-places.LIMIT, places.LIMIT).numpy()


def chosen(hits: list[OwnHit], usable: list[int]) -> np.ndarray:
    """Rows of `hits` for [kits, classes], from the sorted files of every class; -1 where a class has none.

    `usable`: rows that may be chosen. Where a class has more hits than kits they are taken evenly, where it has fewer
    they come again.
    """
    own = [sorted((i for i in usable if hits[i].label == c), key=lambda i: hits[i].file) for c in range(len(LABELS))]
    kits = min(max(map(len, own)), MOST_KITS)
    out = np.full((kits, len(LABELS)), -1)
    for label, rows in enumerate(own):
        if rows:
            even = np.linspace(0, len(rows) - 1, min(kits, len(rows))).round().astype(int)
            out[:, label] = [rows[even[kit % len(even)]] for kit in range(kits)]
    return out


def build(shipped: Shipped, rows: np.ndarray, latent: Tensor) -> Kits:
    """The knob space whose kits are `rows` of hits at `latent` [hits, LATENT]."""
    rotation, mean, axes = shipped.rotation.clone(), shipped.mean.clone(), [dict(axis) for axis in shipped.axes]
    for label in range(len(LABELS)):
        if rows[0, label] < 0:
            continue
        mean[label] = latent[rows[0, label]]
        for kit in range(1, len(rows)):
            rotation[label, LATENT - kit] = (latent[rows[kit, label]] - mean[label]) / AT
    for kit in range(1, len(rows)):
        old = axes[LATENT - kit]
        axes[LATENT - kit] = {key: old[key] for key in ("mean", "std", "min", "max")} | {
            "name": f"To Kit {kit + 1}", "descriptor": "", "effect": 0.0, "unit": "",
            "meaning": f"at {AT:.0f}, the hits of kit {kit + 1}",
        }  # fmt: skip
    return Kits(rotation, mean, rows, axes)
