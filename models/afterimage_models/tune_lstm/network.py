"""The network: an LSTM that reads a token with label and metre, knows where in the bar it is, and looks back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from .places import BAR_PLACES, TICK_PLACES, Clock, ticks_and_bars


@dataclass(frozen=True)
class Shape:
    """Sizes of a network; `tokens`, `labels` and `metres` come from the data."""

    tokens: int
    labels: int
    metres: int
    hidden: int = 384
    layers: int = 2
    token_width: int = 192
    label_width: int = 48
    metre_width: int = 16
    window: int = 384  # tokens it looks back: 8 bars of eighths are 200, 16 bars 400
    heads: int = 4
    head_width: int = 24
    dropout: float = 0.3
    forgetting: float = 0.1  # share of remembered tokens that training hides: else a phrase heard once is said for ever

    @property
    def input_width(self) -> int:
        """Values that the first layer takes."""
        return self.token_width + self.label_width + self.metre_width

    @property
    def slot_width(self) -> int:
        """Values of one remembered token: a key, a value, and 1 where the slot is filled."""
        return 2 * self.heads * self.head_width + 1


@dataclass(frozen=True)
class State:
    """What is carried. `h`, `c`: [layers, batch, hidden]; `clock`: [batch, 2]; `memory`: [batch, window, slot]."""

    h: Tensor
    c: Tensor
    clock: Tensor
    memory: Tensor

    def detached(self) -> State:
        """The same values in float32, without their history."""
        return State(*(t.detach().float() for t in (self.h, self.c, self.clock, self.memory)))


class TuneNetwork(nn.Module):
    """Embeddings of token, label and metre, side by side, into an LSTM (Hochreiter & Schmidhuber 1997), to logits.

    Label and metre are given at every step, so that a change of either is heard at once. Two counts are added to the
    input, ticks since the bar line and bar lines since the start: an LSTM counts too, but not for long. What an LSTM
    does not do is say a phrase again after eight bars. So each token is remembered with what went before it, and the
    output attends to those tokens that came after something like the present: a continuous cache (Grave, Joulin &
    Usunier 2017, "Improving Neural Language Models with a Continuous Cache", sec. 3) with learned projections.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token = nn.Embedding(shape.tokens, shape.token_width)
        self.label = nn.Embedding(shape.labels, shape.label_width)
        self.metre = nn.Embedding(shape.metres, shape.metre_width)
        self.tick_place = nn.Embedding(TICK_PLACES, shape.input_width)
        self.bar_place = nn.Embedding(BAR_PLACES, shape.input_width)
        self.lstm = nn.LSTM(shape.input_width, shape.hidden, shape.layers, dropout=shape.dropout)
        self.drop = nn.Dropout(shape.dropout)
        self.head = nn.Linear(shape.hidden, shape.tokens)
        attended = shape.heads * shape.head_width
        self.query = nn.Linear(shape.hidden, attended)
        self.key = nn.Linear(shape.hidden, attended)
        self.value = nn.Embedding(shape.tokens, attended)
        self.recall = nn.Linear(attended, shape.tokens, bias=False)
        for silent in (self.tick_place, self.bar_place, self.recall):
            nn.init.zeros_(silent.weight)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.head.weight.device

    def rest(self, batch: int) -> State:
        """The state before a piece."""
        shape, device = self.shape, self.device
        zeros = torch.zeros(shape.layers, batch, shape.hidden, device=device)
        memory = torch.zeros(batch, shape.window, shape.slot_width, device=device)
        return State(zeros, zeros.clone(), torch.zeros(batch, 2, device=device), memory)

    def forward(self, token: Tensor, label: Tensor, metre: Tensor, state: State) -> tuple[Tensor, State]:
        """`token`: [steps, batch]; `label`, `metre`: [batch] -> logits [steps, batch, tokens] of what follows each."""
        held = torch.cat([self.label(label), self.metre(metre)], dim=-1).expand(token.shape[0], -1, -1)
        ticks, bars = ticks_and_bars(token, Clock(*state.clock.unbind(1)))
        places = self.tick_place(ticks.place()) + self.bar_place(bars.place())
        out, (h, c) = self.lstm(torch.cat([self.token(token), held], dim=-1) + places, (state.h, state.c))
        before = torch.cat([state.h[-1:].to(out.dtype), out[:-1]])
        recalled, memory = self._look_back(token, before, out, state.memory)
        clock = torch.stack([ticks.count[-1], bars.count[-1]], dim=1)
        return self.head(self.drop(out)) + recalled, State(h, c, clock, memory)

    def _look_back(self, token: Tensor, before: Tensor, out: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [steps, batch, tokens] from the tokens in the window, and the memory after them."""
        steps, batch = token.shape
        shape = self.shape
        one = torch.ones(steps, batch, 1, device=token.device)
        slots = torch.cat([self.key(before).float(), self.value(token).float(), one], dim=-1)
        slots = torch.cat([memory, slots.transpose(0, 1)], dim=1)  # [batch, window + steps, slot width]
        split = (batch, -1, shape.heads, shape.head_width)
        keys, values, filled = slots.split([shape.slot_width // 2, shape.slot_width // 2, 1], dim=-1)
        keys, values = (t.reshape(split).transpose(1, 2) for t in (keys, values))
        query = self.query(out).float().transpose(0, 1).reshape(split).transpose(1, 2)
        # A slot more, of score 0 and without a value: where nothing of the past is like now, nothing is recalled.
        keys, values = (nn.functional.pad(t, (0, 0, 0, 1)) for t in (keys, values))
        seen = self._seen(steps, token.device) & (nn.functional.pad(filled[..., 0], (0, 1), value=1.0) > 0)[:, None]
        hidden = self.shape.forgetting if self.training else 0.0
        found = scaled_dot_product_attention(query, keys, values, attn_mask=seen[:, None], dropout_p=hidden)
        recalled = self.recall(found.transpose(1, 2).reshape(batch, steps, -1)).transpose(0, 1)
        return recalled, slots[:, -shape.window :]

    def _seen(self, steps: int, device: torch.device) -> Tensor:
        """[1, steps, window + steps + 1] what a step sees: the last `window` slots, its own too, and none."""
        step = torch.arange(steps, device=device)[:, None]
        slot = torch.arange(self.shape.window + steps + 1, device=device)[None]
        inside = (slot > step) & (slot <= step + self.shape.window)
        return (inside | (slot == self.shape.window + steps))[None]
