"""Goes on from a trained run: holds made-up hits to their knobs, and leaves the encoder and its latents as they are.

A step costs about half of a training step's, and most of that goes to hits that nobody recorded: those are what knobs
ask for. Recordings keep the generator where it was.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from .hit_set import Batch, HitSet
from .network import condition, expected_level, soft_gate
from .regressor import Regressor
from .training import Settings, Trainer, misfit

SETTINGS = Settings(batch=24, learning_rate=6e-4, critic_rate=6e-4, control_weight=4.0)
RECORDED = 6  # of a batch; the others lend their classes and knobs
CRITIC_EVERY = 2


class Finisher(Trainer):
    """A trainer whose encoder stays."""

    def __init__(self, hits: HitSet, settings: Settings, checkpoint: Path, regressor: Regressor) -> None:
        super().__init__(hits, settings, checkpoint, regressor)
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

    def make_step(self, batch: Batch) -> dict[str, float]:
        """One step of the generator."""
        settings = self.settings
        real = Batch(*(getattr(batch, name)[:RECORDED] for name in ("level", "noisiness", "label", "knobs")))
        given = condition(real.label, real.knobs)
        with torch.no_grad():
            mean, log_variance = self.average_encoder.eval()(real.level, given)
        latent = mean + torch.randn(mean.shape) * (0.5 * log_variance).exp()
        level, noisiness = self.generator(latent, given)
        fit = misfit(level + self.leveller(expected_level(level, noisiness)), real.level, self.cell_weight)
        uneven = functional.mse_loss(noisiness, real.noisiness @ self.generator.bands.T)
        made = self.made_up(batch)
        control = self.control_loss(made)
        fooled = self._fooled(made.heard, made.given)
        loss = fit + settings.noisiness_weight * uneven + settings.control_weight * control
        loss = loss + settings.adversarial_weight * fooled
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._apply(self.optimiser, settings.learning_rate, 5.0)
        self._average()
        return {"fit": fit.item(), "uneven": uneven.item(), "control": control.item(), "fooled": fooled.item()}

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
        loss = sum(functional.relu(1.0 - part).mean() for part in real[:2])
        loss = loss + sum(functional.relu(1.0 + part).mean() for part in fake[:2])
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._apply(self.critic_optimiser, self.settings.critic_rate, 10.0)
        return {"critic": loss.item()}
