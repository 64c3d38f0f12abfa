"""A run with a budget of wall-clock time: its clock, its running averages, and files that are never half written."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

AVERAGING = 0.999
WARM_UP_STEPS = 200.0


def fastest_device() -> torch.device:
    """The accelerator if there is one; matrix products then may round to 10 bits, which no loss here notices."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    return torch.device("cuda")


@dataclass
class Clock:
    """Steps and seconds of a run, over interruptions. `seconds`: the budget; `warm_up_steps`: to the highest rate."""

    seconds: float
    elapsed_s: float = 0.0
    step: int = 0
    last: float = field(default_factory=time.monotonic)
    warm_up_steps: float = WARM_UP_STEPS

    def tick(self) -> None:
        """A step is done."""
        now = time.monotonic()
        self.elapsed_s, self.last = self.elapsed_s + now - self.last, now
        self.step += 1

    @property
    def done(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        return min(self.elapsed_s / self.seconds, 1.0)

    def rate_share(self, last_share: float) -> float:
        """Learning rate as a share of the highest: a short rise, then a cosine down to `last_share`."""
        fall = last_share + (1.0 - last_share) * 0.5 * (1.0 + math.cos(math.pi * self.done))
        return fall * min(1.0, (self.step + 1) / self.warm_up_steps)


def apply(optimiser: torch.optim.Optimizer, loss: Tensor, rate: float, limit: float) -> None:
    """One step down the loss at a rate, gradients held to a norm of `limit`."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    for group in optimiser.param_groups:
        group["lr"] = rate
    norm = nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], limit)
    if torch.isfinite(norm):  # one wild batch must not undo an hour
        optimiser.step()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, step: int) -> None:
    """Move a running average towards its network; young averages forget sooner."""
    share = 1.0 - min(AVERAGING, (step + 1) / (step + 10))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), share)


def save(state: dict[str, Any], path: Path) -> None:
    """Write a file in one move, so that an interrupted run never leaves half of one."""
    scratch = path.with_suffix(".tmp")
    torch.save(state, scratch)
    scratch.replace(path)


def halves(network: nn.Module) -> dict[str, Tensor]:
    """A network's state in half the bytes; its weights' rounding moves levels by hundredths of a dB."""
    return {name: v.half() if v.is_floating_point() else v for name, v in network.state_dict().items()}
