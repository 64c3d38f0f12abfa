"""Both graphs with their weights in eight bits: the runtimes unfold them when they load."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..exporting.graph import export_graph
from ..exporting.packed_file import pack_file
from ..packing import unpacked
from .layout import BANDS, MEANS_WIDTH, PRIME_FRAMES, UNIFORMS
from .network import FrameNetwork, Shape
from .step import INPUTS, OUTPUTS, PRIME_INPUTS, PRIME_OUTPUTS, PrimeNetwork, StepNetwork


def shipped_network(saved: dict) -> FrameNetwork:
    """The network of a checkpoint with its weights as the graphs have them."""
    network = FrameNetwork(Shape(**saved["shape"]))
    network.load_state_dict(unpacked(saved["network"]))
    return network.eval()


def states(network: FrameNetwork, rows: int) -> tuple[Tensor, Tensor]:
    """Both states before the first frame."""
    return torch.zeros(rows, network.shape.state_width), torch.zeros(rows, MEANS_WIDTH)


def export_step(network: FrameNetwork, path: Path) -> None:
    """Write the graph of one step."""
    rows = 2
    example = (
        torch.zeros(rows, BANDS), torch.zeros(rows, 1, dtype=torch.int64), *states(network, rows),
        torch.full((rows, UNIFORMS), 0.5), torch.ones(rows, 1),
    )  # fmt: skip
    export_graph(StepNetwork(network), example, INPUTS, OUTPUTS, path)
    pack_file(path)


def export_prime(network: FrameNetwork, path: Path) -> None:
    """Write the graph of several known frames."""
    rows = 2
    example = (
        torch.zeros(rows, PRIME_FRAMES, BANDS), torch.zeros(rows, 1, dtype=torch.int64), *states(network, rows),
    )  # fmt: skip
    export_graph(PrimeNetwork(network), example, PRIME_INPUTS, PRIME_OUTPUTS, path)
    pack_file(path)
