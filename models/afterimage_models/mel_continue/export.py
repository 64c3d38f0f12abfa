"""Both graphs with their weights in eight bits: the runtimes unfold them when they load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from ..exporting.graph import export_graph
from .layout import BANDS, PRIME_FRAMES, UNIFORMS
from .network import FrameNetwork, Shape
from .packing import packed, unpacked
from .step import INPUTS, OUTPUTS, PRIME_INPUTS, PRIME_OUTPUTS, PrimeNetwork, StepNetwork

LEAST_VALUES = 4096  # smaller tensors stay as they are


def shipped_network(saved: dict) -> FrameNetwork:
    """The network of a checkpoint with its weights as the graphs have them."""
    network = FrameNetwork(Shape(**saved["shape"]))
    network.load_state_dict(unpacked(packed(saved["network"])))
    return network.eval()


def twin_network(saved: dict) -> FrameNetwork:
    """The twin without the frequency axis."""
    network = FrameNetwork(Shape(**saved["shape"] | {"across": False}))
    network.load_state_dict(unpacked(saved["twin"]))
    return network.eval()


def export_step(network: FrameNetwork, path: Path) -> None:
    """Write the graph of one step."""
    rows = 2
    example = (
        torch.zeros(rows, BANDS), torch.zeros(rows, 1, dtype=torch.int64), torch.zeros(rows, network.shape.state_width),
        torch.full((rows, UNIFORMS), 0.5), torch.ones(rows, 1),
    )  # fmt: skip
    export_graph(StepNetwork(network), example, INPUTS, OUTPUTS, path)
    pack_file(path)


def export_prime(network: FrameNetwork, path: Path) -> None:
    """Write the graph of several known frames."""
    rows = 2
    example = (
        torch.zeros(rows, PRIME_FRAMES, BANDS), torch.zeros(rows, 1, dtype=torch.int64),
        torch.zeros(rows, network.shape.state_width),
    )  # fmt: skip
    export_graph(PrimeNetwork(network), example, PRIME_INPUTS, PRIME_OUTPUTS, path)
    pack_file(path)


def pack_file(path: Path) -> None:
    """Keep the large weights of a graph as whole numbers that a cast and a factor turn back.

    Weights that come from `packed` come back as they were, but for the rounding of a factor.
    """
    model = onnx.load(path)
    nodes, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST_VALUES:
            kept.append(tensor)
            continue
        axis = _row_axis(values)
        scale = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-8) / 127.0
        whole = np.round(values / scale).astype(np.int8)
        names = [f"{tensor.name}.{part}" for part in ("whole", "scale", "cast")]
        kept += [numpy_helper.from_array(whole, names[0]), numpy_helper.from_array(scale.astype(np.float32), names[1])]
        nodes.append(helper.make_node("Cast", [names[0]], [names[2]], to=onnx.TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [names[2], names[1]], [tensor.name]))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes += list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def _row_axis(values: np.ndarray) -> int:
    """The axis along which a row's values lie that share a factor: the exporter may have turned a matrix."""

    def error(axis: int) -> float:
        scale = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-8) / 127.0
        return float(np.abs(values / scale - np.round(values / scale)).mean())

    return min((values.ndim - 1, values.ndim - 2), key=error)
