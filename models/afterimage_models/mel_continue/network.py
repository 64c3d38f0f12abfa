"""The network: a GRU over time, and inside a frame tiers of bands that see the tiers before them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .layout import BANDS, CEILING_DB, FLOOR_DB, MIDDLE_DB, ORDER, TIER_BANDS, TIERS, UNIT_DB
from .logistic import LEAST_SCALE_DB, MOST_SCALE_DB, Mixture, band_nats, joint_draw, joint_nats

FIRST_SCALE_DB = 3.0
FIRST_KEPT = 1.5  # logit of the last frame's share of a mean


@dataclass(frozen=True)
class Shape:
    """Sizes of a network. `labels`: classes, the first of which stands for any."""

    labels: int
    entry: int = 192
    hidden: int = 480
    layers: int = 2
    tier_hidden: int = 256
    components: int = 8
    rival_components: int = 4
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
        self.last = nn.Linear(width, self.weights + 3 * count * TIER_BANDS)
        self.drop = nn.Dropout(shape.dropout)
        with torch.no_grad():
            self.last.weight.mul_(0.3)
            kept = slice(self.weights + count * TIER_BANDS, self.weights + 2 * count * TIER_BANDS)
            self.last.bias[kept] = FIRST_KEPT

    def forward(self, context: Tensor, before: Tensor, drawn: Tensor) -> Mixture:
        """`context`: [..., hidden]; `before`: [..., BANDS]; `drawn`: [..., bands of earlier tiers], normalised."""
        parts = [context, before, drawn] if self.seen else [context, before]
        inner = torch.nn.functional.silu(self.first(torch.cat(parts, -1)))
        inner = self.drop(torch.nn.functional.silu(self.second(inner)))
        return self.mixture(self.last(inner).float(), before)

    def mixture(self, out: Tensor, before: Tensor) -> Mixture:
        """The last layer's values [..., n] as a mixture.

        A mean lies between a level of its own and that of the frame before. Were it a step from the frame before, as
        one expects of frames that are alike, a free run would be a random walk: 35 dB too loud after four seconds.
        """
        count = self.shape.components
        weight, level, kept, scale = out.split([self.weights, *[count * TIER_BANDS] * 3], -1)
        level, kept, scale = (t.unflatten(-1, (count, TIER_BANDS)) for t in (level, kept, scale))
        weight = weight if self.shape.across else weight.unflatten(-1, (count, TIER_BANDS))
        last = before[..., tier_bands(self.tier)].float().unsqueeze(-2)
        mean = (level + torch.sigmoid(kept) * (last - level)) * UNIT_DB + MIDDLE_DB
        return Mixture(weight, mean, (FIRST_SCALE_DB * torch.exp(scale)).clamp(LEAST_SCALE_DB, MOST_SCALE_DB))


class FrameNetwork(nn.Module):
    """Frames from the frames before (Vasquez & Lewis 2019, "MelNet", sec. 4-5), with streaming in mind.

    Time: an entry layer, label added, and GRU layers (Cho et al. 2014). Frequency: instead of MelNet's second stack of
    recurrent layers, tiers of interleaved bands, coarse to fine (its multiscale order, sec. 6, inside one frame).
    A second head over the same GRU, whose bands know nothing of each other, is trained beside it as a rival.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.entry = nn.Linear(BANDS, shape.entry)
        self.label = nn.Embedding(shape.labels, shape.entry)
        self.gru = nn.GRU(shape.entry, shape.hidden, shape.layers, batch_first=True, dropout=shape.dropout)
        self.drop = nn.Dropout(shape.dropout)
        self.tiers = nn.ModuleList(Tier(shape, tier) for tier in range(TIERS))
        alone = replace(shape, across=False, components=shape.rival_components)
        self.rivals = nn.ModuleList(Tier(alone, tier) for tier in range(TIERS))
        nn.init.normal_(self.label.weight, std=0.1)

    def context(self, before: Tensor, label: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`before`: [batch, frames, BANDS] normalised; `label`: [batch] -> [batch, frames, hidden], state."""
        entered = torch.nn.functional.silu(self.entry(before) + self.label(label)[:, None])
        # In float32: the automatic casts of recurrent layers are to float16, where gradients of means vanish.
        with torch.autocast(before.device.type, enabled=False):
            out, state = self.gru(self.drop(entered).float(), state)
        return self.drop(out), state

    def nats(self, target_db: Tensor, before_db: Tensor, heard_db: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames] nats of the frames `target_db` (on the grid), all [batch, frames, BANDS]: own, and rival's.

        `before_db`: the frames before them, as the net hears them. `heard_db`: `target_db` off the grid, for the tiers.
        """
        before, heard = ((t - MIDDLE_DB) / UNIT_DB for t in (before_db, heard_db))
        context, _ = self.context(before, label)
        own, rival = (torch.zeros(target_db.shape[:2], device=target_db.device) for _ in range(2))
        drawn: list[Tensor] = [context[..., :0]]
        for index, (tier, alone) in enumerate(zip(self.tiers, self.rivals, strict=True)):
            target = target_db[..., tier_bands(index)]
            own = own + joint_nats(target, tier(context, before, torch.cat(drawn, -1)))
            rival = rival + band_nats(target, alone(context, before, context[..., :0]))
            drawn.append(heard[..., tier_bands(index)])
        return own, rival

    @torch.no_grad()
    def go_on(self, before_db: Tensor, label: Tensor, frames: int) -> Tensor:
        """[batch, frames, BANDS] dB drawn one after another after the frames `before_db` [batch, n, BANDS]."""
        before, out = (before_db - MIDDLE_DB) / UNIT_DB, []
        context, state = self.context(before, label)
        newest, context = before[:, -1], context[:, -1]
        for _ in range(frames):
            newest = self._drawn(newest, context)
            out.append(newest)
            context, state = self.context(newest[:, None], label, state)
            context = context[:, -1]
        return torch.stack(out, 1) * UNIT_DB + MIDDLE_DB

    def _drawn(self, before: Tensor, context: Tensor) -> Tensor:
        """[batch, BANDS] normalised."""
        values = torch.empty(before.shape, device=before.device)
        drawn: list[Tensor] = [context[..., :0]]
        for index, tier in enumerate(self.tiers):
            levels = joint_draw(tier(context, before, torch.cat(drawn, -1))).clamp(FLOOR_DB, CEILING_DB)
            drawn.append((levels - MIDDLE_DB) / UNIT_DB)
            values[..., tier_bands(index)] = drawn[-1]
        return values
