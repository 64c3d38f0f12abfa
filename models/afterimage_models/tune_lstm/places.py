"""Where a token stands: ticks since the bar line, bar lines since the start."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..events.vocabulary import BAR, SHIFT, Vocabulary
from .vocabulary import VOCABULARY

TICKS_A_PLACE = 2  # a 32nd and a triplet 16th are 3 and 4 ticks
TICK_PLACES = 96  # up to 8 quarters
BAR_PLACES = 48  # longer than nearly all tunes as written


def token_ticks(vocabulary: Vocabulary) -> np.ndarray:
    """[size] ticks by which each token moves the present."""
    meanings = [vocabulary.meaning(t) for t in range(vocabulary.size)]
    return np.array([value if name == SHIFT else 0 for name, value in meanings], np.float32)


TOKEN_TICKS = torch.from_numpy(token_ticks(VOCABULARY))
BAR_TOKEN = VOCABULARY.token(BAR)


@cache
def _ticks_on(device: torch.device) -> Tensor:
    """TOKEN_TICKS on a device; kept, because a copy at each call would make the device wait for it."""
    return TOKEN_TICKS.to(device)


@dataclass(frozen=True)
class Clock:
    """The counts before the first token, each [batch]."""

    ticks: Tensor
    bars: Tensor


@dataclass(frozen=True)
class Count:
    """A count, how much of it makes a place, and the number of places; the last holds all beyond."""

    count: Tensor
    step: int
    places: int

    def place(self) -> Tensor:
        """The number of the place, an integer of the count's shape."""
        return (self.count * (1.0 / self.step)).clamp(max=self.places - 1).long()


def ticks_and_bars(token: Tensor, clock: Clock) -> tuple[Count, Count]:
    """Both counts after each token. `token`: [steps, batch]; the counts have its shape."""
    is_bar = token == BAR_TOKEN
    moved = clock.ticks + _ticks_on(token.device)[token].cumsum(0)
    at_bar = torch.where(is_bar, moved, 0.0).cummax(0).values
    bars = clock.bars + is_bar.float().cumsum(0)
    return Count(moved - at_bar, TICKS_A_PLACE, TICK_PLACES), Count(bars, 1, BAR_PLACES)
