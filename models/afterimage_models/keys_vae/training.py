"""What the training of the keys VAE adds to that of the pitched models: a posterior and its divergence."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..pitched.bins_decoder import BinsDecoder
from ..pitched.note_set import Batch, NoteSet
from ..pitched.render import render_db
from ..pitched.training import NoteTrainer, Settings, choose_bins
from .network import Encoder

KL_WEIGHT = 2e-3


def encode(encoder: Encoder, summary: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the sources of the posterior's mean and log-variance. `summary`: [notes, sources, SIZE]."""
    notes, sources, size = summary.shape
    mean, log_variance = encoder(summary.reshape(-1, size))
    return mean.view(notes, sources, -1).mean(1), log_variance.view(notes, sources, -1).mean(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence to the unit normal in nats, averaged over the batch."""
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(1).mean()


class Trainer(NoteTrainer):
    """Draws the latent of each note from its posterior, and weighs in the divergence."""

    def __init__(self, notes: NoteSet, settings: Settings, checkpoint: Path) -> None:
        torch.manual_seed(settings.seed)
        super().__init__(notes, settings, checkpoint, Encoder(), BinsDecoder())
        self.decoder.draw = torch.compile(render_db, dynamic=False)

    def infer(self, encoder: Encoder, summary: Tensor) -> Tensor:
        """The posterior's mean."""
        return encode(encoder, summary)[0]

    def objective(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Distance over a random share of the bins, and the divergence."""
        bins, weight = choose_bins(self.generator)
        mean, log_variance = encode(self.encoder, self.jittered(batch.summary))
        noise = torch.randn(mean.shape, generator=self.generator)
        latent = (mean + noise * (0.5 * log_variance).exp())[batch.owner]
        predicted = self.decoder(latent, batch.pitch, batch.velocity, batch.times, bins)
        nats = divergence(mean, log_variance)
        loss = self.loss(predicted, batch.target[:, bins], weight, self.settings.loud_weight)
        return loss + KL_WEIGHT * nats, {"loss": loss.item(), "nats": nats.item()}
