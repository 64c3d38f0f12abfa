"""Training in two phases: a variational autoencoder that knows how noisy each cell is, then an adversarial one.

Loss of the first: error of the levels in dB, error of the noisiness, and the divergence to the unit normal. The
second adds a critic with a hinge loss (Lim, Ye 2017, "Geometric GAN"),
feature matching (Larsen et al. 2016, "Autoencoding beyond pixels"), and hits of random latents and knobs, which a
fixed regressor of the descriptors holds to their knobs.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spectrum import GATE_DB
from .axes import class_spaces
from .frames import BINS, KNOTS
from .grain import TABLE_FRAMES, grain_table
from .hit_set import HELD_OUT, TRAIN, Batch, HitSet
from .kit import LATENT
from .network import (
    CLASSES,
    Critic,
    Encoder,
    Generator,
    Leveller,
    condition,
    expected_level,
    soft_gate,
    with_grain,
)  # fmt: skip
from .regressor import Regressor

AVERAGING = 0.998
FREE_NATS = 1.5  # an axis: Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow", C.8
MOVED = 0.5  # share of the knobs of made-up hits that no hit of the class may have had together
REPORT_S = 120.0
KNOB_WEIGHTS = (2.0, 1.0, 2.0, 1.0)  # of `descriptors.NAMES`: brightness and roughness are heeded least
CLASS_EVERY = 400  # steps between two looks at where the classes' latents lie
ERROR_DB = 4.0
LOW_BINS = 20.0  # a bin counts as 1 / (its number + LOW_BINS), about as bandwidths of hearing do
STATE = ("encoder", "generator", "critic", "average_encoder", "average_generator", "optimiser", "critic_optimiser")


@dataclass(frozen=True)
class Settings:
    """What a run is made of. `minutes`: wall-clock budget; `first_share` of it without the critic."""

    minutes: float = 45.0
    first_share: float = 0.38
    batch: int = 16
    learning_rate: float = 1e-3
    critic_rate: float = 1e-3
    last_share: float = 0.03
    divergence_weight: float = 0.002
    noisiness_weight: float = 5.0
    adversarial_weight: float = 0.05
    matching_weight: float = 4.0
    control_weight: float = 3.0
    seed: int = 20261122


@dataclass(frozen=True)
class MadeUp:
    """Hits that nobody recorded: `heard` [batch, knots, BINS] in dB, what they were made from; `white` [batch, LATENT]:
    their latents in units of the class's spread.
    """

    heard: Tensor
    white: Tensor
    given: Tensor
    label: Tensor
    knobs: Tensor


def cell_weights() -> Tensor:
    """[1, knots, BINS]: knots that stand for many frames weigh more, and low bins, which fill more of the ear."""
    steps = np.sqrt(np.gradient(KNOTS.astype(np.float64)))
    bins = 1.0 / (np.arange(BINS) + LOW_BINS)
    return torch.tensor(steps[None, :, None] * (bins / bins.mean())[None, None, :], dtype=torch.float32)


def misfit(level: Tensor, target: Tensor, cell_weight: Tensor) -> Tensor:
    """Absolute error in units of ERROR_DB, weighed by `cell_weight` and by loudness: its best guess is a median."""
    heard = torch.clamp(target, min=GATE_DB)
    error = functional.smooth_l1_loss(soft_gate(level) / ERROR_DB, heard / ERROR_DB, beta=0.25, reduction="none")
    weight = (0.15 + torch.clamp((heard - GATE_DB) / 50.0, 0.0, 1.0)) * cell_weight
    return (error * weight).sum() / weight.sum()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence to the unit normal in nats [LATENT], averaged over the batch."""
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).mean(0)


class Trainer:
    """Owns networks, running averages, optimisers and the clock of a resumable run."""

    def __init__(self, hits: HitSet, settings: Settings, checkpoint: Path, regressor: Regressor) -> None:
        torch.manual_seed(settings.seed)
        self.hits, self.settings, self.checkpoint = hits, settings, checkpoint
        self.regressor = regressor.eval().requires_grad_(False)
        self.encoder, self.generator, self.critic = Encoder(), Generator(), Critic()
        self.average_encoder, self.average_generator = copy.deepcopy(self.encoder), copy.deepcopy(self.generator)
        made = [*self.encoder.parameters(), *self.generator.parameters()]
        self.optimiser = torch.optim.AdamW(made, settings.learning_rate, betas=(0.8, 0.99), weight_decay=1e-4)
        self.critic_optimiser = torch.optim.AdamW(self.critic.parameters(), settings.critic_rate, betas=(0.5, 0.99))
        self.leveller = Leveller(KNOTS)
        self.grain = torch.from_numpy(grain_table())
        self.cell_weight = cell_weights()
        self.rng = np.random.default_rng(settings.seed)
        self.knob_weights = torch.tensor(KNOB_WEIGHTS)
        # Drawn as a pack's knobs draw them: from where the encodings of a class's hits lie, once they lie somewhere.
        self.spread, self.mean = torch.eye(LATENT).repeat(CLASSES, 1, 1), torch.zeros(CLASSES, LATENT)
        self.step, self.elapsed_s = 0, 0.0

    def resume(self) -> None:
        """Continue from the checkpoint if there is one."""
        if self.checkpoint.exists():
            saved = torch.load(self.checkpoint, weights_only=True)
            for name in STATE:
                getattr(self, name).load_state_dict(saved[name])
            self.step, self.elapsed_s = saved["step"], saved["elapsed_s"]
            self.rng = np.random.default_rng([self.settings.seed, self.step])

    def start_from(self, checkpoint: Path) -> None:
        """Take the averaged networks and the critic of another run, shipped or not, with a clock of its own."""
        saved = torch.load(checkpoint, weights_only=True)
        for name in ("encoder", "generator"):
            for network in (getattr(self, name), getattr(self, f"average_{name}")):
                network.load_state_dict(saved[f"average_{name}"])
        self.critic.load_state_dict(saved["critic"])

    def save(self) -> None:
        """Write the checkpoint in one move, so that an interrupted run never leaves half of one."""
        state = {name: getattr(self, name).state_dict() for name in STATE}
        scratch = self.checkpoint.with_suffix(".tmp")
        torch.save(state | {"step": self.step, "elapsed_s": self.elapsed_s}, scratch)
        scratch.replace(self.checkpoint)

    @property
    def done(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        return min(self.elapsed_s / (60.0 * self.settings.minutes), 1.0)

    @property
    def adversarial(self) -> bool:
        """Whether the critic has a say yet."""
        return self.done >= self.settings.first_share

    def draw_grain(self, count: int) -> Tensor:
        """Grain [count, knots, BINS] from random places of the table."""
        starts = self.rng.integers(0, TABLE_FRAMES - KNOTS[-1], count)
        return self.grain[torch.from_numpy(starts[:, None] + KNOTS[None, :])]

    def heard(self, level: Tensor, noisiness: Tensor) -> Tensor:
        """What the pack would play at the knots."""
        return soft_gate(with_grain(level, noisiness, self.draw_grain(len(level)), self.leveller))

    def made_up(self, batch: Batch) -> MadeUp:
        """Hits of random latents, and of knobs that no recording has, of the classes of half a batch."""
        label = batch.label[::2]
        knobs = torch.clamp(batch.knobs[::2], 0.0, 1.0)
        knobs = torch.where(torch.rand(knobs.shape) < MOVED, torch.rand(knobs.shape), knobs)
        given = condition(label, knobs)
        white = torch.randn(len(knobs), LATENT)
        latent = (white.unsqueeze(1) @ self.spread[label])[:, 0] + self.mean[label]
        return MadeUp(self.heard(*self.generator(latent, given)), white, given, label, knobs)

    def control_loss(self, made: MadeUp) -> Tensor:
        """How far the descriptors of hits lie from their knobs."""
        off = functional.smooth_l1_loss(self.regressor(made.heard, made.label), made.knobs, beta=0.05, reduction="none")
        return (off * self.knob_weights).mean() * 4.0

    def look_at_classes(self) -> None:
        """Find where the classes' latents lie now."""
        spread, mean = class_spaces(self.average_encoder.eval(), self.hits)
        self.spread, self.mean = torch.tensor(spread).float(), torch.tensor(mean).float()

    def make_step(self, batch: Batch) -> dict[str, float]:
        """One step of encoder and generator."""
        settings = self.settings
        given = condition(batch.label, batch.knobs)
        mean, log_variance = self.encoder(batch.level, given)
        latent = mean + torch.randn(mean.shape) * (0.5 * log_variance).exp()
        level, noisiness = self.generator(latent, given)
        gain = self.leveller(expected_level(level, noisiness))
        fit = misfit(level + gain, batch.level, self.cell_weight)
        uneven = functional.mse_loss(noisiness, batch.noisiness @ self.generator.bands.T)
        nats = divergence(mean, log_variance)
        loss = (
            fit
            + settings.noisiness_weight * uneven
            + settings.divergence_weight * torch.clamp(nats, min=FREE_NATS).sum()
        )
        shown = {"fit": fit.item(), "uneven": uneven.item(), "nats": nats.sum().item()}
        if self.done > 0.1:
            made = self.made_up(batch)
            control = self.control_loss(made)
            loss = loss + settings.control_weight * control
            shown["control"] = control.item()
            if self.adversarial:
                loss = loss + self._deceive(batch, given, self.heard(level, noisiness), made, shown)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._apply(self.optimiser, settings.learning_rate, 5.0)
        self._average()
        return shown

    def _deceive(self, batch: Batch, given: Tensor, again: Tensor, made: MadeUp, shown: dict[str, float]) -> Tensor:
        self.critic.requires_grad_(False)
        with torch.no_grad():
            real = self.critic(soft_gate(batch.level), given)[2]
        score, patches, seen = self.critic(again, given)
        matching = sum((a - b).abs().mean() for a, b in zip(seen, real, strict=True)) / len(seen)
        made_score, made_patches, _ = self.critic(made.heard, made.given)
        fooled = -(score.mean() + patches.mean() + made_score.mean() + made_patches.mean())
        self.critic.requires_grad_(True)
        shown |= {"matching": matching.item(), "fooled": fooled.item()}
        return self.settings.matching_weight * matching + self.settings.adversarial_weight * fooled

    def critic_step(self, batch: Batch) -> dict[str, float]:
        """One step of the critic: recordings against encoded hits and made-up ones."""
        given = condition(batch.label, batch.knobs)
        with torch.no_grad():
            again = self.heard(*self.generator(self.encoder(batch.level, given)[0], given))
            made = self.made_up(batch)
        real = self.critic(soft_gate(batch.level), given)
        fakes = (self.critic(again, given), self.critic(made.heard, made.given))
        loss = sum(functional.relu(1.0 - part).mean() for part in real[:2])
        for fake in fakes:
            loss = loss + 0.5 * sum(functional.relu(1.0 + part).mean() for part in fake[:2])
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._apply(self.critic_optimiser, self.settings.critic_rate, 10.0)
        return {"critic": loss.item()}

    def _apply(self, optimiser: torch.optim.Optimizer, rate: float, limit: float) -> None:
        low = self.settings.last_share
        share = (low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * self.done))) * min(1.0, (self.step + 1) / 200.0)
        for group in optimiser.param_groups:
            group["lr"] = rate * share
        norm = nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], limit)
        if torch.isfinite(norm):  # one wild batch must not undo an hour
            optimiser.step()

    @torch.no_grad()
    def _average(self) -> None:
        share = min(AVERAGING, (self.step + 1) / (self.step + 10))
        for average, network in ((self.average_encoder, self.encoder), (self.average_generator, self.generator)):
            for a, b in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(b, 1.0 - share)

    def run(self) -> None:
        """Train until the minutes are used, printing and saving every REPORT_S."""
        last, shown_at = time.monotonic(), -1e9
        rows: list[dict[str, float]] = []
        looked_at: int | None = None
        while self.done < 1.0:
            if self.adversarial and (looked_at is None or self.step >= looked_at + CLASS_EVERY):
                self.look_at_classes()
                looked_at = self.step
            batch = self.hits.batch(self.settings.batch, self.rng)
            row = self.make_step(batch)
            if self.adversarial:
                row |= self.critic_step(self.hits.batch(self.settings.batch // 2, self.rng))
            rows.append(row)
            self.step += 1
            now = time.monotonic()
            self.elapsed_s, last = self.elapsed_s + now - last, now
            if self.elapsed_s - shown_at > REPORT_S or self.step == 50:
                shown_at = self.elapsed_s
                self._report(rows)
                rows = []
                self.save()
        self._report(rows)
        self.save()

    @torch.no_grad()
    def measure(self, split: int) -> float:
        """Root mean square error in dB of the median level over a split's audible cells, latents encoded."""
        batch = self.hits.whole(self.hits.rows(split)[:64])
        given = condition(batch.label, batch.knobs)
        self.average_encoder.eval()
        level, noisiness = self.average_generator(self.average_encoder(batch.level, given)[0], given)
        level = level + self.leveller(expected_level(level, noisiness))
        error = soft_gate(level) - torch.clamp(batch.level, min=GATE_DB)
        return float(error.square().mean((1, 2)).sqrt().mean())

    def _report(self, rows: list[dict[str, float]]) -> None:
        names = sorted({name for row in rows for name in row})
        means = {n: round(float(np.mean([row[n] for row in rows if n in row])), 3) for n in names}
        scores = {"train": round(self.measure(TRAIN), 2), "held out": round(self.measure(HELD_OUT), 2)}
        print(f"step {self.step} min {self.elapsed_s / 60:.1f} {means} rms dB {scores}", flush=True)
