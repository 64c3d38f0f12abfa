"""Goes on from a trained run: recordings as they were, to their tails, and made-up hits that follow their knobs.

The encoder and its latents stay as they are. A step has both halves, since either alone undoes the other: recordings
hold the generator to what it learned, also where it is quiet, and hits that nobody recorded are held to their knobs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .frames import KNOTS
from .hit_set import Batch, HitSet
from .kit import LATENT
from .network import condition, expected_level, hearing_bands, soft_gate
from .regressor import Regressor
from .training import ERROR_DB, MadeUp, Settings, Trainer

SETTINGS = Settings(batch=28, learning_rate=6e-4, critic_rate=6e-4, control_weight=4.0)
RECORDED = 16  # of a batch; the others lend their classes and knobs
CRITIC_EVERY = 2
BAND_WEIGHT = 1.0
BAND_FLOOR_DB = -85.0
# Grain stands in for what the generator does not draw, too: by the measured noisiness encoded training hits moved from
# bin to bin and frame to frame .5 to .8 times as much as recorded, and its root took their recall from .33 to .40.
GRAIN_CURVE = 0.5
ANYWHERE = 0.5  # share of made-up hits whose knobs lie anywhere; the others have a recording's


def even_misfit(level: Tensor, target: Tensor, cell_weight: Tensor) -> Tensor:
    """Absolute error in units of ERROR_DB of levels [batch, knots, BINS], a quiet cell counting as much as a loud one.

    A tail or a floor that is off tells a made hit from a recording at once, to a judge that reads logarithms.
    """
    drawn, wanted = soft_gate(level) / ERROR_DB, soft_gate(target) / ERROR_DB
    error = functional.smooth_l1_loss(drawn, wanted, beta=0.25, reduction="none")
    return (error * cell_weight).mean() / cell_weight.mean()


class BandMisfit(torch.nn.Module):
    """Absolute error of the levels of bands of hearing, in units of ERROR_DB: noise of equal power counts as equal.

    Source: the spectral loss of Engel et al. 2020, "DDSP", sec. 4.2.1, its logarithmic part, in bands and of levels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bands", torch.tensor(hearing_bands(), dtype=torch.float32), persistent=False)
        steps = np.sqrt(np.gradient(KNOTS.astype(np.float64)))
        self.register_buffer("steps", torch.tensor(steps / steps.mean(), dtype=torch.float32), persistent=False)

    def levels(self, level: Tensor) -> Tensor:
        """Levels in dB [batch, knots, bands] of levels [batch, knots, BINS]."""
        power = torch.exp(level * (np.log(10.0) / 10.0)) @ self.bands
        return 10.0 / np.log(10.0) * torch.log(power + 10.0 ** (BAND_FLOOR_DB / 10.0))

    def forward(self, heard: Tensor, target: Tensor) -> Tensor:
        """Of levels [batch, knots, BINS] in dB, with their grain."""
        error = (self.levels(heard) - self.levels(target)).abs().mean((0, 2)) / ERROR_DB
        return (error * self.steps).mean()


class Finisher(Trainer):
    """A trainer whose encoder stays."""

    def __init__(self, hits: HitSet, settings: Settings, checkpoint: Path, regressor: Regressor) -> None:
        super().__init__(hits, settings, checkpoint, regressor)
        self.band_misfit = BandMisfit()
        self.optimiser = torch.optim.AdamW(
            self.generator.parameters(), settings.learning_rate, betas=(0.8, 0.99), weight_decay=1e-4
        )

    def resume(self) -> None:
        """Continue from the checkpoint if there is one, of a finisher."""
        try:
            super().resume()
        except ValueError as error:  # what an optimiser of other parameters raises
            told = f"{self.checkpoint} is of a run without --start: move it away, or leave --start out"
            raise SystemExit(told) from error

    @property
    def adversarial(self) -> bool:
        """The critic has its say, every CRITIC_EVERY steps a new one."""
        return True

    def made_up(self, batch: Batch) -> MadeUp:
        """Hits of random latents, and of knobs of recordings or from anywhere, of the classes of a batch."""
        knobs = torch.clamp(batch.knobs, 0.0, 1.0)
        knobs = torch.where(torch.rand(len(knobs), 1) < ANYWHERE, torch.rand(knobs.shape), knobs)
        given = condition(batch.label, knobs)
        white = torch.randn(len(knobs), LATENT)
        latent = (white.unsqueeze(1) @ self.spread[batch.label])[:, 0] + self.mean[batch.label]
        return MadeUp(self.heard(*self.generator(latent, given)), white, given, batch.label, knobs)

    def make_step(self, batch: Batch) -> dict[str, float]:
        """One step of the generator."""
        settings = self.settings
        real, lent = part(batch, slice(RECORDED)), part(batch, slice(RECORDED, None))
        given = condition(real.label, real.knobs)
        with torch.no_grad():
            mean, log_variance = self.average_encoder.eval()(real.level, given)
        latent = mean + torch.randn(mean.shape) * (0.5 * log_variance).exp()
        level, noisiness = self.generator(latent, given)
        fit = even_misfit(level + self.leveller(expected_level(level, noisiness)), real.level, self.cell_weight)
        bands = self.band_misfit(self.heard(level, noisiness), soft_gate(real.level))
        grained = (real.noisiness @ self.generator.bands.T) ** GRAIN_CURVE
        uneven = functional.mse_loss(noisiness, grained)
        made = self.made_up(lent)
        control = self.control_loss(made)
        fooled = self._fooled(made.heard, made.given)
        loss = fit + BAND_WEIGHT * bands + settings.noisiness_weight * uneven + settings.control_weight * control
        loss = loss + settings.adversarial_weight * fooled
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._apply(self.optimiser, settings.learning_rate, 5.0)
        self._average()
        parts = {"fit": fit, "bands": bands, "uneven": uneven, "control": control, "fooled": fooled}
        return {name: value.item() for name, value in parts.items()}

    def _fooled(self, heard: Tensor, given: Tensor) -> Tensor:
        self.critic.requires_grad_(False)
        score, patches, _ = self.critic(heard, given)
        self.critic.requires_grad_(True)
        return -(score.mean() + patches.mean())

    def critic_step(self, batch: Batch) -> dict[str, float]:
        """A step of the critic, recordings against made-up hits, where it is its turn."""
        if self.step % CRITIC_EVERY:
            return {}
        with torch.no_grad():
            made = self.made_up(batch)
        real = self.critic(soft_gate(batch.level), condition(batch.label, batch.knobs))
        fake = self.critic(made.heard, made.given)
        loss = sum(functional.relu(1.0 - score).mean() for score in real[:2])
        loss = loss + sum(functional.relu(1.0 + score).mean() for score in fake[:2])
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._apply(self.critic_optimiser, self.settings.critic_rate, 10.0)
        return {"critic": loss.item()}


def part(batch: Batch, rows: slice) -> Batch:
    """Some hits of a batch."""
    return Batch(*(getattr(batch, name)[rows] for name in ("level", "noisiness", "label", "knobs")))
