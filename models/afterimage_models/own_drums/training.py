"""Finds the latents of a user's hits in the drum GAN, and moves its generator towards them without losing the rest.

Every hit has a latent of its own, found by going downhill, as has every class its place of the descriptor knobs.
Source: Bojanowski et al. 2018, "Optimizing the latent space of generative networks", sec. 3.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..adversarial.run import Clock, apply, follow, save
from ..drum_gan.frames import KNOTS
from ..drum_gan.kit import LATENT
from ..drum_gan.network import CLASSES, DESCRIPTORS, Encoder, Generator, Leveller, condition, expected_level, soft_gate
from ..drum_gan.training import cell_weights, misfit
from .shipped import Shipped
from .targets import Targets

BATCH, REHEARSED = 12, 12
REHEARSAL_WEIGHT, NOISINESS_WEIGHT, LATENT_WEIGHT = 0.6, 5.0, 3e-3
PLACING_STEPS, PLACING_RATE = 160, 0.06
RATE, PLACES_RATE, LAST_SHARE, LIMIT = 4e-4, 0.02, 0.05, 5.0
WARM_UP_STEPS = 20.0  # the networks are trained already, and minutes are few
REPORT_S = 15.0
MINUTES_A_HIT, MIN_MINUTES, MAX_MINUTES = 0.2, 2.0, 15.0
KNOB_LIMITS = (-0.25, 1.25)  # as the generator was trained
SEED = 20261123


def minutes_for(hits: int) -> float:
    """Minutes of training on one core by the number of hits: 2 for the least, 15 for 75 and more."""
    return min(max(MINUTES_A_HIT * hits, MIN_MINUTES), MAX_MINUTES)


@dataclass(frozen=True)
class Places:
    """Where hits lie: `latent` [hits, LATENT], the generator's own; `knobs` [CLASSES, DESCRIPTORS], of every class."""

    latent: Tensor
    knobs: Tensor


def loss_of(generator: Generator, places: Places, hits: Targets, cell_weight: Tensor, leveller: Leveller) -> Tensor:
    """How far the generator's hits at `places` are from `hits`."""
    knobs = places.knobs.clamp(*KNOB_LIMITS)[hits.label]
    level, noisy = generator(places.latent, condition(hits.label, knobs))
    fit = misfit(level + leveller(expected_level(level, noisy)), hits.level, cell_weight)
    return fit + NOISINESS_WEIGHT * functional.mse_loss(noisy, hits.noisiness @ generator.bands.T)


def guess(encoder: Encoder, hits: Targets) -> Tensor:
    """Latents [hits, LATENT] at the first glance, descriptor knobs in the middle."""
    with torch.no_grad():
        middle = torch.full((len(hits), DESCRIPTORS), 0.5)
        return encoder(hits.level, condition(hits.label, middle))[0]


def place(
    shipped: Shipped, generator: Generator, hits: Targets, knobs: Tensor | None = None
) -> Places:  # fmt: skip
    """The hits' best places in a generator that stays as it is. `knobs`: of the classes, found too where not given."""
    latent = guess(shipped.encoder, hits).requires_grad_(True)
    own = (torch.full((CLASSES, DESCRIPTORS), 0.5) if knobs is None else knobs).clone()
    own.requires_grad_(knobs is None)
    cell_weight, leveller = cell_weights(), Leveller(KNOTS)
    optimiser = torch.optim.Adam([latent, own] if knobs is None else [latent], PLACING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, PLACING_STEPS)
    for _ in range(PLACING_STEPS):
        rows = torch.randperm(len(hits))[: 2 * BATCH]
        part = hits.rows(rows.numpy())
        loss = loss_of(generator, Places(latent[rows], own), part, cell_weight, leveller)
        loss = loss + LATENT_WEIGHT * shipped.far(latent[rows], part.label)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return Places(latent.detach(), own.detach().clamp(*KNOB_LIMITS))


class OwnTrainer:
    """Owns the generator, the hits' places and the clock of a resumable run."""

    def __init__(self, shipped: Shipped, hits: Targets, minutes: float, checkpoint: Path) -> None:
        torch.manual_seed(SEED)
        self.shipped, self.hits, self.checkpoint = shipped, hits, checkpoint
        self.generator = copy.deepcopy(shipped.generator).requires_grad_(True)
        self.average = copy.deepcopy(shipped.generator)
        self.clock = Clock(60.0 * minutes, warm_up_steps=WARM_UP_STEPS)
        self.latent = torch.nn.Parameter(torch.zeros(len(hits), LATENT))
        self.knobs = torch.nn.Parameter(torch.full((CLASSES, DESCRIPTORS), 0.5))
        self.optimiser = torch.optim.AdamW(self.generator.parameters(), betas=(0.8, 0.99), weight_decay=0.0)
        self.placing = torch.optim.Adam([self.latent, self.knobs])
        self.cell_weight, self.leveller = cell_weights(), Leveller(KNOTS)

    def start_at(self, places: Places) -> None:
        """Begin at these places."""
        self.latent.data.copy_(places.latent)
        self.knobs.data.copy_(places.knobs)

    def resume(self) -> bool:
        """Go on from the checkpoint if there is one."""
        if not self.checkpoint.exists():
            return False
        saved = torch.load(self.checkpoint, weights_only=True)
        self.generator.load_state_dict(saved["generator"])
        self.average.load_state_dict(saved["average"])
        self.start_at(Places(saved["latent"], saved["knobs"]))
        self.clock.elapsed_s, self.clock.step = saved["elapsed_s"], saved["step"]
        return True

    def save(self) -> None:
        """Write what can be gone on from."""
        state = {"generator": self.generator.state_dict(), "average": self.average.state_dict()}
        state |= {"latent": self.latent.detach(), "knobs": self.knobs.detach()}
        save(state | {"elapsed_s": self.clock.elapsed_s, "step": self.clock.step}, self.checkpoint)

    def rehearsal(self) -> Tensor:
        """Distance from the shipped generator at random drums, latents and knobs.

        Source: Robins 1995, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal", sec. 5.
        """
        label = torch.randint(0, CLASSES, (REHEARSED,))
        latent = self.shipped.inner(torch.randn(REHEARSED, LATENT), label)
        given = condition(label, torch.rand(REHEARSED, DESCRIPTORS))
        with torch.no_grad():
            known, known_noise = self.shipped.generator(latent, given)
        level, noisy = self.generator(latent, given)
        return misfit(level, soft_gate(known), self.cell_weight) + NOISINESS_WEIGHT * functional.mse_loss(
            noisy, known_noise
        )

    def make_step(self) -> dict[str, float]:
        """One step of the generator and of the places."""
        rows = torch.randperm(len(self.hits))[:BATCH]
        part = self.hits.rows(rows.numpy())
        own = loss_of(self.generator, Places(self.latent[rows], self.knobs), part, self.cell_weight, self.leveller)
        rehearsed = self.rehearsal()
        price = self.shipped.far(self.latent[rows], part.label)
        loss = own + REHEARSAL_WEIGHT * rehearsed + LATENT_WEIGHT * price
        share = self.clock.rate_share(LAST_SHARE)
        self.placing.zero_grad(set_to_none=True)
        apply(self.optimiser, loss, RATE * share, LIMIT)
        for group in self.placing.param_groups:
            group["lr"] = PLACES_RATE * share
        self.placing.step()
        follow(self.average, self.generator, self.clock.step)
        return {"own": own.item(), "rehearsal": rehearsed.item()}

    def run(self) -> None:
        """Train until the minutes are used, printing and saving every REPORT_S."""
        rows: list[dict[str, float]] = []
        shown_at = self.clock.elapsed_s
        self.clock.last = time.monotonic()  # what came before the first step is no training
        while self.clock.done < 1.0:
            rows.append(self.make_step())
            self.clock.tick()
            if self.clock.elapsed_s - shown_at > REPORT_S:
                shown_at = self.clock.elapsed_s
                means = {n: round(float(np.mean([row[n] for row in rows])), 3) for n in rows[0]}
                print(f"{100.0 * self.clock.done:3.0f} %  step {self.clock.step}  {means}", flush=True)
                rows = []
                self.save()
        self.save()

    def places(self) -> Places:
        """Where the hits are now."""
        return Places(self.latent.detach(), self.knobs.detach().clamp(*KNOB_LIMITS))
