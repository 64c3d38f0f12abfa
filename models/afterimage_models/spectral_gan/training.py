"""Training of the plain GAN: a hinge loss by two critics, their augmentation, and a price on crowding."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..adversarial.augmentation import augment
from ..adversarial.critic import Critic, Judgement, judge_sets
from ..adversarial.losses import critic_loss, crowding_loss, fooled_loss
from ..adversarial.run import Clock, apply, fastest_device, follow, halves, save
from ..drum_gan.hit_set import TRAIN, read_recordings
from ..drum_gan.network import CLASSES, soft_gate
from ..drum_gan.regressor import Regressor
from ..drum_gan.stream import HitStream
from .network import LATENT, CompressedImages, MagnitudeGenerator, RandomGrain, class_row, magnitude

REPORT_S = 25.0
RECORDED = 0.6  # share of what critics are shown as real that is as recorded
HEARD_WIDTHS, BIN_WIDTHS = (48, 96, 160, 160), (24, 48, 96, 128, 128)


@dataclass(frozen=True)
class Settings:
    """What a run is made of. `seconds`: wall-clock budget."""

    seconds: float = 2700.0
    batch: int = 64
    learning_rate: float = 3e-4
    critic_rate: float = 6e-4
    last_share: float = 0.1
    crowding_weight: float = 0.2
    seed: int = 20261124


class Trainer:
    """Owns generator, critics, running average and the clock of a resumable run."""

    def __init__(self, stream: HitStream, settings: Settings, checkpoint: Path) -> None:
        torch.manual_seed(settings.seed)
        self.stream, self.settings, self.checkpoint, device = stream, settings, checkpoint, stream.device
        self.device = device
        self.generator = MagnitudeGenerator().to(device)
        self.average_generator = copy.deepcopy(self.generator)
        self.critics = torch.nn.ModuleList([Critic(CLASSES, HEARD_WIDTHS), Critic(CLASSES, BIN_WIDTHS)]).to(device)
        self.optimiser = torch.optim.Adam(self.generator.parameters(), betas=(0.0, 0.99))
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), betas=(0.0, 0.99))
        self.grain, self.images = RandomGrain().to(device), CompressedImages().to(device)
        self.clock = Clock(settings.seconds)

    def load(self, checkpoint: Path, with_clock: bool) -> None:
        """Go on from the averaged generator of a run: the same one's after a break, or another's with its own clock."""
        saved = torch.load(checkpoint, weights_only=True, map_location=self.device)
        for network in (self.generator, self.average_generator):
            network.load_state_dict(saved["average_generator"])
        self.critics.load_state_dict(saved["critics"])
        if with_clock:
            self.clock.elapsed_s, self.clock.step = saved["elapsed_s"], saved["step"]

    def save(self) -> None:
        """Write what can be exported and gone on from."""
        state = {"average_generator": self.average_generator.state_dict(), "critics": halves(self.critics)}
        save(state | {"step": self.clock.step, "elapsed_s": self.clock.elapsed_s}, self.checkpoint)

    def judge(self, sounds: list[Tensor], labels: list[Tensor]) -> list[list[Judgement]]:
        """Judgements of sets of augmented magnitudes, by critic and set."""
        count, rows = [len(sound) for sound in sounds], self.images(torch.cat(sounds))
        images, givens = [augment(image).split(count) for image in rows], [class_row(label) for label in labels]
        return [judge_sets(critic, list(own), givens) for critic, own in zip(self.critics, images, strict=True)]

    def made_up(self, label: Tensor) -> tuple[Tensor, Tensor]:
        """Hits of random latents, and the latents."""
        latent = torch.randn(len(label), LATENT, device=self.device)
        return self.generator(latent, label, self.grain(len(label))), latent

    def make_step(self, label: Tensor) -> dict[str, Tensor]:
        """One step of the generator: two hits for each label."""
        settings, count = self.settings, len(label)
        made, latent = self.made_up(label.repeat(2))
        self.critics.requires_grad_(False)
        fooled = fooled_loss([fake for (fake,) in self.judge([made], [label.repeat(2)])])
        self.critics.requires_grad_(True)
        heard = self.images(made)[0]
        crowding = crowding_loss((heard[:count], heard[count:]), (latent[:count], latent[count:]))
        rate = settings.learning_rate * self.clock.rate_share(settings.last_share)
        apply(self.optimiser, fooled + settings.crowding_weight * crowding, rate, 10.0)
        follow(self.average_generator, self.generator, self.clock.step)
        return {"fooled": fooled, "crowding": crowding}

    def critic_step(self) -> dict[str, Tensor]:
        """One step of the critics: recordings against made hits of the same classes."""
        batch = self.stream.batch(self.settings.batch, RECORDED)
        with torch.no_grad():
            made, _ = self.made_up(batch.label)
        sets = self.judge([magnitude(soft_gate(batch.level)), made], [batch.label, batch.label])
        losses = [critic_loss(real, fakes) for real, *fakes in sets]
        rate = self.settings.critic_rate * self.clock.rate_share(self.settings.last_share)
        apply(self.critic_optimiser, torch.stack(losses).sum(), rate, 10.0)
        return {"critic by hearing": losses[0], "critic by bins": losses[1]}

    def run(self) -> None:
        """Train until the seconds are used, printing and saving every REPORT_S."""
        rows: list[dict[str, Tensor]] = []
        shown_at = 0.0
        while self.clock.done < 1.0:
            row = self.critic_step() | self.make_step(self.stream.labels(self.settings.batch // 2))
            rows.append({name: value.detach() for name, value in row.items()})
            self.clock.tick()
            if self.clock.elapsed_s - shown_at > REPORT_S or self.clock.step == 20:
                shown_at = self.clock.elapsed_s
                means = {n: round(float(torch.stack([r[n] for r in rows]).mean()), 3) for n in rows[0]}
                print(f"step {self.clock.step} s {self.clock.elapsed_s:.0f} {means}", flush=True)
                rows = []
                self.save()
        self.save()


def train(data: Path, regressor: Regressor, settings: Settings, checkpoint: Path, start: Path | None = None) -> None:
    """Train on the drum GAN's recordings, on the fastest device; go on from a checkpoint that is there, or from
    another run's, `start`.
    """
    device = fastest_device()
    regressor = regressor.to(device).eval().requires_grad_(False)
    trainer = Trainer(HitStream(*read_recordings(data, TRAIN), regressor, device), settings, checkpoint)
    if checkpoint.exists():
        trainer.load(checkpoint, with_clock=True)
    elif start is not None:
        trainer.load(start, with_clock=False)
    trainer.run()
