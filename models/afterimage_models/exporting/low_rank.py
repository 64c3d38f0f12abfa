"""Makes wide layers smaller where what they give varies in few directions: two thin layers for one."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

Layer = nn.Linear | nn.Conv1d


def thin(layer: Layer, outputs: Tensor, rank: int) -> nn.Sequential:
    """Two layers that give what `layer` does, but for directions beyond the first `rank` of `outputs` [n, channels].

    The directions are the outputs' principal components, so that what is lost is the least possible in their mean
    square. Source: Jolliffe 2002, "Principal component analysis", sec. 2.1.
    """
    mean = outputs.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(outputs.T.double()))
    kept = vectors[:, -rank:].float()
    bias = layer.bias if layer.bias is not None else torch.zeros_like(mean)
    rest = mean + kept @ (kept.T @ (bias - mean))
    narrow = (kept.T @ layer.weight.flatten(1)).view(rank, *layer.weight.shape[1:])
    if isinstance(layer, nn.Linear):
        into: Layer = nn.Linear(layer.in_features, rank, bias=False)
        out: Layer = nn.Linear(rank, layer.out_features)
    else:
        into = nn.Conv1d(
            layer.in_channels, rank, layer.kernel_size, layer.stride, layer.padding, layer.dilation, bias=False
        )
        out = nn.Conv1d(rank, layer.out_channels, 1)
    into.weight = nn.Parameter(narrow)
    out.weight, out.bias = nn.Parameter(kept.reshape(out.weight.shape).contiguous()), nn.Parameter(rest)
    return nn.Sequential(into, out)


@torch.no_grad()
def shrunk(module: nn.Module, run: Callable[[nn.Module], object], ranks: dict[str, int]) -> tuple[nn.Module, float]:
    """A copy of a module with the named layers thinned, and the largest share of variance that one of them lost.

    `run` calls the module on inputs as it will get them; `ranks`: layer's name within the module -> rank.
    """
    small = copy.deepcopy(module).eval()
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple, Tensor], None]:
        def hook(_: nn.Module, __: tuple, output: Tensor) -> None:
            # Convolutions have their channels in the middle.
            rows = output if isinstance(small.get_submodule(name), nn.Linear) else output.transpose(1, 2)
            seen[name] = rows.reshape(-1, rows.shape[-1])

        return hook

    hooks = [small.get_submodule(name).register_forward_hook(keep(name)) for name in ranks]
    run(small)
    for hook in hooks:
        hook.remove()
    lost = 0.0
    for name, rank in ranks.items():
        parent, _, child = name.rpartition(".")
        values = torch.linalg.eigvalsh(torch.cov(seen[name].T.double()))
        lost = max(lost, float(values[:-rank].clamp(min=0.0).sum() / values.sum()))
        setattr(small.get_submodule(parent), child, thin(small.get_submodule(name), seen[name], rank))
    return small, lost
