"""Weights in eight bits: a whole number each, and a scale for each row. Graphs and checkpoints stay small by it."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_VALUES = 4096  # smaller tensors are not worth it
MOST = 127.0


def is_large(weight: Tensor) -> bool:
    """Whether a tensor is one that is kept in eight bits."""
    return weight.dim() >= 2 and weight.numel() >= LEAST_VALUES


def eight_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[rows, ...] as int8, and [rows, 1, ...] what one step of each row is worth."""
    axes = list(range(1, weight.dim()))
    scale = weight.abs().amax(axes, keepdim=True).clamp(min=1e-8) / MOST
    return torch.round(weight / scale).to(torch.int8), scale
