"""The network: a GRU over time, and inside a frame tiers of bands that see the tiers before them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layout import BANDS, CEILING_DB, FLOOR_DB, MIDDLE_DB, ORDER, TIER_BANDS, TIERS, UNIT_DB
from .logistic import LEAST_SCALE_DB, MOST_SCALE_DB, Mixture, band_nats, joint_draw, joint_nats

FIRST_SCALE_DB = 3.0


@dataclass(frozen=True)
class Shape:
    """Sizes of a network. `labels`: classes, the first of which stands for any."""

    labels: int
    entry: int = 192
    hidden: int = 480
    layers: int = 2
    tier_hidden: int = 256
    components: int = 8
    across: bool = True  # false: no tier sees another, and every band draws alone
    dropout: float = 0.25

    @property
    def state_width(self) -> int:
        """Values a row that the layers carry."""
        return self.layers * self.hidden


def tier_bands(tier: int) -> slice:
    """The bands that a tier draws."""
    return slice(ORDER[tier], BANDS, TIERS)


class Tier(nn.Module):
    """From time's context, the frame before and the bands drawn so far to a mixture over the tier's own bands."""

    def __init__(self, shape: Shape, tier: int) -> None:
        super().__init__()
        self.shape, self.tier = shape, tier
        self.seen = TIER_BANDS * tier if shape.across else 0
        count, width = shape.components, shape.tier_hidden
        self.weights = count if shape.across else count * TIER_BANDS
        self.first = nn.Linear(shape.hidden + BANDS + self.seen, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, self.weights + 2 * count * TIER_BANDS)
        self.drop = nn.Dropout(shape.dropout)
        with torch.no_grad():
            self.last.weight.mul_(0.3)

    def forward(self, context: Tensor, before: Tensor, drawn: Tensor) -> Mixture:
        """`context`: [..., hidden]; `before`: [..., BANDS]; `drawn`: [..., bands of earlier tiers], normalised."""
        parts = [context, before, drawn] if self.seen else [context, before]
        inner = torch.nn.functional.silu(self.first(torch.cat(parts, -1)))
        inner = self.drop(torch.nn.functional.silu(self.second(inner)))
        return self.mixture(self.last(inner).float(), before)

    def mixture(self, out: Tensor, before: Tensor) -> Mixture:
        """The last layer's values [..., n] as a mixture; means are steps from the frame before."""
        count = self.shape.components
        size = [self.weights, count * TIER_BANDS, count * TIER_BANDS]
        weight, step, scale = out.split(size, -1)
        step, scale = (t.unflatten(-1, (count, TIER_BANDS)) for t in (step, scale))
        weight = weight if self.shape.across else weight.unflatten(-1, (count, TIER_BANDS))
        last = before[..., tier_bands(self.tier)].float().unsqueeze(-2)
        mean = (last + step) * UNIT_DB + MIDDLE_DB
        return Mixture(weight, mean, (FIRST_SCALE_DB * torch.exp(scale)).clamp(LEAST_SCALE_DB, MOST_SCALE_DB))


class FrameNetwork(nn.Module):
    """Frames from the frames before (Vasquez & Lewis 2019, "MelNet", sec. 4-5), with streaming in mind.

    Time: an entry layer, label added, and GRU layers (Cho et al. 2014). Frequency: instead of MelNet's second stack of
    recurrent layers, tiers of interleaved bands, coarse to fine (its multiscale order, sec. 6, inside one frame).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.entry = nn.Linear(BANDS, shape.entry)
        self.label = nn.Embedding(shape.labels, shape.entry)
        self.gru = nn.GRU(shape.entry, shape.hidden, shape.layers, batch_first=True, dropout=shape.dropout)
        self.drop = nn.Dropout(shape.dropout)
        self.tiers = nn.ModuleList(Tier(shape, tier) for tier in range(TIERS))
        nn.init.normal_(self.label.weight, std=0.1)

    def context(self, before: Tensor, label: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`before`: [batch, frames, BANDS] normalised; `label`: [batch] -> [batch, frames, hidden], state."""
        entered = torch.nn.functional.silu(self.entry(before) + self.label(label)[:, None])
        # In float32: the automatic casts of recurrent layers are to float16, where gradients of means vanish.
        with torch.autocast(before.device.type, enabled=False):
            out, state = self.gru(self.drop(entered).float(), state)
        return self.drop(out), state

    def nats(self, target_db: Tensor, before_db: Tensor, heard_db: Tensor, label: Tensor) -> Tensor:
        """[batch, frames] nats of the frames `target_db` (on the grid), all [batch, frames, BANDS].

        `before_db`: the frames before them, as the net hears them. `heard_db`: `target_db` off the grid, for the tiers.
        """
        before, heard = ((t - MIDDLE_DB) / UNIT_DB for t in (before_db, heard_db))
        context, _ = self.context(before, label)
        total = torch.zeros(target_db.shape[:2], device=target_db.device)
        drawn: list[Tensor] = [context[..., :0]]
        score = joint_nats if self.shape.across else band_nats
        for index, tier in enumerate(self.tiers):
            mixture = tier(context, before, torch.cat(drawn, -1))
            total = total + score(target_db[..., tier_bands(index)], mixture)
            drawn.append(heard[..., tier_bands(index)])
        return total

    @torch.no_grad()
    def drawn(self, before_db: Tensor, label: Tensor) -> Tensor:
        """[batch, frames, BANDS] dB that the net would have drawn after each of the frames `before_db`; joint only."""
        before = (before_db - MIDDLE_DB) / UNIT_DB
        context, _ = self.context(before, label)
        out = torch.empty(before_db.shape, device=before_db.device)
        drawn: list[Tensor] = [context[..., :0]]
        for index, tier in enumerate(self.tiers):
            values = joint_draw(tier(context, before, torch.cat(drawn, -1))).clamp(FLOOR_DB, CEILING_DB)
            out[..., tier_bands(index)] = values
            drawn.append((values - MIDDLE_DB) / UNIT_DB)
        return out
