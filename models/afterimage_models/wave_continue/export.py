"""The network as the plugin takes it: one sample a call, what convolutions look back to as delayed states."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..exporting.graph import export_graph
from .network import Shape, WaveNet, front, level_of


def delayed(shape: Shape) -> dict[str, int]:
    """Names of the layers' states, and after how many calls each comes back."""
    return {f"state.layer{i}": dilation for i, dilation in enumerate(shape.dilations)}


REPLACED = ("state.past", "state.residual")


def input_names(shape: Shape) -> list[str]:
    """The graph's inputs in order."""
    return ["audio", "label", *REPLACED, *delayed(shape)]


def output_names(shape: Shape) -> list[str]:
    """The graph's outputs in order."""
    return ["mixture", *(f"{name}.out" for name in (*REPLACED, *delayed(shape)))]


class StepWaveNet(nn.Module):
    """One step of a trained network. Its modules keep their names: the native kernel finds the weights by them."""

    def __init__(self, network: WaveNet) -> None:
        super().__init__()
        self.register_buffer("whitening", network.whitening.clone())
        self.front, self.layers, self.head = network.front, network.layers, network.head

    def forward(
        self, audio: Tensor, label: Tensor, past: Tensor, residual: Tensor, *earlier: Tensor
    ) -> tuple[Tensor, ...]:
        """`audio`, `label`: [batch, 1]; `past`, `residual`: [batch, taps]; `earlier`: [batch, channels] a layer.

        The mixture is [batch, 3 * mixtures]: logits, means, scales.
        """
        missed = audio - (past * self.whitening).sum(-1, keepdim=True)
        past = torch.cat([audio, past[:, :-1]], 1)
        residual = torch.cat([missed, residual[:, :-1]], 1)
        level = level_of(residual)
        x = self.front(front(residual, level, past[:, 0]))
        now, total = [], 0.0
        for layer, tap in zip(self.layers, earlier, strict=True):
            now.append(x)
            added, skip = layer(x, tap, label[:, 0])
            x, total = x + added, total + skip
        predicted = (past * self.whitening).sum(-1)
        mixture = self.head(total, predicted, residual, torch.log(level))
        return torch.cat([mixture.logits, mixture.mean, torch.exp(mixture.log_scale)], 1), past, residual, *now


def export_onnx(network: WaveNet, path: Path) -> None:
    """Write the graph of one step, with a dynamic batch axis."""
    shape, batch = network.shape, 2
    states = [torch.zeros(batch, shape.taps) for _ in REPLACED]
    states += [torch.zeros(batch, shape.channels) for _ in shape.dilations]
    example = (torch.zeros(batch, 1), torch.zeros(batch, 1, dtype=torch.int64), *states)
    step = StepWaveNet(network.float().cpu().eval())
    export_graph(step, example, input_names(shape), output_names(shape), path)
