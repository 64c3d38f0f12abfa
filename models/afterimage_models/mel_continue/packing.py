"""Weights in eight bits: a whole number and one scale a row. Graphs and checkpoints stay small by it."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 127.0
State = dict[str, Tensor]


def row_scale(weight: Tensor) -> Tensor:
    """[rows, 1]: what a step of each row is worth."""
    return weight.abs().amax(1, keepdim=True).clamp(min=1e-8) / MOST


def eight_bits(weight: Tensor) -> Tensor:
    """[rows, columns] as int8."""
    return torch.round(weight / row_scale(weight)).to(torch.int8)


def packed(state: State) -> dict[str, Tensor | tuple[Tensor, Tensor]]:
    """Matrices as (int8, scales), all else in half precision."""
    state = {name: value.float().cpu() for name, value in state.items()}
    return {
        name: (eight_bits(value), row_scale(value)) if value.dim() == 2 else value.half()
        for name, value in state.items()
    }


def unpacked(state: dict[str, Tensor | tuple[Tensor, Tensor]]) -> State:
    """The other way, in float32."""
    return {
        name: value[0].float() * value[1] if isinstance(value, tuple) else value.float()
        for name, value in state.items()
    }
