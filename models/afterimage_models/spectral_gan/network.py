"""The generator of linear magnitudes, which shares its body with the drum GAN's, and what its critics see."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..drum_gan.frames import KNOTS
from ..drum_gan.grain import TABLE_FRAMES, grain_table
from ..drum_gan.network import BINS, CLASSES, COARSE, Generator, Leveller, expected_level, hearing_bands

LATENT, WIDTH, HEARING_BANDS = 16, 192, 96
SHAPES = 3  # spectra that a hit has to itself: where its partials lie
COMPRESSION = 0.3  # exponent that loudness follows: Stevens 1957, "On the psychophysical law"


def class_row(label: Tensor) -> Tensor:
    """Class indices [batch] to one row each [batch, CLASSES]."""
    return functional.one_hot(label, CLASSES).float()


def magnitude(level: Tensor) -> Tensor:
    """Levels in dB to linear magnitudes, 1 for a full-scale sine."""
    return torch.exp(level * (math.log(10.0) / 20.0))


class ShapedGenerator(Generator):
    """The drum GAN's generator, with a few spectra of each hit's own added in shares that change over time."""

    def __init__(self) -> None:
        super().__init__(CLASSES, LATENT, WIDTH)
        self.shapes = nn.Linear(COARSE, SHAPES * BINS)
        self.shares = nn.Conv1d(WIDTH, SHAPES, 1)

    def drawn(self, x: Tensor, style: Tensor) -> Tensor:
        """As the drum GAN's, and the shapes."""
        shapes = self.shapes(style).view(-1, SHAPES, BINS)
        return super().drawn(x, style) + self.shares(x).transpose(1, 2) @ shapes


class MagnitudeGenerator(nn.Module):
    """Latent and class to magnitudes: the exponential at the end makes loud and soft cells alike to the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.leveller = ShapedGenerator(), Leveller(KNOTS)

    def smooth(self, latent: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Levels in dB at the training set's loudness, and noisiness, both [batch, knots, BINS]; `label`: [batch]."""
        level, noisiness = self.body(latent, class_row(label))
        return level + self.leveller(expected_level(level, noisiness)), noisiness

    def forward(self, latent: Tensor, label: Tensor, grain: Tensor) -> Tensor:
        """Magnitudes [batch, knots, BINS] with `grain`, of the same shape, in dB."""
        level, noisiness = self.smooth(latent, label)
        return magnitude(level + noisiness * grain)


class RandomGrain(nn.Module):
    """Grain at the knots from random places of the drum GAN's table."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(grain_table()), persistent=False)
        self.register_buffer("knots", torch.from_numpy(KNOTS), persistent=False)

    def forward(self, count: int) -> Tensor:
        """[count, knots, BINS] in dB."""
        start = torch.randint(0, TABLE_FRAMES - int(KNOTS[-1]), (count, 1), device=self.knots.device)
        return self.table[start + self.knots]


class CompressedImages(nn.Module):
    """What critics see of magnitudes: bands of hearing and single bins, compressed as the ear does."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bands", torch.tensor(hearing_bands(HEARING_BANDS), dtype=torch.float32), persistent=False)

    def forward(self, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
        """`magnitudes`: [batch, knots, BINS]. Returns [batch, 1, knots, bands] and [batch, 1, knots, BINS]."""
        heard = torch.sqrt(magnitudes.square() @ self.bands + 1e-10)
        return tuple(4.0 * (m + 1e-5).pow(COMPRESSION).unsqueeze(1) - 1.0 for m in (heard, magnitudes))
