"""The networks: an encoder of segments, and a decoder that makes one frame from a latent and a moment of the paths.

Levels are dB, times are frames of `frames.HOP`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spectrum import GATE_DB
from .frames import BANDS, FRAMES_A_SECOND, SEGMENT
from .grain import GROUP_BANDS, LOOPS, grain_table
from .paths import FAST, MEDIUM, SLOW, SLOW_HZ

LATENT = 16
WIDTH, STYLE, LAYERS = 256, 256, 4
KNOTS = round(SEGMENT / FRAMES_A_SECOND * SLOW_HZ) + 1  # values of each slow path that a segment has
NOISE_BANDS = 20
TOP_DB, LEVEL_SLOPE_DB = 20.0, 25.0
SLOPE = 0.2


def scaled(level: Tensor) -> Tensor:
    """Levels in dB to about -1 to 1, what networks read."""
    return (torch.clamp(level, min=GATE_DB) + 60.0) / 30.0


class Encoder(nn.Module):
    """A segment to its latent, which has no time, and to the knots of its slow paths."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(BANDS, WIDTH, 5, stride=2, padding=2)
        self.down = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 5, stride=2, padding=2) for _ in range(2))
        self.hidden = nn.Linear(2 * WIDTH, WIDTH)
        self.latent = nn.Linear(WIDTH, 2 * LATENT)
        self.slow = nn.Conv1d(2 * WIDTH, 2 * SLOW, 1)

    def forward(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`level`: [batch, SEGMENT, BANDS]. Means and log-variances: of the latent [batch, LATENT], of the slow paths
        [batch, KNOTS, SLOW].
        """
        x = functional.leaky_relu(self.enter(scaled(level).transpose(1, 2)), SLOPE)
        for layer in self.down:
            x = functional.leaky_relu(layer(x), SLOPE)
        whole = torch.cat([x.mean(2), x.std(2)], dim=1)
        hidden = functional.leaky_relu(self.hidden(whole), SLOPE)
        mean, log_variance = self.latent(hidden).chunk(2, dim=1)
        knots = functional.adaptive_avg_pool1d(x, KNOTS)
        beside = torch.cat([knots, hidden.unsqueeze(2).expand(-1, -1, KNOTS)], dim=1)
        slow_mean, slow_log_variance = self.slow(beside).transpose(1, 2).chunk(2, dim=2)
        return mean, log_variance.clamp(-8.0, 2.0), slow_mean, slow_log_variance.clamp(-8.0, 2.0)


class Decoder(nn.Module):
    """Latent and paths to level and noisiness of a frame; frames know nothing of each other."""

    def __init__(self) -> None:
        super().__init__()
        self.style = nn.Sequential(
            nn.Linear(LATENT, STYLE), nn.LeakyReLU(SLOPE), nn.Linear(STYLE, STYLE), nn.LeakyReLU(SLOPE)
        )
        self.enter = nn.Linear(SLOW + MEDIUM + FAST, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.modulate = nn.Linear(STYLE, 2 * WIDTH * LAYERS)
        self.base = nn.Linear(STYLE, BANDS)
        self.level = nn.Linear(WIDTH, BANDS)
        self.noisiness = nn.Linear(WIDTH, NOISE_BANDS)
        places = np.linspace(0.0, NOISE_BANDS - 1.0, BANDS)
        between = np.stack([np.interp(places, np.arange(NOISE_BANDS), row) for row in np.eye(NOISE_BANDS)])
        self.register_buffer("between", torch.tensor(between, dtype=torch.float32), persistent=False)
        nn.init.normal_(self.modulate.weight, 0.0, 0.02)

    def forward(self, latent: Tensor, paths: Tensor) -> tuple[Tensor, Tensor]:
        """`latent`: [batch, LATENT]; `paths`: [batch, frames, SLOW + MEDIUM + FAST]. Returns levels in dB and
        noisiness from 0 to 1, both [batch, frames, BANDS].
        """
        style = self.style(latent)
        gains = self.modulate(style).unsqueeze(1).chunk(2 * LAYERS, dim=2)
        x = self.enter(paths)
        for index, layer in enumerate(self.layers):
            gain, shift = gains[2 * index], gains[2 * index + 1]
            x = x + functional.leaky_relu(layer(x) * (1.0 + gain) + shift, SLOPE)
        drawn = self.base(style).unsqueeze(1) + self.level(x)
        level = TOP_DB - LEVEL_SLOPE_DB * functional.softplus(-drawn)
        return level, torch.sigmoid(self.noisiness(x)) @ self.between


class Grain(nn.Module):
    """Reads the grain of frames at times."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(grain_table()), persistent=False)
        loops = np.repeat(LOOPS, GROUP_BANDS)
        self.register_buffer("loops", torch.tensor(loops), persistent=False)
        self.register_buffer("bands", torch.arange(BANDS), persistent=False)

    def forward(self, frame: Tensor) -> Tensor:
        """`frame`: whole numbers [batch, frames]. Returns [batch, frames, BANDS] in dB."""
        return self.table[frame.unsqueeze(2) % self.loops, self.bands]


def soft_gate(level: Tensor) -> Tensor:
    """Levels under the gate count as the gate; soft, so that what is drawn silent can still rise."""
    return GATE_DB + 2.0 * functional.softplus((level - GATE_DB) / 2.0)
