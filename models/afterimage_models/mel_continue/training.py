"""Loss, schedule, checkpoints and the loop: the net and, on the same batches, its twin without the frequency axis.

One device, named at the start: the same code trains on a CPU and on a GPU.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..packing import packed, unpacked
from .frames import rounded, spread
from .layout import BANDS, CEILING_DB, FLOOR_DB
from .network import FrameNetwork, Shape
from .sounds import Batch, Corpus, Crops, stretches

GRADIENT_LIMIT = 1.0
WARM_UP_STEPS = 60
AVERAGING = 0.998
REPORT_S, SAVE_S = 30.0, 50.0
LEAST_FRAMES = 128


@dataclass(frozen=True)
class Settings:
    """What a run is made of; seeds fixed. `seconds`: wall-clock budget, which the learning rate follows."""

    seconds: float = 3600.0
    rows: int = 128
    frames: int = 448
    learning_rate: float = 1e-3
    last_learning_rate: float = 1e-5
    weight_decay: float = 3e-2
    noise_db: float = 2.5  # of the frames before, at most; a free run hears its own errors
    noisy_share: float = 0.6
    own_share: float = 0.15  # of the frames before that are the net's own draws
    own_from_step: int = 300
    seed: int = 20261123


def frames_before(frames_db: Tensor) -> Tensor:
    """The frame before each, silence before the first."""
    return torch.cat([torch.full_like(frames_db[:, :1], FLOOR_DB), frames_db[:, :-1]], 1)


class Learner:
    """A network with its running average and optimiser."""

    def __init__(self, shape: Shape, device: torch.device, settings: Settings) -> None:
        self.network = FrameNetwork(shape).to(device)
        self.average = copy.deepcopy(self.network).eval()
        self.settings, self.device = settings, device
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay,
            fused=device.type == "cuda",
        )  # fmt: skip

    def learn(self, batch: Batch, before_db: Tensor, rate: float, step: int) -> Tensor:
        """One gradient step; nats a band."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        target = rounded(batch.frames)
        with torch.autocast(self.device.type, torch.bfloat16):
            nats = self.network.nats(target, before_db, spread(target), batch.label)
        loss = nats.mean() / BANDS
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        share = min(AVERAGING, (step + 1) / (step + 10))
        with torch.no_grad():
            mine, theirs = list(self.average.parameters()), list(self.network.parameters())
            torch._foreach_lerp_(mine, theirs, 1.0 - share)
        return loss.detach()


@torch.no_grad()
def nats_a_band(network: FrameNetwork, batches: list[Batch], right_label: bool = True) -> float:
    """Mean nats a band, of frames as they are."""
    total, count = 0.0, 0
    for batch in batches:
        target = rounded(batch.frames)
        generator = torch.Generator(target.device).manual_seed(1)
        heard = spread(target, generator)
        label = batch.label if right_label else torch.zeros_like(batch.label)
        nats = network.nats(target, frames_before(heard), heard, label)
        total, count = total + float(nats.sum()), count + nats.numel() * BANDS
    return total / count


class Trainer:
    """Owns both learners and the clock of a run."""

    def __init__(self, corpus: Corpus, settings: Settings, device: torch.device, checkpoint: Path) -> None:
        self.begun = time.monotonic()
        torch.manual_seed(settings.seed)
        torch.set_float32_matmul_precision("high")
        self.settings, self.device, self.checkpoint = settings, device, checkpoint
        self.labels = corpus.labels
        self.crops = Crops(corpus.split("train"), device, settings.seed)
        self.held_out = stretches(corpus.split("test"), self.crops.analysis, settings.frames, LEAST_FRAMES)
        shape = Shape(labels=len(corpus.labels))
        self.learner = Learner(shape, device, settings)
        self.twin = Learner(replace(shape, across=False), device, settings)
        self.step, self.first_step, self.log = 0, 0, []

    def resume(self, checkpoint: Path) -> None:
        """Take the networks of another run; optimisers and schedule begin anew."""
        saved = torch.load(checkpoint, weights_only=True)
        for learner, state in ((self.learner, saved["network"]), (self.twin, unpacked(saved["twin"]))):
            learner.network.load_state_dict(state)
            learner.average.load_state_dict(state)
        self.step, self.first_step, self.log = saved["step"], saved["step"], saved["log"]

    def elapsed_s(self) -> float:
        """Seconds since the run began, reading included."""
        return time.monotonic() - self.begun

    def learning_rate(self) -> float:
        """Cosine from the first to the last rate over the budget, after a warm-up."""
        done = min(self.elapsed_s() / self.settings.seconds, 1.0)
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        rate = low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * done))
        return rate * min(1.0, (self.step - self.first_step + 1) / WARM_UP_STEPS)

    def run(self) -> None:
        """Train until the seconds are used."""
        shown = saved = self.elapsed_s()
        print(f"read {shown:.1f} s, {len(self.crops.flat) / 22050 / 60:.1f} min of sound", flush=True)
        losses: list[tuple[Tensor, Tensor]] = []
        while self.elapsed_s() < self.settings.seconds:
            losses.append(self.train_step())
            if self.elapsed_s() - shown > REPORT_S:
                self.report(losses)
                shown, losses = self.elapsed_s(), []
            if self.elapsed_s() - saved > SAVE_S:
                self.save()
                saved = self.elapsed_s()
        self.report(losses)
        self.save()

    def train_step(self) -> tuple[Tensor, Tensor]:
        """Both learners on one batch; their nats a band."""
        batch = self.crops.batch(self.settings.rows, self.settings.frames)
        before = frames_before(spread(rounded(batch.frames)))
        rate = self.learning_rate()
        twin = self.twin.learn(batch, self.noisy(before), rate, self.step)
        own = self.learner.learn(batch, self.noisy(self.partly_own(before, batch.label)), rate, self.step)
        self.step += 1
        return own, twin

    def partly_own(self, before: Tensor, label: Tensor) -> Tensor:
        """Some of the frames before replaced by what the net would have drawn there.

        Mihaylova & Martins 2019, "Scheduled Sampling for Transformers", sec. 3.
        """
        if self.step < self.settings.own_from_step:
            return before
        with torch.autocast(self.device.type, torch.bfloat16):
            drawn = self.learner.average.drawn(before, label)
        chosen = torch.rand(before.shape[:2], device=before.device) < self.settings.own_share
        # What is drawn after frame n stands for frame n + 1.
        return torch.where(chosen[:, :, None], frames_before(drawn), before)

    def noisy(self, before: Tensor) -> Tensor:
        """The frames before with noise of a level of each row's own: of each band, and of all bands together."""
        rows = before.shape[0]
        level = self.settings.noise_db * torch.rand(rows, 1, 1, device=before.device)
        level = level * (torch.rand(rows, 1, 1, device=before.device) < self.settings.noisy_share)
        together = torch.randn(*before.shape[:2], 1, device=before.device)
        noise = torch.randn_like(before) + 0.5 * together
        return (before + level * noise).clamp(FLOOR_DB, CEILING_DB)

    def report(self, losses: list[tuple[Tensor, Tensor]]) -> None:
        """Print and keep the held-out figures."""
        own, twin = (float(torch.stack(column).mean()) for column in zip(*losses, strict=True)) if losses else (0, 0)
        with torch.autocast(self.device.type, torch.bfloat16):
            row = {
                "step": self.step, "seconds": round(self.elapsed_s(), 1), "train": own, "train_twin": twin,
                "test": nats_a_band(self.learner.average, self.held_out),
                "test_any": nats_a_band(self.learner.average, self.held_out, right_label=False),
                "test_twin": nats_a_band(self.twin.average, self.held_out),
            }  # fmt: skip
        self.log.append(row)
        print(" ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)

    def save(self) -> None:
        """Write the averages in one move; half precision, the twin packed: it is only measured."""
        half = {name: value.half().cpu() for name, value in self.learner.average.state_dict().items()}
        saved = {
            "network": half, "twin": packed(self.twin.average.state_dict()), "labels": self.labels,
            "shape": asdict(self.learner.network.shape), "step": self.step, "log": self.log,
        }  # fmt: skip
        scratch = self.checkpoint.with_suffix(".tmp")
        torch.save(saved, scratch)
        scratch.replace(self.checkpoint)
