"""The network: an LSTM that reads a token with label and metre, and tells the logits of the next."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


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
    dropout: float = 0.3


State = tuple[Tensor, Tensor]
"""Hidden and cell values, each [layers, batch, hidden]."""


class TuneNetwork(nn.Module):
    """Embeddings of token, label and metre, side by side, into an LSTM (Hochreiter & Schmidhuber 1997), to logits.

    Label and metre are given at every step, so that a change of either is heard at once.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token = nn.Embedding(shape.tokens, shape.token_width)
        self.label = nn.Embedding(shape.labels, shape.label_width)
        self.metre = nn.Embedding(shape.metres, shape.metre_width)
        width = shape.token_width + shape.label_width + shape.metre_width
        self.lstm = nn.LSTM(width, shape.hidden, shape.layers, dropout=shape.dropout)
        self.drop = nn.Dropout(shape.dropout)
        self.head = nn.Linear(shape.hidden, shape.tokens)

    def rest(self, batch: int) -> State:
        """The state before a piece."""
        zeros = torch.zeros(self.shape.layers, batch, self.shape.hidden)
        return zeros, zeros.clone()

    def forward(self, token: Tensor, label: Tensor, metre: Tensor, state: State) -> tuple[Tensor, State]:
        """`token`: [steps, batch]; `label`, `metre`: [batch] -> logits [steps, batch, tokens] of what follows each."""
        steps = token.shape[0]
        held = torch.cat([self.label(label), self.metre(metre)], dim=-1).expand(steps, -1, -1)
        out, state = self.lstm(torch.cat([self.token(token), held], dim=-1), state)
        return self.head(self.drop(out)), state
