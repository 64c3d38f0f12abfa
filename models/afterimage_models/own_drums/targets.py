"""Hits as the networks learn them: levels where they are clean, what lies under the grain where they are noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from ..drum_gan.frames import KNOTS, hit_frames
from ..drum_gan.network import Leveller
from ..drum_gan.noisiness import band_weights, noisiness
from ..spectrum import FLOOR_DB, GATE_DB
from .folder import OwnHit

SMOOTHED_BINS, SMOOTHED_KNOTS = 9, 3


@dataclass(frozen=True)
class Targets:
    """`level` [hits, knots, BINS] in dB, `noisiness` [hits, knots, bands], `label` [hits]."""

    level: Tensor
    noisiness: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, rows: np.ndarray) -> Targets:
        """Some of the hits."""
        index = torch.from_numpy(rows)
        return Targets(self.level[index], self.noisiness[index], self.label[index])


def under_grain(level: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """Levels [knots, BINS] with the unevenness of noise taken off as far as a cell is `noisy` [knots, bands]: the graph
    adds a grain of its own, and one that was learned from few hits would lie under it.
    """
    share = np.clip(noisy @ band_weights().T, 0.0, 1.0)
    heard = np.maximum(level, GATE_DB)
    smooth = uniform_filter1d(uniform_filter1d(heard, SMOOTHED_BINS, axis=1), SMOOTHED_KNOTS, axis=0)
    return np.where(level < GATE_DB, FLOOR_DB, (1.0 - share) * heard + share * smooth)


def targets(hits: list[OwnHit]) -> Targets:
    """What training holds these hits to."""
    frames = [hit_frames(hit.audio) for hit in hits]
    noisy = [noisiness(own) for own in frames]
    level = np.stack([under_grain(own[KNOTS], share) for own, share in zip(frames, noisy, strict=True)])
    levels = torch.from_numpy(level.astype(np.float32))
    levels = levels + Leveller(KNOTS)(levels)
    label = torch.tensor([hit.label for hit in hits])
    return Targets(levels, torch.from_numpy(np.stack(noisy).astype(np.float32)), label)
