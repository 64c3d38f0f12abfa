"""A graph's file with its large weights in eight bits: the runtimes unfold them when they load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..packing import LEAST_VALUES, MOST


def pack_file(path: Path) -> None:
    """Keep the large weights of a graph as whole numbers that a cast and a factor turn back.

    Weights that come from `packing.packed` come back as they were, but for the rounding of a factor.
    """
    model = onnx.load(path)
    nodes, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < LEAST_VALUES:
            kept.append(tensor)
            continue
        scale = _scale(values, _row_axes(values))
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


def _row_axes(values: np.ndarray) -> tuple[int, ...]:
    """The axes along which a row's values lie that share a factor: the exporter may have turned a matrix."""

    def error(axes: tuple[int, ...]) -> float:
        scaled = values / _scale(values, axes)
        return float(np.abs(scaled - np.round(scaled)).mean())

    rows, columns = tuple(range(1, values.ndim)), tuple(range(values.ndim - 1))
    # The last axis alone: recurrent layers have their directions before their rows.
    return min((rows, columns, (values.ndim - 1,)), key=error)


def _scale(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-8) / MOST
