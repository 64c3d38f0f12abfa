"""Rewrites of an exported graph that give the same numbers, but for rounding, in less time.

For graphs over many values, such as whole hits: there both runtimes work off a softplus value by value, and multiply
by a vector as if it were a matrix of one column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

DOT_VALUES = 64  # shorter rows are not worth a node more


class Graph:
    """The nodes of a graph, with their constants and producers by name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.made_by = {output: node for node in self.graph.node for output in node.output}

    def constant(self, name: str, values: np.ndarray) -> str:
        """Adds a constant; returns its name."""
        self.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def replace(self, change: Callable[[Graph, NodeProto], Iterator[NodeProto] | None]) -> None:
        """Puts what `change` gives in the place of each node; where it gives None, the node stays."""
        nodes = []
        for node in self.graph.node:
            changed = change(self, node)
            nodes += [node] if changed is None else list(changed)
        del self.graph.node[:]
        self.graph.node.extend(nodes)

    def prune(self) -> None:
        """Takes out nodes and constants that nothing reads."""
        wanted = {output.name for output in self.graph.output}
        kept = []
        for node in reversed(self.graph.node):
            if wanted & set(node.output):
                wanted |= set(node.input)
                kept.append(node)
        tensors = [tensor for tensor in self.graph.initializer if tensor.name in wanted]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(reversed(kept))
        self.graph.initializer.extend(tensors)


def softplus(_: Graph, node: NodeProto) -> Iterator[NodeProto] | None:
    """`max(x, 0) - log(sigmoid(|x|))`: the same curve by operations that are worked off many values at once, and
    none of them overflows.
    """
    return _softplus(node.input[0], node.output[0]) if node.op_type == "Softplus" else None


def _softplus(value: str, out: str) -> Iterator[NodeProto]:
    yield helper.make_node("Relu", [value], [f"{out}.above"])
    yield helper.make_node("Abs", [value], [f"{out}.size"])
    yield helper.make_node("Sigmoid", [f"{out}.size"], [f"{out}.share"])
    yield helper.make_node("Log", [f"{out}.share"], [f"{out}.bend"])
    yield helper.make_node("Sub", [f"{out}.above", f"{out}.bend"], [out])


def dot(graph: Graph, node: NodeProto) -> Iterator[NodeProto] | None:
    """Products with a long constant vector as weighted sums."""
    weights = graph.constants.get(node.input[1]) if node.op_type == "MatMul" else None
    if weights is None or weights.ndim != 1 or len(weights) < DOT_VALUES:
        return None
    return _dot(graph, node, weights)


def _dot(graph: Graph, node: NodeProto, weights: np.ndarray) -> Iterator[NodeProto]:
    rows, out = node.input[0], node.output[0]
    if not (weights == 1.0).all():
        yield helper.make_node("Mul", [rows, node.input[1]], [f"{out}.weighed"])
        rows = f"{out}.weighed"
    last = graph.constant(f"{out}.axis", np.array([-1], np.int64))
    yield helper.make_node("ReduceSum", [rows, last], [out], keepdims=0)


def order(graph: Graph, node: NodeProto) -> Iterator[NodeProto] | None:
    """`A (x B)` as `(A x) B`, where `A` and `B` are constants and that takes fewer multiplications."""
    if node.op_type != "MatMul":
        return None
    left, inner = graph.constants.get(node.input[0]), graph.made_by.get(node.input[1])
    if left is None or left.ndim != 2 or inner is None or inner.op_type != "MatMul":
        return None
    right = graph.constants.get(inner.input[1])
    if right is None or right.ndim != 2:
        return None
    (many, few), (deep, wide) = left.shape, right.shape
    if many * few * deep + many * deep * wide >= many * few * wide:
        return None
    return iter((
        helper.make_node("MatMul", [node.input[0], inner.input[0]], [f"{node.output[0]}.first"]),
        helper.make_node("MatMul", [f"{node.output[0]}.first", inner.input[1]], [node.output[0]]),
    ))  # fmt: skip


def cheapen(path: Path) -> None:
    """Rewrites a graph's file in place."""
    model = onnx.load(str(path))
    for change in (softplus, dot, order):
        Graph(model).replace(change)
    Graph(model).prune()
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
