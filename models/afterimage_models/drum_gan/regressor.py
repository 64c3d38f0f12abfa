"""Reads the descriptors of a hit from its frames, so that training can hold made-up hits to their knobs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..spectrum import SAMPLE_RATE
from .descriptors import TIMBRAL, Scale
from .frames import BINS, HOP, KNOTS

FEATURE_BANDS = 30
EDGES = np.unique(np.round(np.geomspace(1, BINS, FEATURE_BANDS + 1)).astype(int))
SEGMENTS = (0, 2, 4, 7, 11, 16, 23, 32, 40, 48, 56, 64, len(KNOTS))
FEATURE_FLOOR_DB = -75.0
# Roughness counts pairs of partials and of a noise's peaks that stand within a critical band of each other, over a
# hundredth of the loudest (Vassilakis 2007, as `timbral_models` has it), almost whatever their level.
STANDING_DB, STANDING_SOFT_DB = (-24.0, -31.0, -38.0), 2.5
STANDING_BANDS = 10


class Features(nn.Module):
    """Levels of broad bands over stretches of time: what descriptors depend on, and hard to cheat."""

    def __init__(self) -> None:
        super().__init__()
        bands = np.zeros((BINS, len(EDGES) - 1), np.float32)
        for i, (a, b) in enumerate(zip(EDGES[:-1], EDGES[1:], strict=True)):
            bands[a:b, i] = 1.0
        steps = np.gradient(KNOTS.astype(np.float64))
        times = np.zeros((len(SEGMENTS) - 1, len(KNOTS)), np.float32)
        for i, (a, b) in enumerate(zip(SEGMENTS[:-1], SEGMENTS[1:], strict=True)):
            times[i, a:b] = steps[a:b] / steps[a:b].sum()
        self.register_buffer("bands", torch.from_numpy(bands), persistent=False)
        self.register_buffer("times", torch.from_numpy(times), persistent=False)
        moments = np.stack([steps, steps * KNOTS * HOP * 1000.0 / SAMPLE_RATE])
        self.register_buffer("moments", torch.tensor(moments, dtype=torch.float32), persistent=False)

    @property
    def size(self) -> int:
        """Values a hit."""
        return self.bands.shape[1] * (len(SEGMENTS) - 1) + self.bands.shape[1]

    def powers(self, level: Tensor) -> Tensor:
        """Band powers [batch, knots, bands] of levels [batch, knots, BINS] in dB."""
        return torch.exp(torch.clamp(level, max=40.0) * (np.log(10.0) / 10.0)) @ self.bands

    def length(self, level: Tensor) -> Tensor:
        """`length` of hits [batch], from their frames."""
        total = self.powers(level).sum(2) @ self.moments.T
        return torch.log2(total[:, 1] / (total[:, 0] + 1e-12) + 1.0)

    def forward(self, level: Tensor) -> Tensor:
        """[batch, size], about -1 to 1, of levels [batch, knots, BINS] in dB."""
        powers = self.powers(level)
        parts = [self.times @ powers, powers.mul(self.moments[0].view(1, -1, 1)).sum(1, keepdim=True) / 75.0]
        levels = 10.0 / np.log(10.0) * torch.log(torch.cat(parts, dim=1) + 1e-9)
        return ((torch.clamp(levels, min=FEATURE_FLOOR_DB) + 45.0) / 20.0).flatten(1)


class Standing(nn.Module):
    """How much of a hit stands near its loudest cell, band by band: what roughness is counted from."""

    def __init__(self) -> None:
        super().__init__()
        hz = np.arange(BINS) * SAMPLE_RATE / (2 * (BINS - 1))
        bark = 13.0 * np.arctan(0.00076 * hz) + 3.5 * np.arctan((hz / 7500.0) ** 2)  # Zwicker, Terhardt 1980
        band = np.minimum((bark / bark.max() * STANDING_BANDS).astype(int), STANDING_BANDS - 1)
        bands = np.eye(STANDING_BANDS, dtype=np.float32)[band]
        # A critical band that is all noise counts alike, however many bins it has.
        self.register_buffer("bands", torch.from_numpy(bands / bands.sum(0)), persistent=False)
        # Partners of a noise's peak: as many as its critical band has room for (Zwicker, Terhardt 1980, eq. 2).
        partners = 25.0 + 75.0 * (1.0 + 1.4 * (hz / 1000.0) ** 2) ** 0.69
        self.register_buffer(
            "partners", torch.tensor(partners / partners.mean(), dtype=torch.float32), persistent=False
        )
        steps = np.gradient(KNOTS.astype(np.float64))
        self.register_buffer("steps", torch.tensor(steps / steps.sum(), dtype=torch.float32), persistent=False)

    @property
    def size(self) -> int:
        """Values a hit."""
        return len(STANDING_DB) * (STANDING_BANDS + 1)

    def forward(self, level: Tensor) -> Tensor:
        """[batch, size], about -1 to 1, of levels [batch, knots, BINS] in dB."""
        under = level - level.amax((1, 2), keepdim=True)
        out = []
        for limit in STANDING_DB:
            stands = self.steps @ torch.sigmoid((under - limit) / STANDING_SOFT_DB)  # share of the time, by bin
            pairs = (stands @ self.partners / BINS).unsqueeze(1)
            out.append(torch.log10(torch.cat([stands @ self.bands, pairs], dim=1) + 1e-3) * 0.7 + 1.0)
        return torch.cat(out, dim=1)


class Regressor(nn.Module):
    """Knob values of a hit, read from its frames."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.features, self.standing = Features(), Standing()
        self.layers = nn.Sequential(
            nn.Linear(self.features.size + self.standing.size, 192), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(192, 96), nn.GELU(), nn.Linear(96, len(TIMBRAL)),
        )  # fmt: skip
        self.register_buffer("centre", torch.zeros(len(TIMBRAL)))
        self.register_buffer("spread", torch.ones(len(TIMBRAL)))
        self.register_buffer("low", torch.tensor(scale.low, dtype=torch.float32))
        self.register_buffer("high", torch.tensor(scale.high, dtype=torch.float32))

    def seen(self, level: Tensor) -> Tensor:
        """What its layers read, [batch, size], of levels [batch, knots, BINS] in dB."""
        return torch.cat([self.features(level), self.standing(level)], dim=1)

    def values(self, level: Tensor) -> Tensor:
        """Descriptors [batch, NAMES] in their own units."""
        timbral = self.centre + self.spread * self.layers(self.seen(level))
        return torch.cat([timbral, self.features.length(level).unsqueeze(1)], dim=1)

    def forward(self, level: Tensor, label: Tensor) -> Tensor:
        """Knobs [batch, NAMES] of levels [batch, knots, BINS] of hits of classes `label` [batch]."""
        low, high = self.low[label], self.high[label]
        return (self.values(level) - low) / (high - low)
