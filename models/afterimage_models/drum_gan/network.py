"""The networks: an encoder for training, the generator that the pack holds, and what judges it while it trains.

All convolve over time with bins as channels: on one CPU core that trains several times faster than images do.
Times are knots (`frames.KNOTS`), levels are dB, unless said otherwise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from ..loudness import k_weight_power
from ..spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE
from .descriptors import NAMES
from .frames import BINS, FRAMES, HOP, KNOTS, N_FFT
from .grain import MEAN_UNDER_POWER_DB
from .kit import LABELS, LATENT
from .noisiness import GRAIN_BANDS, band_weights
from .preparation import TARGET_LUFS

CLASSES, DESCRIPTORS = len(LABELS), len(NAMES)
CONDITION = CLASSES + DESCRIPTORS
WIDTH, COARSE, FIRST_STEPS = 160, 256, 10
TOP_DB, LEVEL_SLOPE_DB = 20.0, 30.0  # the level head's ceiling, and dB a unit far below it
MOMENTARY_S, MOMENTARY_STEP_S = 0.4, 0.1
HEARING_BANDS = 64
PATCH_GROUPS = 9  # of 57 bins each
SCORE_GAIN = 10.0  # layers of unit norm shrink what passes; the hinge wants scores of about 1


def condition(label: Tensor, knobs: Tensor) -> Tensor:
    """Class indices [batch] and knobs [batch, DESCRIPTORS] from 0 to 1 to one row [batch, CONDITION]."""
    return torch.cat([torch.eye(CLASSES)[label], 2.0 * knobs - 1.0], dim=1)


def soft_gate(level: Tensor) -> Tensor:
    """Levels under the gate count as the gate; soft, so that what is drawn silent can still rise."""
    return GATE_DB + 2.0 * functional.softplus((level - GATE_DB) / 2.0)


def scaled(level: Tensor) -> Tensor:
    """Levels in dB to about -1 to 1, what networks read."""
    return (level + 60.0) / 30.0


def momentary_weights(places: np.ndarray) -> np.ndarray:
    """Matrix [windows, places]: mean over each loudness window (BS.1770-4) of values known at frames `places`."""
    step, size = int(MOMENTARY_STEP_S * SAMPLE_RATE / HOP), int(MOMENTARY_S * SAMPLE_RATE / HOP)
    starts = range(0, FRAMES - size + 1, step)
    windows = np.array([[a <= n < a + size for n in range(FRAMES)] for a in starts], np.float32) / size
    between = np.stack([np.interp(np.arange(FRAMES), places, row) for row in np.eye(len(places))], axis=1)
    return (windows @ between).astype(np.float32)


class Leveller(nn.Module):
    """Adds one gain to a hit so that its loudest 400 ms lie at TARGET_LUFS: loudness is not for the network to say."""

    def __init__(self, places: np.ndarray) -> None:
        super().__init__()
        hz = np.arange(BINS) * SAMPLE_RATE / N_FFT
        # A Hann frame's summed power is 3 times the mean square: noise bandwidth 1.5, and 2 for a sine's amplitude.
        weight = k_weight_power(np.minimum(hz, SAMPLE_RATE / 2 - 1.0)) / 3.0
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float32), persistent=False)
        self.register_buffer("windows", torch.tensor(momentary_weights(places)), persistent=False)

    def forward(self, level: Tensor) -> Tensor:
        """Gain [batch, 1, 1] in dB for power levels [batch, places, BINS]."""
        power = torch.exp(level * (np.log(10.0) / 10.0)) @ self.weight
        loudest = (power @ self.windows.T).amax(1)
        lufs = 10.0 / np.log(10.0) * torch.log(loudest + 1e-12) - 0.691
        return (TARGET_LUFS - lufs).view(-1, 1, 1)


class Encoder(nn.Module):
    """A hit and its condition to the mean and log-variance of its latent."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(BINS, WIDTH, 1)
        self.down = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 5, stride=2, padding=2) for _ in range(3))
        self.hidden = nn.Linear(WIDTH * FIRST_STEPS + CONDITION, 256)
        self.out = nn.Linear(256, 2 * LATENT)

    def forward(self, level: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """`level`: [batch, knots, BINS]. Returns two of [batch, LATENT]."""
        x = functional.leaky_relu(self.enter(scaled(level).transpose(1, 2)), 0.2)
        for layer in self.down:
            x = functional.leaky_relu(layer(x), 0.2)
        x = functional.leaky_relu(self.hidden(torch.cat([x.flatten(1), given], dim=1)), 0.2)
        mean, log_variance = self.out(x).chunk(2, dim=1)
        return mean, torch.clamp(log_variance, -8.0, 2.0)


class Block(nn.Module):
    """Twice the time steps, a convolution, and a residual one; scaled and moved by the style."""

    def __init__(self, style: int, before: int, steps: int, width: int = WIDTH) -> None:
        super().__init__()
        places = np.linspace(0.0, before - 1.0, steps)
        longer = np.stack([np.interp(places, np.arange(before), row) for row in np.eye(before)])
        self.register_buffer("longer", torch.tensor(longer, dtype=torch.float32), persistent=False)
        self.first = nn.Conv1d(width, width, 3, padding=1)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        self.modulate = nn.Linear(style, 2 * width)
        self.place = nn.Parameter(0.1 * torch.randn(width, steps))
        nn.init.normal_(self.modulate.weight, 0.0, 0.02)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x`: [batch, width, before]."""
        x = x @ self.longer
        gain, shift = self.modulate(style).unsqueeze(2).chunk(2, dim=1)
        y = functional.leaky_relu(self.first(x) * (1.0 + gain) + shift + self.place, 0.2)
        return x + functional.leaky_relu(self.second(y), 0.2)


class Generator(nn.Module):
    """Latent and condition to the median level and the noisiness of every knot."""

    def __init__(self, given: int = CONDITION, latent: int = LATENT, width: int = WIDTH) -> None:
        """`given`: values of a condition row; `latent`: of a latent; `width`: channels of the convolutions."""
        super().__init__()
        self.width = width
        self.style = nn.Sequential(
            nn.Linear(latent + given, COARSE), nn.LeakyReLU(0.2), nn.Linear(COARSE, COARSE), nn.LeakyReLU(0.2)
        )
        self.start = nn.Linear(COARSE, width * FIRST_STEPS)
        steps = (FIRST_STEPS, 19, 37, len(KNOTS))
        self.blocks = nn.ModuleList(Block(COARSE, a, b, width) for a, b in zip(steps[:-1], steps[1:], strict=True))
        self.level = nn.Conv1d(width, BINS, 1)
        self.noisiness = nn.Conv1d(width, GRAIN_BANDS, 1)
        self.register_buffer("bands", torch.tensor(band_weights(), dtype=torch.float32), persistent=False)
        nn.init.constant_(self.level.bias, -2.0)

    def drawn(self, x: Tensor, style: Tensor) -> Tensor:
        """What becomes levels, [batch, knots, BINS], of `x` [batch, width, knots] and the style [batch, COARSE]."""
        return self.level(x).transpose(1, 2)

    def forward(self, latent: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Levels in dB [batch, knots, BINS] before the leveller, and noisiness of the same shape, 0 to 1."""
        style = self.style(torch.cat([latent, given], dim=1))
        x = self.start(style).view(-1, self.width, FIRST_STEPS)
        for block in self.blocks:
            x = block(x, style)
        level = TOP_DB - LEVEL_SLOPE_DB * functional.softplus(-self.drawn(x, style))
        return level, torch.sigmoid(self.noisiness(x)).transpose(1, 2) @ self.bands.T


def with_grain(level: Tensor, noisiness: Tensor, grain: Tensor, leveller: Leveller) -> Tensor:
    """What is heard: levels with a noise's own unevenness where it is noisy, at the training set's loudness."""
    heard = level + noisiness * grain
    return heard + leveller(heard)


class Critic(nn.Module):
    """Scores hits as recorded (high) or made (low): in bands of hearing, and in groups of bins by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bands", torch.tensor(hearing_bands(), dtype=torch.float32), persistent=False)
        self.enter = spectral_norm(nn.Conv1d(HEARING_BANDS, 128, 3, padding=1))
        self.down = nn.ModuleList(spectral_norm(nn.Conv1d(128, 128, 4, stride=2, padding=1)) for _ in range(3))
        self.score = spectral_norm(nn.Linear(128, 1))
        self.given = spectral_norm(nn.Linear(CONDITION, 128))
        width = 32 * PATCH_GROUPS
        self.patch_enter = spectral_norm(nn.Conv1d(BINS, width, 3, padding=1, groups=PATCH_GROUPS))
        self.patch_down = spectral_norm(nn.Conv1d(width, width, 4, stride=2, padding=1, groups=PATCH_GROUPS))
        self.patch_score = spectral_norm(nn.Conv1d(width, PATCH_GROUPS, 3, padding=1, groups=PATCH_GROUPS))

    def forward(self, level: Tensor, given: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """`level`: [batch, knots, BINS]. Returns scores [batch, 1], patch scores and what the layers saw."""
        power = torch.exp(level * (np.log(10.0) / 10.0)) @ self.bands
        x = scaled(10.0 / np.log(10.0) * torch.log(power + 1e-9)).transpose(1, 2)
        seen = []
        x = functional.leaky_relu(self.enter(x), 0.2)
        for layer in self.down:
            seen.append(x)
            x = functional.leaky_relu(layer(x), 0.2)
        pooled = x.mean(2) + x.amax(2)
        score = self.score(pooled) + (pooled * self.given(given)).sum(1, keepdim=True) / 128**0.5
        y = functional.leaky_relu(self.patch_enter(scaled(level).transpose(1, 2)), 0.2)
        y = functional.leaky_relu(self.patch_down(y), 0.2)
        return SCORE_GAIN * score, SCORE_GAIN * self.patch_score(y), [*seen, x, y]


def hearing_bands(count: int = HEARING_BANDS) -> np.ndarray:
    """Triangles [BINS, count], evenly spaced on the mel scale (O'Shaughnessy 1987) and of sum 1 a band."""
    top = 2595.0 * np.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, count + 2) / 2595.0) - 1.0) * N_FFT / SAMPLE_RATE
    # Low bands are narrower than a bin: each reaches a bin to both sides, so that none is empty.
    low, centre, high = np.minimum(edges[:-2], edges[1:-1] - 1.0), edges[1:-1], np.maximum(edges[2:], edges[1:-1] + 1.0)
    bins = np.arange(BINS)[:, None]
    shape = np.maximum(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0.0)
    return shape / shape.sum(0)


def expected_level(level: Tensor, noisiness: Tensor) -> Tensor:
    """Power level of grained bins whose mean logarithm is `level`."""
    return level + MEAN_UNDER_POWER_DB * noisiness**2


def gate(level: Tensor) -> Tensor:
    """Levels under the gate as the pack writes silence."""
    return torch.where(level < GATE_DB, torch.full_like(level, FLOOR_DB), level)
