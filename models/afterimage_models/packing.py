"""Weights in eight bits: a whole number and one scale a row. Graphs and checkpoints stay small by it."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 127.0
LEAST_VALUES = 4096  # smaller tensors are not worth it
State = dict[str, Tensor]


def row_scale(weight: Tensor) -> Tensor:
    """[rows, 1, ...]: what a step of each row is worth."""
    axes = list(range(1, weight.dim()))
    return weight.abs().amax(axes, keepdim=True).clamp(min=1e-8) / MOST


def eight_bits(weight: Tensor) -> Tensor:
    """[rows, ...] as int8."""
    return torch.round(weight / row_scale(weight)).to(torch.int8)


def packed(state: State) -> dict[str, Tensor | tuple[Tensor, Tensor]]:
    """Large tensors of rows as (int8, scales), all else in half precision."""
    state = {name: value.float().cpu() for name, value in state.items()}
    return {
        name: (eight_bits(value), row_scale(value)) if is_large(value) else value.half()
        for name, value in state.items()
    }


def is_large(weight: Tensor) -> bool:
    """Whether a tensor is kept in eight bits."""
    return weight.dim() >= 2 and weight.numel() >= LEAST_VALUES


def unpacked(state: dict[str, Tensor | tuple[Tensor, Tensor]]) -> State:
    """The other way, in float32."""
    return {
        name: value[0].float() * value[1] if isinstance(value, tuple) else value.float()
        for name, value in state.items()
    }
