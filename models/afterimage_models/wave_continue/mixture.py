"""Mixtures of logistics over one sample, counted in bits of the 16-bit grid.

Source: Salimans et al. 2017, "PixelCNN++", sec. 2.1; used for sound by van den Oord et al. 2018, "Parallel WaveNet",
sec. 2.1. At 16 kHz a softmax over 256 mu-law steps would leave its quantisation noise in every quiet passage.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

GRID = 1.0 / 32768.0  # one step of 16-bit sound
LEAST_LOG_SCALE, MOST_LOG_SCALE = -15.0, 1.0


class Mixture(NamedTuple):
    """Of each sample [...]: logits, means and natural logarithms of scales of the components [..., mixtures]."""

    logits: Tensor
    mean: Tensor
    log_scale: Tensor


def on_grid(sound: Tensor) -> Tensor:
    """The nearest 16-bit values in -1 to 1."""
    return torch.round(sound.clamp(-1.0, 1.0 - GRID) / GRID) * GRID


def bits(mixture: Mixture, sound: Tensor) -> Tensor:
    """Bits that each value of `sound` [...] on the grid costs: minus log2 of the mass of its step.

    The mass between a - h and a + h of a logistic is sigmoid(a + h) sigmoid(h - a) (1 - exp(-2 h)): this form loses
    no digits, however narrow or far the component is.
    """
    inverse = torch.exp(-mixture.log_scale)
    away = (sound.unsqueeze(-1) - mixture.mean) * inverse
    half = 0.5 * GRID * inverse
    width = torch.log(-torch.expm1(-2.0 * half))
    nats = softplus(-away - half) + softplus(away - half) - width
    return -torch.logsumexp(torch.log_softmax(mixture.logits, -1) - nats, -1) / math.log(2.0)
