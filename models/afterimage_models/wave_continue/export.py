"""The network as the plugin takes it: one sample a call, what convolutions look back to as delayed states."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..exporting.graph import export_graph
from .network import Past, Shape, WaveNet


def delayed(shape: Shape) -> dict[str, int]:
    """Names of the layers' states, and after how many calls each comes back."""
    return {f"state.layer{i}": dilation for i, dilation in enumerate(shape.dilations)}


REPLACED = ("state.past", "state.whitened", "state.missed", "state.predicted", "state.foretold")
"""Three pasts, and what the fixed taps and those that follow foretold of the sample that now comes."""


def input_names(shape: Shape) -> list[str]:
    """The graph's inputs in order."""
    return ["audio", "label", "taps", *REPLACED, *delayed(shape)]


def output_names(shape: Shape) -> list[str]:
    """The graph's outputs in order."""
    return ["mixture", *(f"{name}.out" for name in (*REPLACED, *delayed(shape)))]


class StepWaveNet(nn.Module):
    """One step of a trained network. Its modules keep their names: the native kernel finds the weights by them."""

    def __init__(self, network: WaveNet) -> None:
        super().__init__()
        self.register_buffer("whitening", network.whitening.clone())
        self.front, self.layers, self.head = network.front, network.layers, network.head

    def forward(  # fmt: skip
        self,
        audio: Tensor,
        label: Tensor,
        taps: Tensor,
        past: Tensor,
        whitened: Tensor,
        missed: Tensor,
        predicted: Tensor,
        foretold: Tensor,
        *earlier: Tensor,
    ) -> tuple[Tensor, ...]:
        """`audio`, `label`, `predicted`, `foretold`: [batch, 1]; `past`, `missed`: [batch, taps].

        `taps`: [batch, followed], what foretells the whitened sample that comes next, fitted by the host to those
        before; `whitened`: [batch, followed]; `earlier`: [batch, channels].
        The mixture is [batch, 3 * mixtures]: logits, means, scales.
        """
        left = audio - predicted
        past = torch.cat([audio, past[:, :-1]], 1)
        whitened = torch.cat([left, whitened[:, :-1]], 1)
        missed = torch.cat([left - foretold, missed[:, :-1]], 1)
        predicted = (past * self.whitening).sum(-1, keepdim=True)
        foretold = (whitened * taps).sum(-1, keepdim=True)
        seen = Past(audio[:, 0], whitened[:, : past.shape[1]], missed, (predicted + foretold)[:, 0])
        x = self.front(seen.front())
        now, total = [], 0.0
        for layer, tap in zip(self.layers, earlier, strict=True):
            now.append(x)
            added, skip = layer(x, tap, label[:, 0])
            x, total = x + added, total + skip
        mixture = self.head(total, seen)
        made = torch.cat([mixture.logits, mixture.mean, torch.exp(mixture.log_scale)], 1)
        return made, past, whitened, missed, predicted, foretold, *now


WHOLE = 127
"""Steps of the largest weight of a row that is kept in bytes."""
STEP_BITS = 11
"""Of a step, so that its multiples are exact in single precision."""


def bytes_rounded(weight: Tensor) -> Tensor:
    """[outputs, inputs] with each row's weights multiples of one step, a 127th of its largest: what the kernel keeps
    in bytes (`wavenet/bytes.rs`).
    """
    mantissa, exponent = torch.frexp(weight.abs().amax(1, keepdim=True) / WHOLE)
    step = torch.ldexp(torch.round(torch.ldexp(mantissa, torch.tensor(STEP_BITS))), exponent - STEP_BITS)
    whole = torch.where(step > 0.0, torch.round(weight / step), weight)
    return whole.clamp(-WHOLE, WHOLE) * step


@torch.no_grad()
def round_weights(network: WaveNet) -> None:
    """Round what is multiplied: the layers' to bytes, a step for each row of a product, all else to half precision.

    The kernel then reads a quarter and half of the bytes, and computes with the very weights of the graph. The layers'
    are nearly all of them; the first and the last turn levels into levels, and are few.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            module.weight.copy_(module.weight.half().float())
    channels = network.shape.channels
    for layer in network.layers:
        # The earlier channels and the present ones are two products.
        for columns in layer.gate.weight.split(channels, 1):
            columns.copy_(bytes_rounded(columns))
        layer.out.weight.copy_(bytes_rounded(layer.out.weight))


def widths(shape: Shape) -> dict[str, int]:
    """Values a row of each state."""
    replaced = dict(zip(REPLACED, (shape.taps, shape.followed, shape.taps, 1, 1), strict=True))
    return replaced | dict.fromkeys(delayed(shape), shape.channels)


def export_onnx(network: WaveNet, path: Path) -> None:
    """Write the graph of one step, with a dynamic batch axis."""
    shape, batch = network.shape, 2
    states = [torch.zeros(batch, width) for width in widths(shape).values()]
    number = torch.zeros(batch, 1, dtype=torch.int64)
    example = (torch.zeros(batch, 1), number, torch.zeros(batch, shape.followed), *states)
    step = StepWaveNet(network.float().cpu().eval())
    export_graph(step, example, input_names(shape), output_names(shape), path)
