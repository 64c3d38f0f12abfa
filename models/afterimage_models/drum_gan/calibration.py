"""Evens out what the plugin's inverse loses: phases that are found, not known, let short, noisy hits cancel a little.

Measured on the plugin's own WAV, read from the frames by a linear rule, and added inside the graph.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..loudness import max_momentary_lufs
from .descriptors import NAMES
from .frames import BINS, HOP, KNOTS
from .hit_score import HitScore, Played
from .kit import LABELS, LATENT
from .network import CLASSES

HITS = 360
RIDGE = 3.0
FIRST_KNOTS = (1, 2, 4, 8, 16, 32)
SEED = 41
DB = 10.0 / np.log(10.0)


class Loss(nn.Module):
    """Level in dB that a hit loses on its way through the inverse: a weighted sum of `features`."""

    def __init__(self) -> None:
        super().__init__()
        steps = np.gradient(KNOTS.astype(np.float64)) * HOP
        first = np.stack([steps * (np.arange(len(KNOTS)) < n) for n in FIRST_KNOTS], axis=1)
        self.register_buffer("first", torch.tensor(first, dtype=torch.float32), persistent=False)
        self.register_buffer("steps", torch.tensor(steps, dtype=torch.float32), persistent=False)
        self.register_buffer("weight", torch.zeros(len(FIRST_KNOTS) + 2 + CLASSES))

    def features(self, level: Tensor, noisiness: Tensor, classes: Tensor) -> Tensor:
        """[batch, features] of power levels and noisiness [batch, knots, BINS]; `classes` [batch, CLASSES]: one-hot."""
        power = torch.exp(level / DB)
        over_time = power @ torch.ones(BINS)
        total = (over_time @ self.steps).unsqueeze(1)
        shares = DB * torch.log((over_time @ self.first + 1e-9) / (total + 1e-9))
        noise = (((power * noisiness) @ torch.ones(BINS)) @ self.steps).unsqueeze(1) / (total + 1e-9)
        return torch.cat([shares / 10.0, noise, noise * noise, classes], dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Loss [batch, 1, 1] in dB."""
        return (features @ self.weight).view(-1, 1, 1)


def calibration_score(seed: int = SEED, size: int = LATENT, count: int = HITS, margin: float = 0.1) -> HitScore:
    """Random hits of all classes, of latents of `size` axes, whose descriptors keep `margin` from the knobs' ends."""
    rng, score = np.random.default_rng(seed), HitScore()
    for index in range(count):
        score.add(index % len(LABELS), rng.standard_normal(size), rng.uniform(margin, 1.0 - margin, len(NAMES)))
    return score


def fit_loss(loss: Loss, features: np.ndarray, played: list[Played], target_lufs: float) -> float:
    """Fit to hits that were meant to have `target_lufs`; returns the standard deviation in dB of what remains."""
    lost = target_lufs - np.array([max_momentary_lufs(hit.audio) for hit in played])
    weight = np.linalg.solve(features.T @ features + RIDGE * np.eye(features.shape[1]), features.T @ lost)
    loss.weight.copy_(torch.tensor(weight, dtype=torch.float32))
    return float(np.std(lost - features @ weight))
