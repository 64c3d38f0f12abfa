"""What the training of the harmonic autoencoder adds to that of the pitched models: nothing but distance."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..pitched.note_set import Batch, NoteSet
from ..pitched.training import NoteTrainer, Settings, choose_bins
from .draw import draw_db
from .network import Decoder, Encoder


def encode(encoder: Encoder, summary: Tensor) -> Tensor:
    """Mean over the sources of their codes [notes, LATENT]. `summary`: [notes, sources, SIZE]."""
    notes, sources, size = summary.shape
    return encoder(summary.reshape(-1, size)).view(notes, sources, -1).mean(1)


class Trainer(NoteTrainer):
    """Descends on the distance between the frames drawn and the frames heard."""

    def __init__(self, notes: NoteSet, settings: Settings, checkpoint: Path) -> None:
        torch.manual_seed(settings.seed)
        super().__init__(notes, settings, checkpoint, Encoder(), Decoder())
        self.decoder.draw = torch.compile(draw_db, dynamic=False)

    def infer(self, encoder: Encoder, summary: Tensor) -> Tensor:
        """The code."""
        return encode(encoder, summary)

    def objective(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Distance over a random share of the bins."""
        bins, weight = choose_bins(self.generator)
        latent = encode(self.encoder, self.jittered(batch.summary))[batch.owner]
        predicted = self.decoder(latent, batch.pitch, batch.velocity, batch.times, bins)
        loss = self.loss(predicted, batch.target[:, bins], weight, self.settings.loud_weight)
        return loss, {"loss": loss.item()}
