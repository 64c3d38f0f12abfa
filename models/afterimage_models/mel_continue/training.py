"""Loss, schedule, checkpoints and the loop.

One device, named at the start: the same code trains on a CPU and on a GPU.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..packing import packed, unpacked
from .frames import rounded, spread
from .layout import BANDS, CEILING_DB, FLOOR_DB
from .network import FrameNetwork, Shape
from .sounds import Batch, Corpus, Crops, stretches

GRADIENT_LIMIT = 1.0
WARM_UP_STEPS = 60
AVERAGING = 0.995
REPORT_S, SAVE_S = 45.0, 55.0
LEAST_FRAMES = 128
DRIFT_FRAMES, DRIFT_BANDS = 20, 12  # what drifts together


@dataclass(frozen=True)
class Settings:
    """What a run is made of; seeds fixed. `seconds`: wall-clock budget, which the learning rate follows."""

    seconds: float = 3600.0
    rows: int = 192
    frames: int = 320
    learning_rate: float = 1.2e-3
    last_learning_rate: float = 1e-5
    weight_decay: float = 3e-2
    rival_weight: float = 0.5
    noise_db: float = 2.0  # of each band of each frame before, at most
    drift_db: float = 6.0  # of what a free run gathers over many frames, at most
    noisy_share: float = 0.7
    own_frames: int = 12  # drawn by the net itself, one after another, somewhere in a row
    own_share: float = 0.5  # of the rows that have such a stretch
    own_from_step: int = 200
    seed: int = 20261123


def frames_before(frames_db: Tensor) -> Tensor:
    """The frame before each, silence before the first."""
    return torch.cat([torch.full_like(frames_db[:, :1], FLOOR_DB), frames_db[:, :-1]], 1)


class Nats(NamedTuple):
    """Nats a band: the net's, and those of the rival over the same GRU whose bands know nothing of each other."""

    own: float
    rival: float


@torch.no_grad()
def nats_a_band(network: FrameNetwork, batches: list[Batch], right_label: bool = True) -> Nats:
    """Means over frames as they are."""
    total, count = torch.zeros(2), 0
    for batch in batches:
        target = rounded(batch.frames)
        generator = torch.Generator(target.device).manual_seed(1)
        heard = spread(target, generator)
        label = batch.label if right_label else torch.zeros_like(batch.label)
        nats = network.nats(target, frames_before(heard), heard, label)
        total += torch.stack([n.sum() for n in nats]).cpu()
        count += target.numel()
    return Nats(*(total / count).tolist())


class Trainer:
    """Owns the network, its running average, the optimiser and the clock of a run."""

    def __init__(self, corpus: Corpus, settings: Settings, device: torch.device, checkpoint: Path) -> None:
        self.begun = time.monotonic()
        torch.manual_seed(settings.seed)
        torch.set_float32_matmul_precision("high")
        self.settings, self.device, self.checkpoint = settings, device, checkpoint
        self.labels = corpus.labels
        self.crops = Crops(corpus.split("train"), device, settings.seed)
        self.held_out = stretches(corpus.split("test"), self.crops.analysis, settings.frames, LEAST_FRAMES)
        self.network = FrameNetwork(Shape(labels=len(corpus.labels))).to(device)
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay,
            fused=device.type == "cuda",
        )  # fmt: skip
        self.step, self.first_step, self.log = 0, 0, []

    def resume(self, checkpoint: Path) -> None:
        """Take the network of another run; optimiser and schedule begin anew."""
        saved = torch.load(checkpoint, weights_only=True)
        for network in (self.network, self.average):
            network.load_state_dict(unpacked(saved["network"]))
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
        losses: list[Tensor] = []
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

    def train_step(self) -> Tensor:
        """One gradient step; [2] nats a band, own and rival's."""
        settings = self.settings
        batch = self.crops.batch(settings.rows, settings.frames)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        target = rounded(batch.frames)
        with torch.autocast(self.device.type, torch.bfloat16):
            before = self.disturbed(self.partly_own(frames_before(spread(target)), batch.label))
            nats = self.network.nats(target, before, spread(target), batch.label)
        own, rival = (n.mean() / BANDS for n in nats)
        self.optimiser.zero_grad(set_to_none=True)
        (own + settings.rival_weight * rival).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        share = min(AVERAGING, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            pairs = list(self.average.parameters()), list(self.network.parameters())
            torch._foreach_lerp_(*pairs, 1.0 - share)
        self.step += 1
        return torch.stack([own, rival]).detach()

    def partly_own(self, before: Tensor, label: Tensor) -> Tensor:
        """Some rows with a stretch of frames that the net drew one after another, so that it learns to come back.

        Bengio et al. 2015, "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", sec. 2.4.
        """
        settings = self.settings
        if self.step < settings.own_from_step:
            return before
        rows = round(settings.own_share * len(before))
        first = int(torch.randint(8, settings.frames - settings.own_frames, (1,)))
        drawn = self.average.go_on(before[:rows, :first], label[:rows], settings.own_frames)
        mixed = before.clone()
        mixed[:rows, first : first + settings.own_frames] = drawn
        return mixed

    def disturbed(self, before: Tensor) -> Tensor:
        """The frames before with noise, and with slow drifts of neighbouring bands, each row at levels of its own."""
        rows, frames, _ = before.shape
        settings, device = self.settings, before.device

        def level(most: float) -> Tensor:
            some = torch.rand(rows, 1, 1, device=device) < settings.noisy_share
            return most * torch.rand(rows, 1, 1, device=device) * some

        wide = torch.nn.functional.interpolate(
            self._slow_noise(rows, frames).transpose(1, 2).flatten(0, 1)[:, None], size=frames, mode="linear"
        ).view(rows, DRIFT_BANDS, frames)
        wide = torch.nn.functional.interpolate(wide.transpose(1, 2), size=BANDS, mode="linear")
        noise = level(settings.noise_db) * torch.randn_like(before) + level(settings.drift_db) * wide
        return (before + noise).clamp(FLOOR_DB, CEILING_DB)

    def _slow_noise(self, rows: int, frames: int) -> Tensor:
        """[rows, frames / DRIFT_FRAMES, DRIFT_BANDS], variance 1, zero at first: nothing has drifted yet."""
        noise = torch.randn(rows, frames // DRIFT_FRAMES + 1, DRIFT_BANDS, device=self.device)
        noise[:, 0] = 0.0
        return noise

    def report(self, losses: list[Tensor]) -> None:
        """Print and keep the held-out figures."""
        train = torch.stack(losses).mean(0).tolist() if losses else [0.0, 0.0]
        with torch.autocast(self.device.type, torch.bfloat16):
            named = nats_a_band(self.average, self.held_out)
            open_ = nats_a_band(self.average, self.held_out, right_label=False)
        row = {
            "step": self.step, "seconds": round(self.elapsed_s(), 1), "train": train[0], "train_rival": train[1],
            "test": named.own, "test_any": open_.own, "test_rival": named.rival,
        }  # fmt: skip
        self.log.append(row)
        print(" ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)

    def save(self) -> None:
        """Write the average in one move, weights as they are shipped."""
        saved = {
            "network": packed(self.average.state_dict()), "labels": self.labels,
            "shape": asdict(self.network.shape), "step": self.step, "log": self.log,
        }  # fmt: skip
        scratch = self.checkpoint.with_suffix(".tmp")
        torch.save(saved, scratch)
        scratch.replace(self.checkpoint)
