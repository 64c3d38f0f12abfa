"""A token prior: a small GRU over note events, its state carried by the plugin.

Run: `python examples/event_gru.py`. Trains for some seconds on walks along a scale, and writes event-gru.onnx.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from afterimage_models import export
from afterimage_models.events.piece import TICKS_PER_QUARTER, Piece
from afterimage_models.events.tokens import encode
from afterimage_models.events.vocabulary import Vocabulary

SCALE = (60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79)  # C major, an octave and a half
LENGTHS = (12, 24, 48)  # ticks: eighth, quarter, half
BAR_TICKS = 4 * TICKS_PER_QUARTER
VOCABULARY = Vocabulary.of(range(48, 85), LENGTHS, LENGTHS)
HIDDEN = 96


class EventGru(nn.Module):
    """One step: token [batch, 1], state [batch, hidden] -> logits [batch, tokens], the new state."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY.size, 48)
        self.gru = nn.GRU(48, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, VOCABULARY.size)

    def forward(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The batch is the first axis of the state, where torch has the layers."""
        out, carried = self.gru(self.embed(token), state.unsqueeze(0))
        return self.head(out[:, -1]), carried[0]

    def sequence(self, tokens: Tensor) -> Tensor:
        """Logits [batch, steps, tokens] of whole rows, for training."""
        return self.head(self.gru(self.embed(tokens))[0])


def walk(rng: np.random.Generator, bars: int = 8) -> np.ndarray:
    """Tokens of a tune that goes up and down the scale in steps, and ends on C."""
    notes, tick, place = [], 0, int(rng.integers(0, len(SCALE)))
    while tick < bars * BAR_TICKS:
        room = BAR_TICKS - tick % BAR_TICKS
        length = int(rng.choice([ticks for ticks in LENGTHS if ticks <= room]))
        notes.append((tick, length, SCALE[place]))
        tick, place = tick + length, int(np.clip(place + rng.choice([-2, -1, 1, 2]), 0, len(SCALE) - 1))
    notes[-1] = (*notes[-1][:2], SCALE[0])
    lines = np.arange(0, tick + 1, BAR_TICKS)
    return encode(Piece(np.array(notes), lines, "walk", "4/4", "made here", "walk"), VOCABULARY)


def train(model: EventGru, tunes: list[np.ndarray], steps: int) -> float:
    """Adam on the cross entropy of the next token; the last one, in nats."""
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    padded = nn.utils.rnn.pad_sequence([torch.tensor(t) for t in tunes], batch_first=True, padding_value=-1)
    loss = torch.tensor(0.0)
    for _ in range(steps):
        rows = padded[torch.randint(0, len(padded), (16,))]
        logits = model.sequence(rows[:, :-1].clamp(min=0))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def main(folder: Path = Path("."), tunes: int = 200, steps: int = 300) -> Path:
    """Train, then export."""
    torch.manual_seed(1)
    rng, model = np.random.default_rng(1), EventGru()
    print(f"{train(model, [walk(rng) for _ in range(tunes)], steps):.3f} nats a token")
    manifest = {
        "name": "Event GRU", "license": "CC0-1.0", "family": "gru", "tags": ["lab", "notes"],
        "description": "Walks along a C major scale.", "authors": ["Afterimage contributors"],
        "training_data": [{"name": "synthesis in this script", "license": "CC0-1.0"}],
        "representation": {"kind": "events"}, "vocabulary": VOCABULARY.manifest(temperature=0.9, top_p=0.95),
        "inputs": ["token", "state"], "outputs": ["logits", "state"],
    }  # fmt: skip
    example = (torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, HIDDEN))
    return export(model, manifest, example, folder=folder)


if __name__ == "__main__":
    print(main())
