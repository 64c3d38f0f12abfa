"""What the training of the log-frequency VQ-VAE adds to that of the pitched models: bands, codes, commitment."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..pitched.note_set import Batch
from ..pitched.render import render_db
from ..pitched.training import SUMMARY_JITTER, NoteTrainer, Settings
from .bands import BANDS, combs, to_bands_db
from .network import TIMES, UNIT_DB, Decoder, Encoder
from .note_stacks import BandNoteSet
from .quantiser import use

COMMITMENT = 0.25  # the paper's beta, sec. 3.2
FREE_STEPS = 300  # the codes settle on latents that mean something before they are used


def encode(encoder: Encoder, seen: Tensor) -> Tensor:
    """Mean over the sources of their latents [notes, LATENT]. `seen`: [notes, sources, TIMES * BANDS + 2]."""
    notes, sources, _ = seen.shape
    flat = seen.flatten(0, 1)
    frames = flat[:, :-2].unflatten(1, (TIMES, BANDS))
    return encoder(frames, flat[:, -2:-1], flat[:, -1:]).view(notes, sources, -1).mean(1)


class Trainer(NoteTrainer):
    """Descends on the distance between bands; codes follow the latents that choose them."""

    def __init__(self, notes: BandNoteSet, settings: Settings, checkpoint: Path) -> None:
        torch.manual_seed(settings.seed)
        super().__init__(notes, settings, checkpoint, Encoder(), Decoder())
        self.decoder.draw = torch.compile(render_db, dynamic=False)
        self.to_bands_db = torch.compile(to_bands_db, dynamic=False)
        self.combs = combs()

    def infer(self, encoder: Encoder, summary: Tensor) -> Tensor:
        """The latent; the decoder quantises it."""
        return encode(encoder, summary)

    def jittered(self, summary: Tensor) -> Tensor:
        """Levels with a little noise; pitch and velocity as they are."""
        noise = SUMMARY_JITTER * UNIT_DB * torch.randn(summary.shape, generator=self.generator)
        noise[..., -2:] = 0.0
        return summary + noise

    def objective(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Distance over a comb of the bands through the codes, and how far the latents lie from them."""
        comb = self.combs[int(torch.randint(len(self.combs), (1,), generator=self.generator))]
        latent = encode(self.encoder, self.jittered(batch.summary))
        quantiser = self.decoder.quantiser
        quantiser.learn(latent.detach(), self.generator)
        tokens = quantiser.tokens(latent.detach())
        codes = quantiser.looked_up(tokens)
        commitment = (latent - codes).pow(2).mean()
        if self.step >= FREE_STEPS:
            latent = latent + (codes - latent).detach()  # the gradient passes straight through the choice
        levels = self.decoder.from_codes(latent[batch.owner], batch.pitch, batch.velocity, batch.times, comb.bins)
        target = self.to_bands_db(batch.target[:, comb.bins], comb.matrix)
        predicted = self.to_bands_db(levels, comb.matrix)
        loss = self.loss(predicted, target, comb.stands_for, self.settings.loud_weight)
        shown = {"loss": loss.item(), "commitment": commitment.item(), "use": use(tokens)[0]}
        return loss + COMMITMENT * commitment, shown
