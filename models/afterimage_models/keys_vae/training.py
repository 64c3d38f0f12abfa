"""Loss, schedule, checkpoints and the loop that trains the keys VAE on a CPU."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..spectrum import BINS, GATE_DB
from .network import Decoder, Encoder
from .note_set import HELD_OUT_KEY, HELD_OUT_PRESET, TRAIN, Batch, NoteSet
from .render import render_db

# Bins below each number are trained with this chance a step: partials lie low, and a step's time goes with bins.
BIN_SHARES = ((96, 1.0), (400, 0.36), (BINS, 0.12))
GRADIENT_LIMIT = 2.0
AVERAGING = 0.998
SUMMARY_JITTER = 0.05  # 1.5 dB: the encoder must not read presets off single levels


@dataclass(frozen=True)
class Settings:
    """What a run is made of; seeds fixed. `minutes`: wall-clock budget, the learning rate follows it."""

    minutes: float = 60.0
    notes_a_batch: int = 96
    frames_a_note: int = 12
    learning_rate: float = 2e-3
    last_learning_rate: float = 2e-5
    weight_decay: float = 1e-4
    kl_weight: float = 2e-3
    loud_weight: float = 0.35
    own_share: float = 0.65
    seed: int = 20261122
    threads: int = 1


def soft_gate(frame_db: Tensor) -> Tensor:
    """Levels under the gate count as the gate; soft, so that a bin predicted silent can still rise."""
    return GATE_DB + 3.0 * torch.nn.functional.softplus((frame_db - GATE_DB) / 3.0)


def frame_loss(predicted: Tensor, target: Tensor, weight: Tensor, loud_weight: float) -> Tensor:
    """Log-spectral distance of frames [n, bins] in dB, plus absolute error weighted to the loud bins.

    `weight`: [bins], inverse sampling probability of each bin.
    """
    clamped = torch.clamp(target, min=GATE_DB)
    error = soft_gate(predicted) - clamped
    distance = torch.sqrt((weight * error * error).sum(1) / BINS + 1e-3)
    audible = torch.clamp((target + 80.0) / 60.0, 0.0, 1.0) * weight
    loud = (audible * error.abs()).sum(1) / (audible.sum(1) + 8.0)
    return (distance + loud_weight * loud).mean()


def choose_bins(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random bins of one step and their weights, the inverse of the share kept of each of BIN_SHARES' ranges."""
    bins, weights, low = [], [], 0
    for high, share in BIN_SHARES:
        count = int((high - low) * share)
        bins.append(low + torch.randperm(high - low, generator=generator)[:count].sort()[0])
        weights.append(torch.full((count,), (high - low) / count))
        low = high
    return torch.cat(bins), torch.cat(weights)


def encode(encoder: Encoder, summary: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the sources of the posterior's mean and log-variance. `summary`: [notes, sources, SIZE]."""
    notes, sources, size = summary.shape
    mean, log_variance = encoder(summary.reshape(-1, size))
    return mean.view(notes, sources, -1).mean(1), log_variance.view(notes, sources, -1).mean(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence to the unit normal in nats, averaged over the batch."""
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(1).mean()


@torch.no_grad()
def measure(encoder: Encoder, decoder: Decoder, batch: Batch) -> float:
    """Mean log-spectral distance in dB of a batch, all bins, posterior mean, both sides clamped at the gate."""
    encoder.eval()
    latent = encode(encoder, batch.summary)[0][batch.owner]
    total = 0.0
    for part in torch.arange(len(batch.owner)).split(256):
        times = batch.times[0][part], batch.times[1][part]
        predicted = decoder(latent[part], batch.pitch[part], batch.velocity[part], times)
        error = torch.clamp(predicted, min=GATE_DB) - torch.clamp(batch.target[part], min=GATE_DB)
        total += float(error.pow(2).mean(1).sqrt().sum())
    encoder.train()
    return total / len(batch.owner)


class Trainer:
    """Owns networks, their running averages, the optimiser and the clock of a resumable run."""

    def __init__(self, notes: NoteSet, settings: Settings, checkpoint: Path) -> None:
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads)
        self.notes, self.settings, self.checkpoint = notes, settings, checkpoint
        self.encoder, self.decoder = Encoder(), Decoder()
        self.average_encoder, self.average_decoder = copy.deepcopy(self.encoder), copy.deepcopy(self.decoder)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.step, self.first_step, self.skipped, self.elapsed_s = 0, 0, 0, 0.0
        self.loss = torch.compile(frame_loss, dynamic=False)
        self.decoder.draw = torch.compile(render_db, dynamic=False)

    def resume(self) -> None:
        """Continue from the checkpoint if there is one."""
        if not self.checkpoint.exists():
            return
        saved = torch.load(self.checkpoint, weights_only=True)
        for name in ("encoder", "decoder", "average_encoder", "average_decoder", "optimiser"):
            if name in saved:
                getattr(self, name).load_state_dict(saved[name])
        self.step, self.elapsed_s = saved["step"], saved["elapsed_s"]

    def start_from(self, checkpoint: Path) -> None:
        """Take networks and optimiser of another run, with a clock of its own."""
        saved = torch.load(checkpoint, weights_only=True)
        for name in ("encoder", "decoder", "average_encoder", "average_decoder", "optimiser"):
            if name in saved:
                getattr(self, name).load_state_dict(saved[name])
        self.first_step = self.step = saved["step"]

    def save(self) -> None:
        """Write the checkpoint in one move, so that an interrupted run never leaves half of one."""
        names = ("encoder", "decoder", "average_encoder", "average_decoder", "optimiser")
        state = {name: getattr(self, name).state_dict() for name in names}
        scratch = self.checkpoint.with_suffix(".tmp")
        torch.save(state | {"step": self.step, "elapsed_s": self.elapsed_s}, scratch)
        scratch.replace(self.checkpoint)

    def learning_rate(self) -> float:
        """Cosine from the first to the last rate over the minutes, after 200 steps of warm-up."""
        done = min(self.elapsed_s / (60.0 * self.settings.minutes), 1.0)
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        rate = low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * done))
        return rate * min(1.0, (self.step - self.first_step + 1) / 200.0)

    def train_step(self, batch: Batch) -> tuple[float, float]:
        """One gradient step; returns the loss and the divergence."""
        bins, weight = choose_bins(self.generator)
        jitter = SUMMARY_JITTER * torch.randn(batch.summary.shape, generator=self.generator)
        mean, log_variance = encode(self.encoder, batch.summary + jitter)
        noise = torch.randn(mean.shape, generator=self.generator)
        latent = (mean + noise * (0.5 * log_variance).exp())[batch.owner]
        predicted = self.decoder(latent, batch.pitch, batch.velocity, batch.times, bins)
        nats = divergence(mean, log_variance)
        loss = self.loss(predicted, batch.target[:, bins], weight, self.settings.loud_weight)
        self.optimiser.zero_grad(set_to_none=True)
        (loss + self.settings.kl_weight * nats).backward()
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        norm = torch.nn.utils.clip_grad_norm_(self.optimiser.param_groups[0]["params"], GRADIENT_LIMIT)
        if not torch.isfinite(norm):  # one wild batch must not undo an hour
            self.skipped += 1
            return loss.item(), nats.item()
        self.optimiser.step()
        self._average()
        return loss.item(), nats.item()

    @torch.no_grad()
    def _average(self) -> None:
        share = min(AVERAGING, (self.step + 1) / (self.step + 10))
        pairs = ((self.average_encoder, self.encoder), (self.average_decoder, self.decoder))
        for average, network in pairs:
            for a, b in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(b, 1.0 - share)

    def run(self) -> None:
        """Train until the minutes are used, printing and saving every two minutes."""
        rng = np.random.default_rng([self.settings.seed, self.step])
        pool = self.notes.notes(TRAIN)
        probes = self._probes()
        last, shown, losses = time.monotonic(), -1e9, []
        while self.elapsed_s < 60.0 * self.settings.minutes:
            chosen = rng.choice(pool, self.settings.notes_a_batch)
            batch = self.notes.batch(chosen, self.settings.frames_a_note, self.settings.own_share, rng)
            losses.append(self.train_step(batch))
            self.step += 1
            now = time.monotonic()
            self.elapsed_s, last = self.elapsed_s + now - last, now
            if self.elapsed_s - shown > 120.0 or self.step == 100:
                shown = self.elapsed_s
                self._report(np.mean(losses, axis=0), probes)
                losses = []
                self.save()
        self._report(np.mean(losses or [[0, 0]], axis=0), probes)
        self.save()

    def _probes(self) -> dict[str, Batch]:
        rng = np.random.default_rng(1)
        splits = {"train": TRAIN, "held-out keys": HELD_OUT_KEY, "held-out presets": HELD_OUT_PRESET}
        return {
            n: self.notes.whole(rng.choice(self.notes.notes(s), 40, replace=False), 1.0, rng) for n, s in splits.items()
        }

    def _report(self, losses: np.ndarray, probes: dict[str, Batch]) -> None:
        scores = {n: round(measure(self.average_encoder, self.average_decoder, b), 3) for n, b in probes.items()}
        rate = self.learning_rate()
        print(
            f"step {self.step} min {self.elapsed_s / 60:.1f} rate {rate:.1e} "
            f"loss {losses[0]:.3f} nats {losses[1]:.1f} lsd {scores} skipped {self.skipped}",
            flush=True,
        )
