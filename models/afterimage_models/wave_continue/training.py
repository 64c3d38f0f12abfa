"""Crops, loss, schedule, checkpoints and the loop that trains the WaveNet, on one GPU or a CPU."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from . import linear_prediction, own_error
from .adaptive import BLOCK
from .mixture import bits, on_grid
from .network import SAMPLE_RATE, Shape, WaveNet
from .sound_set import SoundSet, load

GRADIENT_LIMIT = 1.0
ANY_SHARE = 0.15
GAIN_DB = (-10.0, 4.0)
NOISE_SHARE, NOISE_DB = 0.6, (-75.0, -35.0)  # of the crop's level, on what is heard, never on what is foretold
OWN_SHARE, OWN_DB = 0.3, (-20.0, -3.0)  # of what the taps miss: the net's own error, in the place of that noise
AHEAD_SHARE, AHEAD = 0.5, 12  # batches whose taps come so many blocks early, as the plugin's tape has them
HEARD_BEFORE = 9600  # samples that a measured crop hears before it counts
CROPS_A_LABEL = 6


@dataclass(frozen=True)
class Settings:
    """What a run is made of; seeds fixed. `seconds`: wall-clock budget, the learning rate follows it."""

    seconds: float = 3600.0
    rows: int = 16
    samples: int = 24_576
    learning_rate: float = 2e-3
    last_learning_rate: float = 3e-5
    warm_up_steps: int = 100
    averaging: float = 0.998  # of the average of the weights, kept at each step
    report_s: float = 30.0
    measured_a_label: int = CROPS_A_LABEL  # crops that a report measures
    seed: int = 20261123


def settings(seconds: float, learning_rate: float) -> Settings:
    """What suits the device: a CPU takes a hundredth of the samples, so it only teaches a trained net on."""
    if learning_device().type == "cuda":
        return Settings(seconds=seconds, learning_rate=learning_rate)
    return Settings(
        seconds=seconds, learning_rate=learning_rate, rows=3, samples=12_288, last_learning_rate=1e-5,
        warm_up_steps=20, averaging=0.98, report_s=600.0, measured_a_label=1,
    )  # fmt: skip


class Crops:
    """Random stretches of a set on one device; every label equally often."""

    def __init__(self, sounds: SoundSet, device: torch.device, longest: int) -> None:
        self.device = device
        joined = np.concatenate([clip.sound for clip in sounds.clips])
        self.sound = torch.from_numpy(joined).to(device)
        lengths = np.array([len(clip.sound) for clip in sounds.clips])
        self.first, self.length = np.cumsum(lengths) - lengths, lengths
        long_enough = lengths > longest
        labels = np.array([clip.label for clip in sounds.clips])
        self.of_label = [np.flatnonzero((labels == k) & long_enough) for k in range(len(sounds.labels))]
        self.present = np.array([k for k, clips in enumerate(self.of_label) if len(clips)])

    def draw(self, rng: np.random.Generator, rows: int, samples: int) -> tuple[Tensor, Tensor]:
        """Sound [rows, samples] and labels [rows]."""
        labels = rng.choice(self.present, rows)
        starts = [self._start(rng, self.of_label[label], samples) for label in labels]
        return self.at(np.array(starts), samples), torch.from_numpy(labels).to(self.device)

    def _start(self, rng: np.random.Generator, clips: np.ndarray, samples: int) -> int:
        room = np.maximum(self.length[clips] - samples, 0).astype(np.float64)
        chosen = rng.choice(clips, p=room / room.sum())
        return int(self.first[chosen] + rng.integers(self.length[chosen] - samples))

    def at(self, starts: np.ndarray, samples: int) -> Tensor:
        """Sound [rows, samples] from `starts` of the flat array."""
        place = torch.from_numpy(starts).to(self.device)[:, None] + torch.arange(samples, device=self.device)
        return self.sound[place]

    def fixed(self, a_label: int, samples: int) -> tuple[Tensor, Tensor]:
        """The same crops at every call, on the grid: `a_label` of each label there is."""
        rng = np.random.default_rng(7)
        labels = np.repeat(self.present, a_label)
        starts = np.array([self._start(rng, self.of_label[label], samples) for label in labels])
        return on_grid(self.at(starts, samples)), torch.from_numpy(labels).to(self.device)


def learning_device() -> torch.device:
    """A GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Trainer:
    """Owns the network, its running average, the optimiser and the clock of one run."""

    def __init__(self, corpus: Path, settings: Settings, checkpoint: Path) -> None:
        self.started = time.monotonic()
        torch.manual_seed(settings.seed)
        torch.backends.cuda.matmul.allow_tf32 = True
        self.settings, self.checkpoint, self.device = settings, checkpoint, learning_device()
        train, test = (load(corpus, split, SAMPLE_RATE) for split in ("train", "test"))
        self.labels = train.labels
        longest = max(settings.samples, 2 * HEARD_BEFORE)
        self.crops, self.held_out = (Crops(sounds, self.device, longest) for sounds in (train, test))
        self.network = WaveNet(Shape(len(train.labels))).to(self.device)
        taps = linear_prediction.common_taps((clip.sound for clip in train.clips), self.network.shape.taps)
        self.network.whitening.copy_(torch.from_numpy(taps))
        self.average = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=1e-3
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.device.type == "cuda")
        self.step = 0
        seconds = sum(len(clip.sound) for clip in train.clips) / SAMPLE_RATE
        print(f"{self.device} {seconds / 60:.1f} min of sound, loaded in {self.elapsed_s():.0f} s", flush=True)

    def elapsed_s(self) -> float:
        """Seconds since the run began, loading included."""
        return time.monotonic() - self.started

    def start_from(self, checkpoint: Path) -> None:
        """Take networks and, where it has them, the optimiser's means of another run; the clock is this run's."""
        saved = torch.load(checkpoint, weights_only=True, map_location=self.device)
        self.network.load_state_dict(saved.get("network", saved["average"]))
        self.average.load_state_dict(saved["average"])
        if "optimiser" in saved:
            self.optimiser.load_state_dict(saved["optimiser"])
        self.step = saved["step"]

    def save(self) -> None:
        """Write the checkpoint in one move, so that an interrupted run never leaves half of one."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimiser")}
        scratch = self.checkpoint.with_suffix(".tmp")
        torch.save(
            parts | {"step": self.step, "shape": asdict(self.network.shape), "labels": self.labels}, scratch
        )  # fmt: skip
        scratch.replace(self.checkpoint)

    def learning_rate(self, step_of_run: int) -> float:
        """Cosine from the first to the last rate over the seconds, after a warm-up."""
        done = min(self.elapsed_s() / self.settings.seconds, 1.0)
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        rate = low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * done))
        return rate * min(1.0, (step_of_run + 1) / self.settings.warm_up_steps)

    def fuse(self) -> None:
        """Compile the layers where the machine has a compiler; a GPU then trains two or three times as fast."""
        for layer in self.network.layers:
            layer.compile(dynamic=False)
        try:
            self.update(np.random.default_rng(0), 0)
            print(f"layers compiled at {self.elapsed_s():.0f} s", flush=True)
        except Exception as error:  # whatever a missing or old compiler says
            print(f"layers not compiled: {str(error)[:200]}", flush=True)
            for layer in self.network.layers:
                layer._compiled_call_impl = None

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """What is heard, what is to be foretold, both [rows, samples], and labels [rows].

        On some of what is heard lies white noise, on some what the net's own errors would have become.
        """
        sound, labels = self.crops.draw(rng, self.settings.rows, self.settings.samples)
        draw = torch.rand(len(sound), 4, 1, device=self.device)
        peak = sound.abs().amax(1, keepdim=True).clamp(min=1e-4)
        gain = torch.minimum(_decibels(draw[:, 0], GAIN_DB), 0.99 / peak)
        sound = on_grid(sound * gain)
        level = sound.pow(2).mean(1, keepdim=True).sqrt()
        noise = torch.randn_like(sound) * level * _decibels(draw[:, 1], NOISE_DB) * (draw[:, 2] < NOISE_SHARE)
        own = draw[:, 2, 0] > 1.0 - OWN_SHARE
        if own.any():
            noise[own] = self.own_noise(sound[own], _decibels(draw[own, 1], OWN_DB), rng)
        labels = torch.where(draw[:, 3, 0] < ANY_SHARE, 0, labels)
        return on_grid(sound + noise), sound, labels

    @torch.no_grad()
    def own_noise(self, sound: Tensor, gain: Tensor, rng: np.random.Generator) -> Tensor:
        """[rows, samples] for `sound` and the gains [rows, 1] of the errors beside what the taps miss."""
        whitened, taps = self.network.followed(sound, AHEAD)
        missed = pad(whitened[:, 1:, 0] - (whitened * taps).sum(-1)[:, :-1], (0, 1))
        whitening = self.network.whitening.cpu().numpy()
        rows = zip(taps[:, ::BLOCK], missed, sound, gain, strict=True)
        made = []
        for row_taps, row_missed, row, row_gain in rows:
            wandered = own_error.wandering(
                row_taps.cpu().numpy(), whitening, row_missed.cpu().numpy(), float(row_gain), rng
            )
            made.append(own_error.no_louder(wandered, row.cpu().numpy()))
        return torch.from_numpy(np.stack(made)).to(sound)

    def update(self, rng: np.random.Generator, step_of_run: int) -> Tensor:
        """One gradient step; bits a sample of its batch."""
        heard, sound, labels = self.batch(rng)
        with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"):
            mixture = self.network(heard, labels, AHEAD if rng.random() < AHEAD_SHARE else 0)
        loss = bits(mixture, sound).mean()
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(step_of_run)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        share = min(self.settings.averaging, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1.0 - share)
        self.step += 1
        return loss.detach()

    def run(self) -> None:
        """Train until the seconds are used, printing and saving as `report_s` says."""
        rng = np.random.default_rng([self.settings.seed, self.step])
        shown, losses, of_run = self.elapsed_s(), [], 0
        while self.elapsed_s() < self.settings.seconds:
            losses.append(self.update(rng, of_run))
            of_run += 1
            # The device runs ahead of the clock unless it is waited for now and then.
            if of_run % 10 == 0:
                losses[-1].item()
            if self.elapsed_s() - shown > self.settings.report_s:
                shown = self.elapsed_s()
                self.report(losses)
                losses = []
        self.report(losses)

    def report(self, losses: list[Tensor]) -> None:
        """Print bits a sample, trained on and held out by label, and save."""
        trained = float(torch.stack(losses).mean()) if losses else float("nan")
        found = held_out_bits(self.average, self.held_out, self.labels, self.settings.measured_a_label)
        shown = " ".join(f"{name} {value:.2f}" for name, value in found.items())
        mean = sum(found.values()) / len(found)
        print(f"step {self.step} s {self.elapsed_s():.0f} bits {trained:.3f} held out {mean:.3f}: {shown}", flush=True)
        self.save()


def _decibels(share: Tensor, span: tuple[float, float]) -> Tensor:
    return 10.0 ** ((span[0] + (span[1] - span[0]) * share) / 20.0)


@torch.no_grad()
def held_out_bits(network: WaveNet, crops: Crops, labels: list[str], a_label: int = CROPS_A_LABEL) -> dict[str, float]:
    """Bits a sample of each label, after `HEARD_BEFORE` samples of the same clip."""
    sound, label = crops.fixed(a_label, 2 * HEARD_BEFORE)
    found = torch.cat([
        bits(network(s, k), s)[:, HEARD_BEFORE:].mean(1) for s, k in zip(sound.split(8), label.split(8), strict=True)
    ])  # fmt: skip
    return {labels[k]: float(found[label == k].mean()) for k in sorted(set(label.tolist()))}
