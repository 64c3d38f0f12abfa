"""Loss, schedule, checkpoints and the loop that trains the models of pitched notes on a CPU."""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..note_data import HELD_OUT_KEY, HELD_OUT_PRESET, TRAIN
from ..spectrum import BINS, GATE_DB
from .note_set import Batch, NoteSet

# Bins below each number are trained with this chance a step: partials lie low, and a step's time goes with bins.
BIN_SHARES = ((96, 1.0), (400, 0.36), (BINS, 0.12))
GRADIENT_LIMIT = 2.0
AVERAGING = 0.998
SUMMARY_JITTER = 0.05  # 1.5 dB: the encoder must not read presets off single levels
PROBE_NOTES = 40
NETWORKS = ("encoder", "decoder", "average_encoder", "average_decoder")


@dataclass(frozen=True)
class Settings:
    """What a run is made of; seeds fixed. `minutes`: wall-clock budget, the learning rate follows it."""

    minutes: float = 60.0
    notes_a_batch: int = 96
    frames_a_note: int = 12
    learning_rate: float = 2e-3
    last_learning_rate: float = 2e-5
    weight_decay: float = 1e-4
    loud_weight: float = 0.35
    own_share: float = 0.65
    seed: int = 20261122
    threads: int = 1
    warm_up_steps: int = 200
    report_s: float = 120.0


def soft_gate(frame_db: Tensor) -> Tensor:
    """Levels under the gate count as the gate; soft, so that a bin predicted silent can still rise."""
    return GATE_DB + 3.0 * torch.nn.functional.softplus((frame_db - GATE_DB) / 3.0)


def frame_loss(predicted: Tensor, target: Tensor, weight: Tensor, loud_weight: float) -> Tensor:
    """Log-spectral distance of frames [n, bins] in dB, plus absolute error weighted to the loud bins.

    `weight`: [bins], how many of the BINS each stands for.
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


class NoteTrainer(ABC):
    """Owns networks, their running averages, the optimiser and the clock of a resumable run.

    A model says how a note is encoded (`infer`) and what a step descends on (`objective`).
    """

    def __init__(
        self, notes: NoteSet, settings: Settings, checkpoint: Path, encoder: nn.Module, decoder: nn.Module
    ) -> None:
        torch.set_num_threads(settings.threads)
        self.notes, self.settings, self.checkpoint = notes, settings, checkpoint
        self.encoder, self.decoder = encoder, decoder
        self.average_encoder, self.average_decoder = copy.deepcopy(encoder), copy.deepcopy(decoder)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.step, self.first_step, self.skipped, self.elapsed_s = 0, 0, 0, 0.0
        self.loss = torch.compile(frame_loss, dynamic=False)

    @abstractmethod
    def infer(self, encoder: nn.Module, summary: Tensor) -> Tensor:
        """Latents [notes, LATENT] without noise. `summary`: [notes, sources, ...]."""

    @abstractmethod
    def objective(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """What a step descends on, and what to print of it."""

    def jittered(self, summary: Tensor) -> Tensor:
        """Summaries with a little noise."""
        return summary + SUMMARY_JITTER * torch.randn(summary.shape, generator=self.generator)

    def resume(self) -> None:
        """Continue from the checkpoint if there is one."""
        if self.checkpoint.exists():
            saved = self._load(self.checkpoint)
            self.step, self.elapsed_s = saved["step"], saved["elapsed_s"]

    def start_from(self, checkpoint: Path) -> None:
        """Take networks and optimiser of another run, with a clock of its own."""
        self.first_step = self.step = self._load(checkpoint)["step"]

    def go_on(self, start: Path | None) -> None:
        """Run from the own checkpoint, or from that of another run, or from nothing."""
        if start is not None and not self.checkpoint.exists():
            self.start_from(start)
        self.resume()
        self.run()

    def _load(self, path: Path) -> dict:
        saved = torch.load(path, weights_only=True)
        for name in NETWORKS:
            averages = saved[f"average_{name.removeprefix('average_')}"]  # all that a shipped checkpoint holds
            getattr(self, name).load_state_dict(saved.get(name, averages))
        if "optimiser" in saved:
            self.optimiser.load_state_dict(saved["optimiser"])
        return saved

    def save(self) -> None:
        """Write the checkpoint in one move, so that an interrupted run never leaves half of one."""
        state = {name: getattr(self, name).state_dict() for name in (*NETWORKS, "optimiser")}
        scratch = self.checkpoint.with_suffix(".tmp")
        torch.save(state | {"step": self.step, "elapsed_s": self.elapsed_s}, scratch)
        scratch.replace(self.checkpoint)

    def learning_rate(self) -> float:
        """Cosine from the first to the last rate over the minutes, after the steps of warm-up."""
        done = min(self.elapsed_s / (60.0 * self.settings.minutes), 1.0)
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        rate = low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * done))
        return rate * min(1.0, (self.step - self.first_step + 1) / self.settings.warm_up_steps)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One gradient step; returns what to print."""
        loss, shown = self.objective(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        norm = torch.nn.utils.clip_grad_norm_(self.optimiser.param_groups[0]["params"], GRADIENT_LIMIT)
        if not torch.isfinite(norm):  # one wild batch must not undo an hour
            self.skipped += 1
            return shown
        self.optimiser.step()
        self._average()
        return shown

    @torch.no_grad()
    def _average(self) -> None:
        share = min(AVERAGING, (self.step + 1) / (self.step + 10))
        pairs = ((self.average_encoder, self.encoder), (self.average_decoder, self.decoder))
        for average, network in pairs:
            for a, b in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(b, 1.0 - share)
            for a, b in zip(average.buffers(), network.buffers(), strict=True):
                a.copy_(b)

    @torch.no_grad()
    def measure(self, batch: Batch) -> float:
        """Mean log-spectral distance in dB of a batch by the averaged networks, all bins, clamped at the gate."""
        self.average_encoder.eval()
        latent = self.infer(self.average_encoder, batch.summary)[batch.owner]
        total = 0.0
        for part in torch.arange(len(batch.owner)).split(256):
            times = batch.times[0][part], batch.times[1][part]
            predicted = self.average_decoder(latent[part], batch.pitch[part], batch.velocity[part], times)
            error = torch.clamp(predicted, min=GATE_DB) - torch.clamp(batch.target[part], min=GATE_DB)
            total += float(error.pow(2).mean(1).sqrt().sum())
        self.average_encoder.train()
        return total / len(batch.owner)

    def run(self) -> None:
        """Train until the minutes are used, printing and saving every `report_s` seconds."""
        rng = np.random.default_rng([self.settings.seed, self.step])
        pool = self.notes.notes(TRAIN)
        probes = self._probes()
        last, shown, rows = time.monotonic(), -1e9, []
        while self.elapsed_s < 60.0 * self.settings.minutes:
            chosen = rng.choice(pool, self.settings.notes_a_batch)
            batch = self.notes.batch(chosen, self.settings.frames_a_note, self.settings.own_share, rng)
            rows.append(self.train_step(batch))
            self.step += 1
            now = time.monotonic()
            self.elapsed_s, last = self.elapsed_s + now - last, now
            if self.elapsed_s - shown > self.settings.report_s or self.step == 100:
                shown = self.elapsed_s
                self._report(rows, probes)
                rows = []
                self.save()
        self._report(rows, probes)
        self.save()

    def _probes(self) -> dict[str, Batch]:
        rng = np.random.default_rng(1)
        splits = {"train": TRAIN, "held-out keys": HELD_OUT_KEY, "held-out presets": HELD_OUT_PRESET}
        rows = {name: self.notes.notes(split) for name, split in splits.items()}
        chosen = {n: rng.choice(r, min(len(r), PROBE_NOTES), replace=False) for n, r in rows.items() if len(r)}
        return {name: self.notes.whole(few, 1.0, rng) for name, few in chosen.items()}

    def _report(self, rows: list[dict[str, float]], probes: dict[str, Batch]) -> None:
        scores = {n: round(self.measure(b), 3) for n, b in probes.items()}
        means = {n: float(np.mean([row[n] for row in rows])) for n in (rows[0] if rows else {})}
        shown = " ".join(f"{n} {v:.3f}" for n, v in means.items())
        print(
            f"step {self.step} min {self.elapsed_s / 60:.1f} rate {self.learning_rate():.1e} {shown} lsd {scores} "
            f"skipped {self.skipped}",
            flush=True,
        )
