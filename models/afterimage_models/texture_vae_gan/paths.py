"""Noise over time: what keeps a texture moving although one moment knows nothing of the others.

Every path is a pure function of time and of the note's noise, so that frames can be made in any order. It reads a
fixed row of random numbers from a place of its own, at a rate of its own; places drift apart, so that nothing
repeats within minutes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .frames import FRAMES_A_SECOND

ROW = 8192
SEED = 7
SLOW, MEDIUM, FAST = 8, 12, 12  # paths of each kind
SLOW_HZ, MEDIUM_HZ = 2.0, 12.0  # how often a path has a new value
NORMAL_TO_UNIFORM = 1.702  # the logistic curve that is nearest to the normal distribution's
HALF_LIMIT = 4.97  # beyond it the fraction passes 1
APART = 977.0  # places of the row between one path and the next


def normal_to_uniform(noise: Tensor) -> Tensor:
    """Standard normal numbers to 0 to 1, by operations that every runtime rounds alike: in a row of thousands of places
    the last bit of a sigmoid is heard. Its tanh is Lambert's continued fraction, off by 1e-5 at most.
    """
    half = torch.clamp(0.5 * NORMAL_TO_UNIFORM * noise, -HALF_LIMIT, HALF_LIMIT)
    square = half * half
    over = half * (135135.0 + square * (17325.0 + square * (378.0 + square)))
    under = 135135.0 + square * (62370.0 + square * (3150.0 + square * 28.0))
    return torch.clamp(0.5 + 0.5 * (over / under), 0.0, 1.0)


def _kinds() -> tuple[np.ndarray, np.ndarray]:
    """Rates [paths] in Hz, no two alike, and first places [paths]."""
    count = SLOW + MEDIUM + FAST
    rates = np.concatenate([np.full(SLOW, SLOW_HZ), np.full(MEDIUM, MEDIUM_HZ), np.full(FAST, 0.5 * FRAMES_A_SECOND)])
    return rates * (1.0 + 0.13 * np.sin(2.3 * np.arange(count))), np.arange(count) * APART


class Paths(nn.Module):
    """Smooth random paths of unit variance: slow, medium and fast ones."""

    def __init__(self) -> None:
        super().__init__()
        rates, first = _kinds()
        row = np.random.default_rng(SEED).standard_normal(ROW)
        self.register_buffer("row", torch.tensor(row, dtype=torch.float32), persistent=False)
        self.register_buffer("rates", torch.tensor(rates, dtype=torch.float32), persistent=False)
        self.register_buffer("first", torch.tensor(first, dtype=torch.float32), persistent=False)

    def forward(self, seconds: Tensor, noise: Tensor) -> Tensor:
        """`seconds`: [batch, frames]; `noise`: [batch, 1], standard normal, says where in the row a note begins.
        Returns [batch, frames, SLOW + MEDIUM + FAST].
        """
        start = normal_to_uniform(noise) * ROW
        place = seconds.unsqueeze(2) * self.rates + self.first + start.unsqueeze(2)
        before = torch.floor(place)
        share = place - before
        index = before.long()
        low, high = self.row[index % ROW], self.row[(index + 1) % ROW]
        return blend(low, high, share)


def blend(low: Tensor, high: Tensor, share: Tensor) -> Tensor:
    """Between two independent values of unit variance, by a smooth step that keeps the variance."""
    step = share * share * (3.0 - 2.0 * share)
    return ((1.0 - step) * low + step * high) * torch.rsqrt((1.0 - step) ** 2 + step**2)
