"""The network as the plugin takes it: one token a call, the state in and out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..exporting.graph import export_graph
from .network import Shape, TuneNetwork
from .places import BAR_PLACES, BAR_TOKEN, TICK_PLACES, TICKS_A_PLACE, TOKEN_TICKS, Count

STATES = ("state.h", "state.c", "state.clock", "state.memory")
INPUTS = ("token", "label", "metre", *STATES)
OUTPUTS = ("logits", *(f"{name}.out" for name in STATES))
EMPTY_SLOT = 1e4  # taken off the score of an empty slot, so that its share is exactly zero


def state_widths(shape: Shape) -> dict[str, int]:
    """Values a row of each state: hidden and cell values of all layers, two counts, the remembered tokens."""
    carried = shape.layers * shape.hidden
    return dict(zip(STATES, (carried, carried, 2, shape.window * shape.slot_width), strict=True))


class StepNetwork(nn.Module):
    """One step of a trained network, in operators that every runtime has.

    What the first layer makes of its embeddings is looked up in tables, since it depends on nothing else. Gates are in
    PyTorch's order: input, forget, cell, output.
    """

    def __init__(self, network: TuneNetwork) -> None:
        super().__init__()
        lstm, self.shape = network.lstm, network.shape
        self.token, self.label, self.metre, self.tick_place, self.bar_place = _first_layer_tables(network)
        self.across, self.along = nn.ModuleList(), nn.ModuleList()
        for layer in range(self.shape.layers):
            self.along.append(_linear(getattr(lstm, f"weight_hh_l{layer}"), _both_biases(lstm, layer)))
            if layer > 0:
                self.across.append(_linear(getattr(lstm, f"weight_ih_l{layer}"), None))
        self.head, self.query, self.key, self.recall = network.head, network.query, network.key, network.recall
        self.value = network.value
        is_bar = (torch.arange(self.shape.tokens) == BAR_TOKEN).float()
        self.moves = nn.Embedding.from_pretrained(torch.stack([TOKEN_TICKS, is_bar], dim=1))

    def forward(
        self, token: Tensor, label: Tensor, metre: Tensor, h: Tensor, c: Tensor, clock: Tensor, memory: Tensor
    ) -> tuple[Tensor, ...]:
        """`token`, `label`, `metre`: [batch, 1]; states: [batch, width] -> logits [batch, tokens], states."""
        clock, places = self._count(token, clock)
        driven = (self.token(token) + self.label(label) + self.metre(metre))[:, 0] + places
        new_h, new_c = [], []
        before = h.split(self.shape.hidden, 1)
        for layer, (h_in, c_in) in enumerate(zip(before, c.split(self.shape.hidden, 1), strict=True)):
            if layer > 0:
                driven = self.across[layer - 1](new_h[-1])
            write, forget, cell, show = (driven + self.along[layer](h_in)).split(self.shape.hidden, 1)
            new_c.append(torch.sigmoid(forget) * c_in + torch.sigmoid(write) * torch.tanh(cell))
            new_h.append(torch.sigmoid(show) * torch.tanh(new_c[-1]))
        recalled, memory = self._look_back(token, before[-1], new_h[-1], memory)
        return self.head(new_h[-1]) + recalled, torch.cat(new_h, 1), torch.cat(new_c, 1), clock, memory

    def _count(self, token: Tensor, clock: Tensor) -> tuple[Tensor, Tensor]:
        moved, is_bar = self.moves(token)[:, 0].split(1, 1)
        ticks, bars = clock.split(1, 1)
        ticks, bars = (ticks + moved) * (1.0 - is_bar), bars + is_bar
        tick_place = Count(ticks, TICKS_A_PLACE, TICK_PLACES).place()[:, 0]
        bar_place = Count(bars, 1, BAR_PLACES).place()[:, 0]
        return torch.cat([ticks, bars], 1), self.tick_place(tick_place) + self.bar_place(bar_place)

    def _look_back(self, token: Tensor, before: Tensor, out: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        shape = self.shape
        slot = torch.cat([self.key(before), self.value(token)[:, 0], torch.ones_like(self.moves(token)[:, 0, :1])], 1)
        memory = torch.cat([memory[:, shape.slot_width :], slot], 1)
        slots = memory.reshape(-1, shape.window, shape.slot_width)
        attended = shape.slot_width // 2
        split = (-1, shape.window, shape.heads, shape.head_width)
        keys, values, filled = slots.split([attended, attended, 1], 2)
        query = self.query(out).reshape(-1, 1, shape.heads, shape.head_width)
        score = (query * keys.reshape(split)).sum(3) * shape.head_width**-0.5 + (filled - 1.0) * EMPTY_SLOT
        # The slot of score 0 and without a value.
        chance = torch.softmax(torch.cat([score, torch.zeros_like(score[:, :1])], 1), 1)[:, : shape.window]
        found = (chance.unsqueeze(3) * values.reshape(split)).sum(1)
        return self.recall(found.reshape(-1, attended)), memory


def _first_layer_tables(network: TuneNetwork) -> list[nn.Embedding]:
    """Of token, label, metre, ticks and bars, what the first layer's weights make of each."""
    shape, weight = network.shape, network.lstm.weight_ih_l0
    side_by_side = (network.token, network.label, network.metre)
    weights = weight.split([shape.token_width, shape.label_width, shape.metre_width], dim=1)
    tables = [part.weight @ w.T for part, w in zip(side_by_side, weights, strict=True)]
    tables += [part.weight @ weight.T for part in (network.tick_place, network.bar_place)]
    return [nn.Embedding.from_pretrained(t.detach()) for t in tables]


def _both_biases(lstm: nn.LSTM, layer: int) -> Tensor:
    return getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear


def export_onnx(network: TuneNetwork, path: Path) -> None:
    """Write the graph of one step, with a dynamic batch axis and constants folded."""
    batch = 2
    number = torch.zeros(batch, 1, dtype=torch.int64)
    states = [torch.zeros(batch, width) for width in state_widths(network.shape).values()]
    export_graph(StepNetwork(network.eval()), (number, number.clone(), number.clone(), *states), INPUTS, OUTPUTS, path)
