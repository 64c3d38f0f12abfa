"""The four graphs of the pack, in operators that every runtime has, their large weights in eight bits."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..exporting.graph import export_graph
from ..exporting.packed_file import pack_file
from .codec import AFTER_GROUPS, BEFORE_GROUPS, GROUP, HEARD_BEFORE, PLACES, Codec
from .frames import BANDS, FLOOR_DB
from .prior import Film, Prior, PriorShape

DECODED_GROUPS = 2  # of one call
WINDOW_FRAMES = HEARD_BEFORE + GROUP
SEEN_TOKENS = (BEFORE_GROUPS + DECODED_GROUPS + AFTER_GROUPS) * PLACES
ROWS = 2  # of an example: 1 would let the trace take the batch for a constant
EMPTY_SLOT = 1e4  # taken off the score of an empty slot, so that its share is exactly zero


def state_widths(shape: PriorShape) -> dict[str, int]:
    """Values a row of each state, those that `predict` takes first."""
    carried = shape.layers * shape.hidden
    return {
        "state.context": shape.hidden, "state.group": shape.token_width, "state.h": carried, "state.c": carried,
        "state.memory": shape.window * shape.slot_width,
    }  # fmt: skip


PREDICT_STATES = ("state.context", "state.group")
"""What `predict` carries within a group; `prime` carries all states from group to group."""


class EncodeNetwork(nn.Module):
    """The newest frames -> the tokens of the last group."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, frames: Tensor) -> Tensor:
        """[batch, WINDOW_FRAMES, BANDS] dB -> [batch, PLACES], as float32: runtimes read nothing else."""
        return self.codec.encode(frames)[:, 0].float()


class DecodeNetwork(nn.Module):
    """Tokens of a few groups -> frames of those in the middle."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.decoder = codec.decoder
        books = torch.cat([stage.book.codes for stage in codec.stages])
        self.codes = nn.Embedding.from_pretrained(books)
        # One product for all places in place of one each.
        self.out = nn.Linear(books.shape[1] * PLACES, codec.shape.latent_width)
        self.out.weight = nn.Parameter(torch.cat([stage.out.weight for stage in codec.stages], 1).detach())
        self.out.bias = nn.Parameter(torch.stack([stage.out.bias for stage in codec.stages]).sum(0).detach())
        self.register_buffer("lowest", torch.tensor(FLOOR_DB))

    def forward(self, token: Tensor) -> Tensor:
        """[batch, SEEN_TOKENS] -> [batch, DECODED_GROUPS * GROUP, BANDS] dB, no lower than the floor."""
        codes = self.codes(token).reshape(-1, SEEN_TOKENS // PLACES, self.out.in_features)
        made = torch.maximum(self.decoder(self.out(codes)), self.lowest)
        return made.reshape(-1, DECODED_GROUPS * GROUP, BANDS)


def said_by(prior: Prior, token: Tensor) -> Tensor:
    """Embeddings of tokens [...] as the prior hears them, [..., token width]."""
    return prior.token(token) * prior.shape.token_width**0.5


class PrimeNetwork(nn.Module):
    """All states moved on by a group: the LSTM's step, the group remembered, and what is recalled for the next."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.prior, self.shape = prior, prior.shape
        self.along, self.across = nn.ModuleList(), nn.ModuleList()
        for layer in range(self.shape.layers):
            bias = getattr(prior.lstm, f"bias_ih_l{layer}") + getattr(prior.lstm, f"bias_hh_l{layer}")
            self.across.append(_linear(getattr(prior.lstm, f"weight_ih_l{layer}"), bias))
            self.along.append(_linear(getattr(prior.lstm, f"weight_hh_l{layer}"), None))

    def forward(self, token: Tensor, label: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """`token`: [batch, PLACES], `label`: [batch, 1], states as in `state_widths` -> those states."""
        before, group, h, c, memory = states
        prior, shape = self.prior, self.shape
        is_start = (token[:, :1] == shape.tokens).to(h.dtype)
        # The start is one token: where it stands, it stands at every place.
        heard = said_by(prior, token).sum(1) * (1.0 - is_start * (1.0 - 1.0 / PLACES))
        row = label[:, 0]
        driven = torch.cat([prior.heard(heard, row), prior.label(row)], 1)
        hs, cs = h.split(shape.hidden, 1), c.split(shape.hidden, 1)
        new_h, new_c = [], []
        for layer in range(shape.layers):
            gates = self.across[layer](driven) + self.along[layer](hs[layer])
            write, forget, cell, show = gates.split(shape.hidden, 1)
            new_c.append(torch.sigmoid(forget) * cs[layer] + torch.sigmoid(write) * torch.tanh(cell))
            driven = torch.sigmoid(show) * torch.tanh(new_c[-1])
            new_h.append(driven)
        slot = torch.cat([prior.key(hs[-1]), prior.value(heard), 1.0 - is_start], 1)
        memory = torch.cat([memory[:, shape.slot_width :], slot], 1)
        # The context is made anew; what stands before it is an input only because each state is one.
        context = driven + prior.recall(self._recalled(driven, memory)) + before * 0.0
        return context, group * 0.0, torch.cat(new_h, 1), torch.cat(new_c, 1), memory

    def _recalled(self, out: Tensor, memory: Tensor) -> Tensor:
        shape = self.shape
        slots = memory.reshape(-1, shape.window, shape.slot_width)
        keys, values, filled = slots.split([shape.attended, shape.attended, 1], 2)
        split = (-1, shape.window, shape.heads, shape.head_width)
        query = self.prior.query(out).reshape(-1, 1, shape.heads, shape.head_width)
        score = (query * keys.reshape(split)).sum(3) * shape.head_width**-0.5 + (filled - 1.0) * EMPTY_SLOT
        # The slot of score 0 and without a value.
        chance = torch.softmax(torch.cat([score, torch.zeros_like(score[:, :1])], 1), 1)[:, : shape.window]
        return (chance.unsqueeze(3) * values.reshape(split)).sum(1).reshape(-1, shape.attended)


class PredictNetwork(nn.Module):
    """The logits of the next token of a group, given the context and the tokens of the group so far."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.prior = prior
        self.register_buffer("numbers", torch.arange(prior.shape.codes).unsqueeze(0))
        self.register_buffer("places", torch.arange(PLACES).reshape(1, PLACES, 1))

    def forward(
        self, token: Tensor, level: Tensor, label: Tensor, context: Tensor, group: Tensor
    ) -> tuple[Tensor, ...]:
        """`token`, `level`, `label`: [batch, 1]; the states of PREDICT_STATES -> logits, and those states."""
        prior, row = self.prior, label[:, 0]
        inside = (level > 0).to(group.dtype)
        so_far = (group + said_by(prior, token[:, 0])) * inside
        said = prior.said(context, so_far, prior.place(level[:, 0]), row)
        # Only the tokens of the place are asked for; the others keep 0, and no draw looks at them.
        asked = prior.token(level * prior.shape.codes + self.numbers)
        logits = (asked @ said.unsqueeze(2)).transpose(1, 2) * (level.unsqueeze(2) == self.places).to(said.dtype)
        return logits.reshape(-1, prior.shape.tokens) + prior.bias(row), context * 1.0, so_far


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear


def reordered(prior: Prior, order: list[int]) -> None:
    """Give the labels other numbers: the new label n is the old `order[n]`."""
    tables = [prior.label, prior.bias]
    for part in (p for p in prior.modules() if isinstance(p, Film)):
        tables += [part.scale, part.move]
    for table in tables:
        table.weight = nn.Parameter(table.weight.detach()[order].clone())


def export_graphs(codec: Codec, prior: Prior, folder: Path, names: dict[str, str]) -> None:
    """Write `encode`, `predict`, `prime` and `decode` into `folder` under the names given."""
    number = torch.zeros(ROWS, 1, dtype=torch.int64)
    states = {name: torch.zeros(ROWS, width) for name, width in state_widths(prior.shape).items()}
    within = [states[name] for name in PREDICT_STATES]
    parts = {
        "encode": (EncodeNetwork(codec), (torch.zeros(ROWS, WINDOW_FRAMES, BANDS),), ["frame"], ["token"]),
        "predict": (
            PredictNetwork(prior), (number, number.clone(), number.clone(), *within),
            ["token", "level", "label", *PREDICT_STATES], ["logits", *(f"{name}.out" for name in PREDICT_STATES)],
        ),
        "prime": (
            PrimeNetwork(prior), (number.repeat(1, PLACES), number.clone(), *states.values()),
            ["token", "label", *states], [f"{name}.out" for name in states],
        ),
        "decode": (DecodeNetwork(codec), (number.repeat(1, SEEN_TOKENS),), ["token"], ["frame"]),
    }  # fmt: skip
    for graph, (network, example, inputs, outputs) in parts.items():
        export_graph(network.eval(), example, inputs, outputs, folder / names[graph])
        pack_file(folder / names[graph])
