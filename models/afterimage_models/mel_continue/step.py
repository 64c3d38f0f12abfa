"""The network as the plugin takes it: one frame a call, and several known frames a call; state in and out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layout import (
    CEILING_DB,
    FLOOR_DB,
    MIDDLE_DB,
    ORDER,
    STATE,
    TIER_BANDS,
    TIERS,
    UNIT_DB,
)
from .network import FrameNetwork

INPUTS = ("frame", "label", STATE, "uniform", "temperature")
OUTPUTS = ("next", f"{STATE}.out")
PRIME_INPUTS, PRIME_OUTPUTS = ("frame", "label", STATE), (f"{STATE}.out",)
LEAST_UNIFORM = 1e-4  # the tails beyond it are cut: once in ten thousand draws is every second
LEAST_TEMPERATURE = 1e-3
WEIGHT_TEMPERATURE, SPREAD_TEMPERATURE = 0.95, 0.75
"""What temperature 1 means for the choice of a component and for the spread about its means. The likelihood is best at
1 and 1, but noise of each band on its own, frame by frame, is heard as roughness long before it is improbable."""


class StepNetwork(nn.Module):
    """Hears the newest frame and draws the next, in operators that every runtime has."""

    def __init__(self, network: FrameNetwork) -> None:
        super().__init__()
        self.network, self.shape = network, network.shape
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
        self, frame: Tensor, label: Tensor, state: Tensor, uniform: Tensor, temperature: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`frame`: [B, BANDS] dB; `label`: [B, 1]; `state`: [B, n]; `uniform`: [B, UNIFORMS]; `temperature`: [B, 1]."""
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
        return torch.cat(drawn, 1) @ self.place * UNIT_DB + MIDDLE_DB, state

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
        self.network, self.shape = network, network.shape

    def forward(self, frame: Tensor, label: Tensor, state: Tensor) -> Tensor:
        """`frame`: [B, PRIME_FRAMES, BANDS] dB; `label`: [B, 1]; `state`: [B, n]."""
        before = (frame - MIDDLE_DB) / UNIT_DB
        layers = state.reshape(-1, self.shape.layers, self.shape.hidden).transpose(0, 1).contiguous()
        entered = torch.nn.functional.silu(self.network.entry(before) + self.network.label(label))
        _, after = self.network.gru(entered, layers)
        return after.transpose(0, 1).reshape(-1, self.shape.state_width)
