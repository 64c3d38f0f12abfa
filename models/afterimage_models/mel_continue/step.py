"""The network as the plugin takes it: one frame a call, and several known frames a call; state in and out."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .layout import (
    BANDS,
    CEILING_DB,
    FLOOR_DB,
    HOP,
    MEANS_STATE,
    MEANS_WIDTH,
    MIDDLE_DB,
    ORDER,
    PRIME_FRAMES,
    SAMPLE_RATE,
    STATE,
    TIER_BANDS,
    TIERS,
    UNIT_DB,
)
from .network import FrameNetwork

STATES = (STATE, MEANS_STATE)
INPUTS = ("frame", "label", *STATES, "uniform", "temperature")
OUTPUTS = ("next", *(f"{name}.out" for name in STATES))
PRIME_INPUTS, PRIME_OUTPUTS = ("frame", "label", *STATES), OUTPUTS[1:]
LEAST_UNIFORM = 1e-4  # the tails beyond it are cut: once in ten thousand draws is every second
LEAST_TEMPERATURE = 1e-3
WEIGHT_TEMPERATURE, SPREAD_TEMPERATURE = 1.0, 0.9
"""What temperature 1 means for the choice of a component and for the spread about its means. The likelihood is best at
1 and 1, but noise of each band on its own, frame by frame, is heard as roughness long before it is improbable."""
SLOW_S, QUICK_S = 30.0, 0.6
PULL = 0.25
"""A drawn frame moves by so much of what the mean of the last half minute is above that of the last second, band by
band, and as a whole. Without it a quarter of the free runs fade out within ten seconds: the net knows well how a sound
goes on for a moment, and nothing that it hears of its own run tells it that the whole has become quieter."""
LEVEL_RATE = UNIT_DB * math.log(10.0) / 10.0  # a normalised level times this is the logarithm of a power


def keep(seconds: float) -> float:
    """What a running mean keeps of itself from frame to frame."""
    return 1.0 - HOP / (SAMPLE_RATE * seconds)


class RunningMeans(nn.Module):
    """Two running means of the frames heard or drawn, as sums and the weights that they have gathered."""

    def __init__(self) -> None:
        super().__init__()
        kept = torch.tensor([keep(SLOW_S), keep(QUICK_S)])
        self.register_buffer("kept", kept.repeat_interleave(MEANS_WIDTH // 2)[None])
        self.register_buffer("kept_all", self.kept**PRIME_FRAMES)
        back = torch.arange(PRIME_FRAMES - 1, -1, -1.0)[:, None]
        self.register_buffer("shares", (1.0 - kept) * kept**back)

    def forward(self, before: Tensor, means: Tensor) -> Tensor:
        """`before`: [B, BANDS] normalised; `means`: [B, MEANS_WIDTH], which comes back one frame older."""
        measured = _measured(before)
        return means * self.kept + torch.cat([measured, measured], 1) * (1.0 - self.kept)

    def of_several(self, before: Tensor, means: Tensor) -> Tensor:
        """The same for `before`: [B, PRIME_FRAMES, BANDS]."""
        measured = _measured(before)
        gathered = [(measured * share).sum(1) for share in self.shares.split(1, 1)]
        return means * self.kept_all + torch.cat(gathered, 1)

    def pull(self, means: Tensor) -> Tensor:
        """[B, BANDS] dB that a drawn frame moves by."""
        slow, slow_weight, quick, quick_weight = means.split([BANDS + 1, 1, BANDS + 1, 1], 1)
        bands, level = (slow / slow_weight - quick / quick_weight).split([BANDS, 1], 1)
        return PULL * UNIT_DB * (bands + level)


def _measured(before: Tensor) -> Tensor:
    """Bands, level and a 1 of frames [..., BANDS]."""
    level = torch.log(torch.exp(LEVEL_RATE * before).sum(-1, keepdim=True)) / LEVEL_RATE
    return torch.cat([before, level, torch.ones_like(level)], -1)


class StepNetwork(nn.Module):
    """Hears the newest frame and draws the next, in operators that every runtime has."""

    def __init__(self, network: FrameNetwork) -> None:
        super().__init__()
        self.network, self.shape, self.means = network, network.shape, RunningMeans()
        # Bands in the order in which tiers draw them, back to their places.
        drawn = [band for tier in range(TIERS) for band in range(ORDER[tier], TIERS * TIER_BANDS, TIERS)]
        place = torch.zeros(len(drawn), len(drawn))
        place[torch.arange(len(drawn)), torch.tensor(drawn)] = 1.0
        self.register_buffer("place", place)
        count = self.shape.components
        self.register_buffer("sum_up", torch.triu(torch.ones(count, count)))
        last = torch.zeros(count)
        last[-1] = 1.0
        self.register_buffer("beyond", last)  # whatever the sum's rounding, the last component ends at 1

    def forward(
        self, frame: Tensor, label: Tensor, state: Tensor, means: Tensor, uniform: Tensor, temperature: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`frame`: [B, BANDS] dB; `label`: [B, 1]; `state`, `means`: [B, n]; `uniform`: [B, UNIFORMS].

        `temperature`: [B, 1]. Gives the next frame in dB, and both states.
        """
        before = (frame - MIDDLE_DB) / UNIT_DB
        entered = self.network.entry(before) + self.network.label(label)[:, 0]
        context, state = self._hear(torch.nn.functional.silu(entered), state)
        freedom = torch.clamp(temperature, min=LEAST_TEMPERATURE)
        chance = torch.clamp(uniform, LEAST_UNIFORM, 1.0 - LEAST_UNIFORM)
        chances = chance.split(1 + TIER_BANDS, 1)
        drawn: list[Tensor] = []
        for tier, own in zip(self.network.tiers, chances, strict=True):
            values = self._draw(tier(context, before, torch.cat(drawn or [context[:, :0]], 1)), own, freedom)
            drawn.append((values - MIDDLE_DB) / UNIT_DB)
        means = self.means(before, means)
        following = torch.cat(drawn, 1) @ self.place * UNIT_DB + MIDDLE_DB + self.means.pull(means)
        return torch.clamp(following, FLOOR_DB, CEILING_DB), state, means

    def _hear(self, entered: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The GRU's gates in PyTorch's order: reset, update, new."""
        gru, out = self.network.gru, []
        for layer, before in enumerate(state.split(self.shape.hidden, 1)):
            weights = [getattr(gru, f"{name}_l{layer}") for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]
            new = nn.functional.linear(entered, weights[0], weights[1]).split(self.shape.hidden, 1)
            old = nn.functional.linear(before, weights[2], weights[3]).split(self.shape.hidden, 1)
            reset, keep = torch.sigmoid(new[0] + old[0]), torch.sigmoid(new[1] + old[1])
            entered = torch.tanh(new[2] + reset * old[2])
            entered = entered + keep * (before - entered)
            out.append(entered)
        return entered, torch.cat(out, 1)

    def _draw(self, mixture: tuple[Tensor, Tensor, Tensor], chance: Tensor, freedom: Tensor) -> Tensor:
        """[B, TIER_BANDS] dB."""
        weight, mean, scale = mixture
        share = torch.softmax(weight / (WEIGHT_TEMPERATURE * freedom), 1)
        ends = share @ self.sum_up
        first = chance[:, :1]
        chosen = (first < ends + self.beyond).float() * (first >= ends - share).float()
        mean, scale = ((chosen.unsqueeze(2) * t).sum(1) for t in (mean, scale))
        spread = torch.log(chance[:, 1:]) - torch.log(1.0 - chance[:, 1:])
        values = mean + SPREAD_TEMPERATURE * freedom * scale * spread
        return torch.clamp(values, FLOOR_DB, CEILING_DB)


class PrimeNetwork(nn.Module):
    """Hears PRIME_FRAMES known frames; the state after them is what that many steps would have left."""

    def __init__(self, network: FrameNetwork) -> None:
        super().__init__()
        self.network, self.shape, self.means = network, network.shape, RunningMeans()

    def forward(self, frame: Tensor, label: Tensor, state: Tensor, means: Tensor) -> tuple[Tensor, Tensor]:
        """`frame`: [B, PRIME_FRAMES, BANDS] dB; `label`: [B, 1]; `state`, `means`: [B, n]. Gives both states."""
        before = (frame - MIDDLE_DB) / UNIT_DB
        layers = state.reshape(-1, self.shape.layers, self.shape.hidden).transpose(0, 1).contiguous()
        entered = torch.nn.functional.silu(self.network.entry(before) + self.network.label(label))
        _, after = self.network.gru(entered, layers)
        return after.transpose(0, 1).reshape(-1, self.shape.state_width), self.means.of_several(before, means)
