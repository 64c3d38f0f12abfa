"""Trains the corrections of the iterated encoder with encoder and decoder at rest."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..note_data import TRAIN
from ..pitched.note_set import NoteSet
from ..pitched.training import choose_bins, frame_loss
from .iterated import IteratedEncoder

NOTES, FRAMES = 64, 12
RATE, LAST_RATE, WARM_UP_STEPS = 1e-3, 1e-5, 100
WEIGHT_DECAY, GRADIENT_LIMIT = 1e-3, 1.0
LOUD_WEIGHT = 0.35
STRAY = 1.2  # largest standard deviation by which a guess is moved off before it is corrected
FREE_STEPS = 4  # up to so many corrections less one go ahead of the one that is trained
SEED = 5


class CorrectionTrainer:
    """Owns the optimiser and the clock. Notes are coloured as in training and always encoded from themselves.

    Training presets are known too well to leave much to correct, so most guesses are moved off first.
    """

    def __init__(self, notes: NoteSet, iterated: IteratedEncoder, minutes: float) -> None:
        self.notes, self.iterated, self.minutes = notes, iterated, minutes
        for parameter in [*iterated.encoder.parameters(), *iterated.decoder.parameters()]:
            parameter.requires_grad_(False)
        self.trained = [p for p in iterated.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, RATE, weight_decay=WEIGHT_DECAY)
        self.rng, self.generator = np.random.default_rng(SEED), torch.Generator().manual_seed(SEED)
        self.pool = np.intersect1d(notes.notes(TRAIN), np.flatnonzero(notes.can_encode))
        self.step, self.elapsed_s = 0, 0.0

    def learning_rate(self) -> float:
        """Cosine over the minutes after a warm-up."""
        done = min(self.elapsed_s / (60.0 * self.minutes), 1.0)
        rate = LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * done))
        return rate * min(1.0, (self.step + 1) / WARM_UP_STEPS)

    def start(self, summary: Tensor) -> Tensor:
        """Guesses to correct [notes, LATENT]: the encoder's, moved off, some steps on."""
        with torch.no_grad():
            latent = self.iterated.encoder(summary)[0]
            far = STRAY * torch.rand(len(latent), 1, generator=self.generator) ** 2
            latent = latent + far * torch.randn(latent.shape, generator=self.generator)
            for _ in range(int(self.rng.integers(0, FREE_STEPS))):
                latent = self.iterated.corrected(latent, summary)
        return latent

    def train_step(self) -> float:
        """One gradient step; returns the loss."""
        batch = self.notes.batch(self.rng.choice(self.pool, NOTES), FRAMES, 1.0, self.rng)
        summary = batch.summary[:, 0]
        latent = self.iterated.corrected(self.start(summary), summary)
        bins, weight = choose_bins(self.generator)
        frame = self.iterated.decoder(latent[batch.owner], batch.pitch, batch.velocity, batch.times, bins)
        loss = frame_loss(frame, batch.target[:, bins], weight, LOUD_WEIGHT)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(self.trained, GRADIENT_LIMIT)):
            self.optimiser.step()
        self.step += 1
        return loss.item()

    def run(self, path: Path) -> None:
        """Train until the minutes are used; prints the loss and saves the corrections every minute."""
        last, shown, losses = time.monotonic(), 0.0, []
        while self.elapsed_s < 60.0 * self.minutes:
            losses.append(self.train_step())
            now = time.monotonic()
            self.elapsed_s, last = self.elapsed_s + now - last, now
            if self.elapsed_s - shown > 60.0:
                shown = self.elapsed_s
                print(f"step {self.step} min {shown / 60:.1f} loss {np.mean(losses):.3f}", flush=True)
                losses = []
                self.save(path)
        self.save(path)

    def save(self, path: Path) -> None:
        """Write the corrections, without encoder and decoder."""
        torch.save(self.iterated.corrections(), path)
