"""What is tried on a graph once it is written: traced rightly, rows apart, as PyTorch says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..onnx_session import open_session
from .errors import ExportError
from .graph import as_tuple, trace_warnings
from .tensors import Row, of_role
from .trials import trial

BLOCKS = 60
TOLERANCE = 1e-4  # of the largest value, or of 1: the plugin's own limit between its two runtimes
PHASE_SHARE = 0.99  # of the bins: where a magnitude vanishes, its angle says nothing
PHASE_TOLERANCE = 0.05  # rad: a second of a high tone is turns enough for rounding to show
ROWS = 4
TRACED_ROWS = 2  # 1 would let the trace take the batch for a constant


@dataclass
class Graph:
    """One graph of a pack: the module that it is made of, its rows of the manifest, one row of each input."""

    name: str
    module: nn.Module
    inputs: list[Row]
    outputs: list[Row]
    example: list[np.ndarray]

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """The tensors' names, in order."""
        return [row["tensor"] for row in self.inputs], [row["tensor"] for row in self.outputs]

    def run(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the module makes of an array for each input."""
        with torch.no_grad():
            return [y.numpy() for y in as_tuple(self.module(*(torch.as_tensor(v) for v in values)))]


def write_graph(graph: Graph, path: Path) -> None:
    """Write the graph's file. Raises ExportError where the module does not trace."""
    rows = [np.repeat(e, TRACED_ROWS, 0) for e in graph.example]
    _run_rows(graph, rows)
    example = tuple(torch.as_tensor(r) for r in rows)
    try:
        fixed = trace_warnings(graph.module, example, graph.names, path)
    except Exception as error:  # the exporter raises whatever its parts do
        raise ExportError(
            f"'{graph.name}' does not export: {first_line(error)}; write that step in operators that ONNX has"
        ) from error
    if fixed:
        raise ExportError(
            f"'{graph.name}' does not trace: {fixed[0]} asks for a tensor's value, which the graph would keep for "
            "ever; use torch.where in place of if, and tensors in place of int() and float()"
        )


def check_graph(graph: Graph, manifest: Row, path: Path) -> None:
    """Raises ExportError unless rows are apart, values finite, and ONNX Runtime says what PyTorch does."""
    _check_rows(graph, manifest)
    session = open_session(path)
    missing = set(graph.names[0]) - {i.name for i in session.get_inputs()}
    if missing:
        raise ExportError(f"nothing in the module reads '{sorted(missing)[0]}': use it, or leave it out of 'inputs'")
    _check_parity(graph, manifest, session)


def _check_rows(graph: Graph, manifest: Row) -> None:
    first, second = (trial(manifest, graph.inputs, graph.example, ROWS, seed) for seed in (1, 2))
    mixed = [np.concatenate([a[:1], b[1:]]) for a, b in zip(first, second, strict=True)]
    alone, among = _run_rows(graph, first), _run_rows(graph, mixed)
    for row, a, b in zip(graph.outputs, alone, among, strict=True):
        if len(a) != ROWS:
            raise ExportError(f"'{row['tensor']}' has {len(a)} rows for a batch of {ROWS}: put the batch first")
        if _differ(row, a[0], b[0]):
            raise ExportError(
                f"a row of '{row['tensor']}' changes with its neighbours in the batch: normalise within a row, and "
                "average over no batch axis"
            )


def _run_rows(graph: Graph, values: list[np.ndarray]) -> list[np.ndarray]:
    try:
        return graph.run(values)
    except Exception as error:  # a module may raise whatever it likes
        raise ExportError(
            f"'{graph.name}' runs with 1 row but not with {len(values[0])}: {first_line(error)}; keep the batch the "
            "first axis of every tensor, states too"
        ) from error


def _check_parity(graph: Graph, manifest: Row, session: Any) -> None:
    """BLOCKS calls one after another; states go on apart in PyTorch and in ONNX Runtime."""
    inputs, outputs = graph.names
    into = [inputs.index(row["tensor"]) for row in of_role(graph.inputs, "state")]
    out = [outputs.index(row["tensor"]) for row in of_role(graph.outputs, "state")]
    ours: list[np.ndarray] | None = None
    theirs: list[np.ndarray] | None = None
    for block in range(BLOCKS):
        values = trial(manifest, graph.inputs, graph.example, 1 + block % ROWS if not into else ROWS, block)
        ours = graph.run(_with_states(values, into, out, ours))
        fed = _with_states(values, into, out, theirs)
        theirs = session.run(outputs, dict(zip(inputs, fed, strict=True)))
        for row, a, b in zip(graph.outputs, ours, theirs, strict=True):
            _compare(row, a, b, block)


def _with_states(
    values: list[np.ndarray], into: list[int], out: list[int], before: list[np.ndarray] | None
) -> list[np.ndarray]:
    carried = {} if before is None else {i: before[o] for i, o in zip(into, out, strict=True)}
    return [carried.get(index, value) for index, value in enumerate(values)]


def _compare(row: Row, ours: np.ndarray, theirs: np.ndarray, block: int) -> None:
    name = row["tensor"]
    if not np.isfinite(ours).all():
        raise ExportError(
            f"'{name}' is not finite in call {block + 1} of {BLOCKS}: clamp before exp, log and division, or give "
            "'latents' and a 'range' for inputs that the module does not take everywhere"
        )
    if ours.shape != theirs.shape or _differ(row, ours, theirs):
        found = _apart(row, ours, theirs) if ours.shape == theirs.shape else f"the shape {list(theirs.shape)}"
        raise ExportError(
            f"'{name}' in ONNX Runtime is not what PyTorch says in call {block + 1} of {BLOCKS} (difference {found}, "
            f"limit {_limit(row)}): look for values that the trace fixed, and for randomness inside the module"
        )


def _differ(row: Row, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of a tensor are more than rounding apart."""
    return not _apart(row, a, b) <= _limit(row)  # NaN is far


def _limit(row: Row) -> float:
    return PHASE_TOLERANCE if row["role"] == "phase" else TOLERANCE


def _apart(row: Row, a: np.ndarray, b: np.ndarray) -> float:
    if row["role"] != "phase":
        return _difference(a, b)
    # Whole turns are nothing.
    return float(np.quantile(np.abs(np.angle(np.exp(1j * (a.astype(np.float64) - b)))), PHASE_SHARE))


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference over the largest value, which counts as 1 at least; NaN counts as agreement with NaN."""
    peak = max(1.0, float(np.abs(np.nan_to_num(a)).max(initial=0.0)))
    return float(np.abs(np.nan_to_num(a) - np.nan_to_num(b)).max(initial=0.0)) / peak


def first_line(error: Exception) -> str:
    """What an error says, without its explanations."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")


def example_rows(example: Tensor | Sequence[Tensor]) -> list[np.ndarray]:
    """One row of each tensor of a user's example, as the plugin's types have it."""
    rows = []
    for index, tensor in enumerate(as_tuple(example)):
        tensor = torch.as_tensor(tensor).detach().cpu()
        if tensor.dim() < 2:
            raise ExportError(f"input {index + 1} of the example has no batch axis: give [batch, values]")
        rows.append((tensor.float() if tensor.is_floating_point() else tensor.long())[:1].numpy())
    return rows
