"""The prior: an LSTM over groups of tokens that is told a label and looks back, and a net that says a group's tokens.

Sources: Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Dhariwal et al. 2020, "Jukebox", sec. 4 (label and
place as conditions); Lee et al. 2022, "Autoregressive Image Generation using Residual Quantization", sec. 3.2 (one
net from group to group, one within a group); Grave, Joulin & Usunier 2017, "Improving Neural Language Models with a
Continuous Cache", sec. 3 (what is remembered with what went before it); Perez et al. 2018, "FiLM", sec. 2 (a label
that scales and moves features); Press & Wolf 2017, "Using the Output Embedding to Improve Language Models" (one table
for tokens in and out).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention, silu

from .codec import PLACES


@dataclass(frozen=True)
class PriorShape:
    """Sizes of a prior; codes and labels come from the codec and the data."""

    codes: int
    labels: int
    hidden: int = 512
    layers: int = 2
    token_width: int = 192
    label_width: int = 32
    window: int = 192  # groups it looks back: 8.9 s
    heads: int = 4
    head_width: int = 24
    dropout: float = 0.3

    @property
    def tokens(self) -> int:
        """Size of the vocabulary; the number after the last token stands for the start."""
        return self.codes * PLACES

    @property
    def attended(self) -> int:
        """Values of a key, and of what it stands for."""
        return self.heads * self.head_width

    @property
    def slot_width(self) -> int:
        """Values of one remembered group: a key, a value, and 1 where the slot is filled."""
        return 2 * self.attended + 1


class Film(nn.Module):
    """Features scaled and moved by a label."""

    def __init__(self, labels: int, width: int, spread: float) -> None:
        super().__init__()
        self.scale, self.move = nn.Embedding(labels, width), nn.Embedding(labels, width)
        # Labels go apart from the start: each has features of its own, beside those that all share.
        nn.init.normal_(self.scale.weight, 1.0, spread)
        nn.init.zeros_(self.move.weight)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """`x`: [batch, ..., width]; `label`: [batch]."""
        shape = (label.shape[0], *[1] * (x.dim() - 2), x.shape[-1])
        return x * self.scale(label).reshape(shape) + self.move(label).reshape(shape)


class Prior(nn.Module):
    """Embedded groups and a label into an LSTM; its output and what it recalls, with the group so far, to logits."""

    def __init__(self, shape: PriorShape) -> None:
        super().__init__()
        self.shape = shape
        width, hidden = shape.token_width, shape.hidden
        self.token = nn.Embedding(shape.tokens + 1, width)
        self.label = nn.Embedding(shape.labels, shape.label_width)
        self.lstm = nn.LSTM(width + shape.label_width, hidden, shape.layers, dropout=shape.dropout, batch_first=True)
        self.query, self.key = nn.Linear(hidden, shape.attended), nn.Linear(hidden, shape.attended)
        self.value, self.recall = nn.Linear(width, shape.attended), nn.Linear(shape.attended, hidden, bias=False)
        self.heard, self.seen = Film(shape.labels, width, 0.3), Film(shape.labels, hidden, 0.7)
        self.place = nn.Embedding(PLACES, hidden)
        self.before, self.so_far = nn.Linear(hidden, hidden), nn.Linear(width, hidden)
        self.between, self.out = nn.Linear(hidden, hidden), nn.Linear(hidden, width)
        self.bias = nn.Embedding(shape.labels, shape.tokens)
        self.drop, self.drop_token = nn.Dropout(shape.dropout), nn.Dropout(0.1)
        nn.init.normal_(self.token.weight, std=width**-0.5)
        nn.init.zeros_(self.bias.weight)

    def forward(self, heard: Tensor, label: Tensor) -> Tensor:
        """Logits [batch, groups, PLACES, codes] of each token of pieces from their start, given those before it.

        `heard`: [batch, groups, PLACES]; `label`: [batch].
        """
        told = self.token(heard) * self.shape.token_width**0.5
        groups = told.sum(2)
        start = self.token.weight[-1].mul(self.shape.token_width**0.5).expand(len(heard), 1, -1)
        context = self._context(torch.cat([start.to(groups.dtype), groups[:, :-1]], 1), groups, label)
        so_far = pad(told[:, :, :-1].cumsum(2), (0, 0, 1, 0))
        return self.logits(self.said(context.unsqueeze(2), self.drop_token(so_far), self.place.weight, label), label)

    def _context(self, driven: Tensor, groups: Tensor, label: Tensor) -> Tensor:
        """[batch, groups, hidden] what is known before each group: of the LSTM and of what it recalls."""
        held = self.label(label).unsqueeze(1).expand(-1, driven.shape[1], -1)
        driven = self.drop_token(self.heard(driven, label))
        out, _ = self.lstm(torch.cat([driven, held.to(driven.dtype)], 2))
        split = (*out.shape[:2], self.shape.heads, self.shape.head_width)
        query, key, value = (
            t.reshape(split).transpose(1, 2) for t in (self.query(out), self.key(out), self.value(groups))
        )
        # A slot more, of score 0 and without a value: where nothing of the past is like now, nothing is recalled.
        key, value = pad(key, (0, 0, 0, 1)), pad(value, (0, 0, 0, 1))
        found = scaled_dot_product_attention(query, key, value, attn_mask=self._slots_seen(out.shape[1], out.device))
        return out + self.recall(self.drop(found.transpose(1, 2).flatten(2)))

    def _slots_seen(self, steps: int, device: torch.device) -> Tensor:
        """[steps, steps + 1] groups that a step sees: the last `window` before it, and the one without a value."""
        step = torch.arange(steps, device=device).unsqueeze(1)
        slot = torch.arange(steps + 1, device=device).unsqueeze(0)
        return ((slot < step) & (slot >= step - self.shape.window)) | (slot == steps)

    def said(self, context: Tensor, so_far: Tensor, place: Tensor, label: Tensor) -> Tensor:
        """What the logits are made of, [..., token width]: of the context, the group so far, and the place."""
        hidden = silu(self.before(self.drop(self.seen(context, label))) + self.so_far(so_far) + place)
        hidden = hidden + silu(self.between(self.drop(hidden)))
        return self.out(self.drop(hidden))

    def logits(self, said: Tensor, label: Tensor) -> Tensor:
        """Logits [batch, groups, PLACES, codes] of what `said` gave for all places."""
        table = self.token.weight[:-1].unflatten(0, (PLACES, -1)).to(said.dtype)
        bias = self.bias(label).unflatten(1, (PLACES, -1)).unsqueeze(1)
        return torch.einsum("bgpw,pcw->bgpc", said, table) + bias

    @torch.no_grad()
    def emphasise_labels(self, strength: float, any_label: int) -> None:
        """Move what each label does away from what the one for any of them does, `strength` times as far.

        What Ho & Salimans 2022, "Classifier-Free Diffusion Guidance" (eq. 6), do to scores by running a model twice is
        done to the label's tables once, so that playing costs nothing more.
        """
        tables = [self.label, self.bias, self.heard.scale, self.heard.move, self.seen.scale, self.seen.move]
        for table in tables:
            own = table.weight[any_label].clone()
            table.weight.copy_(own + strength * (table.weight - own))
