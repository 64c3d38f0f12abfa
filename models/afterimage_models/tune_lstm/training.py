"""Loss, schedule, checkpoints and the loop that trains the LSTM, on a CPU or a GPU."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .network import Shape, TuneNetwork
from .split import VALIDATION
from .tune_set import PADDING, Batch, TuneSet
from .vocabulary import VOCABULARY

GRADIENT_LIMIT = 1.0
WARM_UP_STEPS = 200
AVERAGING = 0.998
ROWS_MEASURED, STEPS_MEASURED = 32, 128


@dataclass(frozen=True)
class Settings:
    """What a run is made of; seeds fixed. `minutes`: wall-clock budget, the learning rate follows it.

    A GPU takes hundreds of `rows` at the price of one; a CPU does not.
    """

    minutes: float = 60.0
    rows: int = 24
    steps_through_time: int = 96
    learning_rate: float = 2e-3
    last_learning_rate: float = 2e-5
    weight_decay: float = 1e-2
    report_s: float = 240.0
    device: str = "cpu"
    seed: int = 20261122


def settings_here(minutes: float, learning_rate: float) -> Settings:
    """What suits the device that is there: a GPU takes many rows at once, and its many passes need more restraint."""
    if not torch.cuda.is_available():
        return Settings(minutes=minutes, learning_rate=learning_rate)
    return Settings(minutes, rows=128, learning_rate=learning_rate, weight_decay=5e-2, report_s=30.0, device="cuda")


def network_of(tunes: TuneSet) -> TuneNetwork:
    """A fresh network of the data's sizes."""
    return TuneNetwork(Shape(VOCABULARY.size, len(tunes.labels), len(tunes.metres)))


def tensors(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Label and metre [batch], tokens and targets [steps, batch], on a device."""
    rows = (batch.label, batch.metre, batch.token, batch.target)
    label, metre, token, target = (torch.from_numpy(row).to(device) for row in rows)
    return label, metre, token, target


@torch.no_grad()
def token_nats(network: TuneNetwork, batch: Batch) -> np.ndarray:
    """[steps, batch] nats of each target token, zero where there is none."""
    network.eval()
    label, metre, tokens, targets = tensors(batch, network.device)
    state, out = network.rest(len(label)), []
    # In stretches, because the attention of a whole chorale at once would fill gigabytes.
    for token, target in zip(tokens.split(STEPS_MEASURED), targets.split(STEPS_MEASURED), strict=True):
        logits, state = network(token, label, metre, state)
        out.append(cross_entropy(logits.movedim(2, 1), target, reduction="none", ignore_index=PADDING))
    return torch.cat(out).cpu().numpy()


def nats_a_token(network: TuneNetwork, batches: Iterable[Batch]) -> float:
    """Mean nats over all target tokens of the batches."""
    total, count = 0.0, 0
    for batch in batches:
        total += float(token_nats(network, batch).sum())
        count += int((batch.target != PADDING).sum())
    return total / count


class Trainer:
    """Owns the network, its running average, the optimiser and the clock of a resumable run.

    `checkpoint`: what to resume from. `best`: the average that did best on the validation pieces, and nothing else.
    """

    def __init__(self, tunes: TuneSet, settings: Settings, checkpoint: Path, best: Path) -> None:
        torch.manual_seed(settings.seed)
        self.tunes, self.settings, self.checkpoint, self.best = tunes, settings, checkpoint, best
        self.device = torch.device(settings.device)
        self.network = network_of(tunes).to(self.device)
        self.average = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.step, self.first_step, self.elapsed_s, self.tokens_seen = 0, 0, 0.0, 0
        self.best_nats = math.inf

    def resume(self) -> None:
        """Continue from the checkpoint if there is one."""
        if self.checkpoint.exists():
            saved = self._take(self.checkpoint)
            self.elapsed_s = saved["elapsed_s"]

    def start_from(self, checkpoint: Path) -> None:
        """Take networks and optimiser of another run, with a clock of its own."""
        self._take(checkpoint)
        self.first_step = self.step

    def _take(self, checkpoint: Path) -> dict:
        saved = torch.load(checkpoint, weights_only=True, map_location=self.device)
        self.network.load_state_dict(saved.get("network", saved["average"]))  # a shipped one has the average alone
        self.average.load_state_dict(saved["average"])
        if "optimiser" in saved:
            self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.tokens_seen = saved["step"], saved["tokens_seen"]
        self.best_nats = saved.get("best_nats", math.inf)
        return saved

    def save(self) -> None:
        """Write the checkpoint in one move, so that an interrupted run never leaves half of one."""
        state = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimiser")}
        self._write(self.checkpoint, state | {"best_nats": self.best_nats})

    def _save_best(self, nats: float) -> None:
        """Write the average if it does better on the validation pieces than any before."""
        if nats < self.best_nats:
            self.best_nats = nats
            self._write(self.best, {"average": self.average.state_dict(), "best_nats": nats})

    def _write(self, path: Path, state: dict) -> None:
        state |= {name: getattr(self, name) for name in ("step", "elapsed_s", "tokens_seen")}
        scratch = path.with_suffix(".tmp")
        torch.save(state | {"shape": asdict(self.network.shape)}, scratch)
        scratch.replace(path)

    def learning_rate(self) -> float:
        """Cosine from the first to the last rate over the minutes, after a warm-up."""
        done = min(self.elapsed_s / (60.0 * self.settings.minutes), 1.0)
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        rate = low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * done))
        return rate * min(1.0, (self.step - self.first_step + 1) / WARM_UP_STEPS)

    def train_batch(self, batch: Batch) -> list[Tensor]:
        """One gradient step for each stretch of the pieces, the state carried on but not its gradient."""
        self.network.train()
        label, metre, tokens, targets = tensors(batch, self.device)
        state, losses = self.network.rest(len(label)), []
        span = self.settings.steps_through_time
        for token, target in zip(tokens.split(span), targets.split(span), strict=True):
            # bfloat16 halves the time of a step on a CPU; weights and averages stay float32. A GPU's LSTM would take
            # float16 instead, in which gradients of this size vanish: it has TF32.
            with torch.autocast("cpu", torch.bfloat16, enabled=self.device.type == "cpu"):
                logits, state = self.network(token, label, metre, state)
            state = state.detached()
            losses.append(self._update(logits.float(), target))
        self.tokens_seen += int((batch.target != PADDING).sum())
        return losses

    def _update(self, logits: Tensor, target: Tensor) -> Tensor:
        nats = cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PADDING, reduction="sum")
        self.optimiser.zero_grad(set_to_none=True)
        # By the size of a full stretch, so that the few tokens of a batch's last one do not weigh as much.
        (nats / (self.settings.rows * self.settings.steps_through_time)).backward()
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        share = min(AVERAGING, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for a, b in zip(self.average.parameters(), self.network.parameters(), strict=True):
                a.lerp_(b, 1.0 - share)
        self.step += 1
        # Nothing is read back here: a GPU would have to be waited for at each step.
        return nats.detach() / (target != PADDING).sum().clamp(min=1)

    def run(self) -> None:
        """Train until the minutes are used, printing and saving now and then."""
        rng = np.random.default_rng([self.settings.seed, self.step])
        last, shown, losses = time.monotonic(), self.elapsed_s, []
        while self.elapsed_s < 60.0 * self.settings.minutes:
            for batch in self.tunes.epoch(self.settings.rows, rng):
                losses += self.train_batch(batch)
                now = time.monotonic()
                self.elapsed_s, last = self.elapsed_s + now - last, now
                if self.elapsed_s - shown > self.settings.report_s:
                    shown = self.elapsed_s
                    self._report(losses)
                    losses = []
                if self.elapsed_s >= 60.0 * self.settings.minutes:
                    break
        self._report(losses)

    def _report(self, losses: list[Tensor]) -> None:
        validation = self.tunes.in_key(self.tunes.of_part(VALIDATION), ROWS_MEASURED)
        nats = nats_a_token(self.average, validation)
        mean = float(torch.stack(losses).mean()) if losses else math.nan
        print(
            f"step {self.step} min {self.elapsed_s / 60:.1f} rate {self.learning_rate():.1e} tokens "
            f"{self.tokens_seen / 1e6:.1f}M nats {mean:.4f} validation {nats:.4f}",
            flush=True,
        )
        self._save_best(nats)
        self.save()
