"""From a module to a graph's file, and what a pack needs around a user's module."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

OPSET = 17
TORCH_FOLDER = Path(torch.__file__).parent


def export_graph(
    module: nn.Module, example: tuple[Tensor, ...], inputs: Sequence[str], outputs: Sequence[str], path: Path
) -> None:
    """Write a graph with a dynamic batch axis and constants folded."""
    module.eval()
    axes = {name: {0: "batch"} for name in (*inputs, *outputs)}
    torch.onnx.export(
        module, example, str(path), input_names=list(inputs), output_names=list(outputs), dynamic_axes=axes,
        opset_version=OPSET, dynamo=False, do_constant_folding=True,
    )  # fmt: skip


def trace_warnings(module: nn.Module, example: tuple[Tensor, ...], names: tuple[list, list], path: Path) -> list[str]:
    """Write a graph as `export_graph` does; what the tracer said about values that it fixed for ever."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        export_graph(module, example, *names, path)
    said = [w for w in caught if issubclass(w.category, torch.jit.TracerWarning)]
    # torch's own layers ask after sizes that hold for every batch.
    own = [w for w in said if TORCH_FOLDER not in Path(w.filename).parents and "Converting a tensor" in str(w.message)]
    return [f"line {w.lineno} of {Path(w.filename).name}" for w in own]


class TurnedLatent(nn.Module):
    """A module whose latent is turned to principal axes: those that go in at `into`, those that come out at `out`."""

    def __init__(
        self, module: nn.Module, axes: tuple[np.ndarray, np.ndarray], into: Sequence[int], out: Sequence[int]
    ) -> None:
        super().__init__()
        self.module, self.into, self.out = module, tuple(into), tuple(out)
        turn, offset = (torch.tensor(a, dtype=torch.float32) for a in axes)
        self.register_buffer("turn", turn)
        self.register_buffer("offset", offset)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Takes and gives what the module does."""
        size = len(self.offset)
        inner = [
            (x.reshape(-1, size) @ self.turn + self.offset).reshape(x.shape) if i in self.into else x
            for i, x in enumerate(inputs)
        ]
        return tuple(
            ((y.reshape(-1, size) - self.offset) @ self.turn.T).reshape(y.shape) if i in self.out else y
            for i, y in enumerate(as_tuple(self.module(*inner)))
        )


class OneSound(nn.Module):
    """A decoder of whole sounds without classes, with the class input by which keys choose among sounds."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, first: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """The last input is the number of the only class, [batch, 1], and changes nothing."""
        *others, sound = rest
        # Not left out of the graph by the export: an input that nothing reads is.
        nothing = (sound.to(first.dtype) * 0.0).reshape(-1, *[1] * (first.dim() - 1))
        return as_tuple(self.module(first + nothing, *others))


def as_tuple(output: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What a module takes or gives, as a tuple. Raises TypeError for anything but tensors, alone or in a row."""
    if isinstance(output, Tensor):
        return (output,)
    if isinstance(output, (tuple, list)) and all(isinstance(part, Tensor) for part in output):
        return tuple(output)
    raise TypeError(f"a {type(output).__name__} stands where one tensor or a tuple of tensors should")
