"""Training: a variational autoencoder of two-second segments, which critics then make as uneven as recordings.

The first part is held to levels, to noisiness and to the divergence from the unit normal. Then two critics join: one
sees two seconds, one their lively low half; reconstructions must look alike to them on average over time, and
textures of random latents and paths must pass for recordings.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..adversarial.augmentation import augment
from ..adversarial.critic import Critic, Judgement, judge_sets
from ..adversarial.losses import critic_loss, crowding_loss, fooled_loss
from ..adversarial.run import Clock, apply, fastest_device, follow, halves, save
from .data import HELD_OUT, TRAIN, TextureSet
from .frames import BANDS, BYTE_STEP_DB, FRAMES_A_SECOND, SEGMENT
from .network import KNOTS, LATENT, Decoder, Encoder, Grain, scaled, soft_gate
from .noisiness import Noisiness
from .paths import SLOW, SLOW_HZ, Paths, blend

FREE_NATS, FREE_SLOW_NATS = 1.0, 0.1
LONGEST_S = 600.0
AMBIENCE_WEIGHT = 4.0  # recordings count more than rendered notes
REPORT_S = 25.0
ERROR_DB = 5.0
GAIN_DB, TILT_DB = 1.0, 2.0  # spread of the changes of training segments
FORGETTING = 0.01
WIDTHS = (32, 64, 128, 128)


@dataclass(frozen=True)
class Settings:
    """What a run is made of. `seconds`: wall-clock budget; `first_share` of it without critics."""

    seconds: float = 2700.0
    first_share: float = 0.3
    batch: int = 64
    learning_rate: float = 6e-4
    critic_rate: float = 5e-4
    last_share: float = 0.03
    divergence_weight: float = 0.005
    noisiness_weight: float = 2.0
    adversarial_weight: float = 0.1
    matching_weight: float = 3.0
    crowding_weight: float = 0.02
    seed: int = 20261123


class SegmentStream:
    """Training segments in memory, and random ones of them, a little louder, softer, darker or brighter."""

    def __init__(self, textures: TextureSet, device: torch.device) -> None:
        rows = torch.from_numpy(textures.rows(TRAIN)).to(device)
        self.device, self.levels = device, torch.from_numpy(textures.levels).to(device)
        self.first, self.count = rows[:, 0], rows[:, 1]
        self.chance = self.count.float() * (1.0 + (AMBIENCE_WEIGHT - 1.0) * rows[:, 2])

    def batch(self, count: int) -> Tensor:
        """[count, SEGMENT, BANDS] in dB."""
        row = torch.multinomial(self.chance, count, replacement=True)
        start = (torch.rand(count, device=self.device) * (self.count[row] - SEGMENT + 1)).long() + self.first[row]
        level = self.levels[start[:, None] + torch.arange(SEGMENT, device=self.device)]
        # Critics would know recordings by the steps of the bytes they are kept in.
        level = level + BYTE_STEP_DB * (torch.rand_like(level) - 0.5)
        noise = torch.randn(2, count, 1, 1, device=self.device)
        return level + GAIN_DB * noise[0] + TILT_DB * noise[1] * torch.linspace(-1.0, 1.0, BANDS, device=self.device)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence to the unit normal in nats of every number, averaged over the batch."""
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).mean(0)


def drawn_from(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw of every number."""
    return mean + torch.randn_like(mean) * (0.5 * log_variance).exp()


def statistics_loss(fake: Judgement, real: Judgement) -> Tensor:
    """How differently a critic's layers see two sounds on average over time: their moments need not agree."""
    pairs = zip(fake.seen, real.seen, strict=True)
    return torch.stack(
        [(a.mean(2) - b.mean(2)).abs().mean() + (a.std(2) - b.std(2)).abs().mean() for a, b in pairs]
    ).mean()


class Trainer:
    """Owns networks, running averages, optimisers and the clock of a resumable run."""

    def __init__(self, textures: TextureSet, settings: Settings, checkpoint: Path, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.checkpoint, self.device = settings, checkpoint, device
        self.stream = SegmentStream(textures, device)
        self.held_out = torch.from_numpy(textures.segments(HELD_OUT)[:96]).to(device)
        self.encoder, self.decoder = Encoder().to(device), Decoder().to(device)
        self.critics = torch.nn.ModuleList([Critic(0, WIDTHS), Critic(0, WIDTHS)]).to(device)
        self.average_encoder, self.average_decoder = copy.deepcopy(self.encoder), copy.deepcopy(self.decoder)
        made = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimiser = torch.optim.AdamW(made, betas=(0.8, 0.99), weight_decay=1e-4)
        self.critic_optimiser = torch.optim.AdamW(self.critics.parameters(), betas=(0.5, 0.99))
        self.paths, self.grain, self.noisiness = (m.to(device) for m in (Paths(), Grain(), Noisiness()))
        self.moments = {"mean": torch.zeros(LATENT, device=device), "square": torch.eye(LATENT, device=device)}
        self.clock = Clock(settings.seconds)

    def load(self, checkpoint: Path, with_clock: bool) -> None:
        """Go on from the averaged networks of a run: the same one's after a break, or another's with its own clock."""
        saved = torch.load(checkpoint, weights_only=True, map_location=self.device)
        for name in ("encoder", "decoder"):
            for network in (getattr(self, name), getattr(self, f"average_{name}")):
                network.load_state_dict(saved[f"average_{name}"])
        self.critics.load_state_dict(saved["critics"])
        self.moments = saved["moments"]
        if with_clock:
            self.clock.elapsed_s, self.clock.step = saved["elapsed_s"], saved["step"]

    def save(self) -> None:
        """Write what can be exported and gone on from. Optimisers are left out: they warm up again within minutes."""
        state = {name: getattr(self, name).state_dict() for name in ("average_encoder", "average_decoder")}
        state |= {"critics": halves(self.critics), "moments": self.moments}
        save(state | {"step": self.clock.step, "elapsed_s": self.clock.elapsed_s}, self.checkpoint)

    @property
    def adversarial(self) -> bool:
        """Whether the critics have a say yet."""
        return self.clock.done >= self.settings.first_share

    def times(self, count: int) -> Tensor:
        """Seconds [count, SEGMENT] of segments that begin anywhere."""
        start = torch.rand(count, 1, device=self.device) * LONGEST_S
        return start + torch.arange(SEGMENT, device=self.device) / FRAMES_A_SECOND

    def free_paths(self, count: int) -> Tensor:
        """Paths as the pack has them [count, SEGMENT, paths]."""
        return self.paths(self.times(count), torch.randn(count, 1, device=self.device))

    def paths_through(self, knots: Tensor) -> Tensor:
        """Slow paths through encoded knots [batch, KNOTS, SLOW], the others free."""
        place = torch.arange(SEGMENT, device=self.device) / FRAMES_A_SECOND * SLOW_HZ
        index = place.long().clamp(max=KNOTS - 2)
        share = (place - index)[None, :, None]
        slow = blend(knots[:, index], knots[:, index + 1], share)
        return torch.cat([slow, self.free_paths(len(knots))[:, :, SLOW:]], dim=2)

    def heard(self, level: Tensor, noisiness: Tensor) -> Tensor:
        """Levels with grain from a random place, as the pack plays them."""
        start = torch.randint(0, 100_000, (len(level), 1), device=self.device)
        grain = self.grain(start + torch.arange(level.shape[1], device=self.device))
        return soft_gate(level + noisiness * grain)

    def judge(self, levels: list[Tensor]) -> list[list[Judgement]]:
        """Judgements of sets of augmented segments, by critic and set: of all bands, and of the lower half."""
        count, image = [len(level) for level in levels], scaled(torch.cat(levels)).unsqueeze(1)
        views = (image, image[:, :, :, : BANDS // 2])
        images = [list(augment(view).split(count)) for view in views]
        return [judge_sets(critic, own) for critic, own in zip(self.critics, images, strict=True)]

    def random_latents(self, count: int) -> Tensor:
        """[count, LATENT] from the normal distribution that the training set's posteriors have together."""
        mean = self.moments["mean"]
        covariance = self.moments["square"] - torch.outer(mean, mean) + 1e-3 * torch.eye(LATENT, device=self.device)
        root = torch.linalg.cholesky_ex(covariance)[0]
        return mean + torch.randn(count, LATENT, device=self.device) @ root.T

    def make_step(self, level: Tensor) -> dict[str, Tensor]:
        """One step of encoder and decoder."""
        loss, shown = self.objective(level)
        apply(self.optimiser, loss, self.settings.learning_rate * self.clock.rate_share(self.settings.last_share), 5.0)
        follow(self.average_encoder, self.encoder, self.clock.step)
        follow(self.average_decoder, self.decoder, self.clock.step)
        return shown

    def objective(self, level: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What a step goes down, and its parts."""
        settings = self.settings
        mean, log_variance, slow_mean, slow_log_variance = self.encoder(level)
        latent, knots = drawn_from(mean, log_variance), drawn_from(slow_mean, slow_log_variance)
        self._follow_moments(latent.detach())
        made, noisiness = self.decoder(latent, self.paths_through(knots))
        error = functional.smooth_l1_loss(
            soft_gate(made) / ERROR_DB, soft_gate(level) / ERROR_DB, beta=0.25, reduction="none"
        )
        weight = 0.15 + ((level + 90.0) / 50.0).clamp(0.0, 1.0)
        fit = (error * weight).sum() / weight.sum()
        uneven = ((noisiness - self.noisiness(level)).square() * weight).sum() / weight.sum()
        nats = divergence(mean, log_variance)
        slow_nats = divergence(slow_mean, slow_log_variance)
        price = nats.clamp(min=FREE_NATS).sum() + slow_nats.clamp(min=FREE_SLOW_NATS).sum()
        loss = fit + settings.noisiness_weight * uneven + settings.divergence_weight * price
        shown = {"fit": fit, "uneven": uneven, "nats": nats.sum(), "slow nats": slow_nats.sum()}
        if self.adversarial:
            loss = loss + self._deceive(level, self.heard(made, noisiness), shown)
        return loss, shown

    @torch.no_grad()
    def _follow_moments(self, latent: Tensor) -> None:
        self.moments["mean"].lerp_(latent.mean(0), FORGETTING)
        self.moments["square"].lerp_(latent.T @ latent / len(latent), FORGETTING)

    def made_up(self, count: int) -> tuple[Tensor, Tensor]:
        """Textures of random latents and paths [count, SEGMENT, BANDS], and their latents; the second half has the
        paths of the first.
        """
        latent, paths = self.random_latents(count), self.free_paths(count // 2).repeat(2, 1, 1)
        return self.heard(*self.decoder(latent, paths)), latent

    def _deceive(self, level: Tensor, again: Tensor, shown: dict[str, Tensor]) -> Tensor:
        settings, count = self.settings, len(level) // 2
        made, latent = self.made_up(2 * count)
        self.critics.requires_grad_(False)
        sets = self.judge([soft_gate(level), again, made])
        self.critics.requires_grad_(True)
        matching = torch.stack([statistics_loss(seen, real) for real, seen, _ in sets]).mean()
        means = scaled(made).mean(1)
        crowding = crowding_loss((means[:count], means[count:]), (latent[:count], latent[count:]))
        fooled = fooled_loss([fake for _, *fakes in sets for fake in fakes])
        shown |= {"matching": matching, "fooled": fooled, "crowding": crowding}
        return (
            settings.matching_weight * matching
            + settings.adversarial_weight * fooled
            + settings.crowding_weight * crowding
        )

    def critic_step(self, level: Tensor) -> dict[str, Tensor]:
        """One step of the critics: recordings against encoded segments and made-up ones."""
        with torch.no_grad():
            mean, _, slow, _ = self.encoder(level)
            again = self.heard(*self.decoder(mean, self.paths_through(slow)))
            made, _ = self.made_up(2 * (len(level) // 2))
        losses = [critic_loss(real, fakes) for real, *fakes in self.judge([soft_gate(level), again, made])]
        rate = self.settings.critic_rate * self.clock.rate_share(self.settings.last_share)
        apply(self.critic_optimiser, torch.stack(losses).sum(), rate, 10.0)
        return {"critic": losses[0], "critic of lows": losses[1]}

    def run(self) -> None:
        """Train until the seconds are used, printing and saving every REPORT_S."""
        rows: list[dict[str, Tensor]] = []
        shown_at = 0.0
        while self.clock.done < 1.0:
            row = self.make_step(self.stream.batch(self.settings.batch))
            if self.adversarial:
                row |= self.critic_step(self.stream.batch(self.settings.batch))
            rows.append({name: value.detach() for name, value in row.items()})
            self.clock.tick()
            if self.clock.elapsed_s - shown_at > REPORT_S or self.clock.step == 20:
                shown_at = self.clock.elapsed_s
                self._report(rows)
                rows = []
                self.save()
        self.save()

    @torch.no_grad()
    def measure(self) -> float:
        """Root mean square error in dB of the held-out segments' mean levels, latents encoded."""
        mean, _, slow, _ = self.average_encoder(self.held_out)
        level, _ = self.average_decoder(mean, self.paths_through(slow))
        error = soft_gate(level).mean(1) - soft_gate(self.held_out).mean(1)
        return float(error.square().mean(1).sqrt().mean())

    def _report(self, rows: list[dict[str, Tensor]]) -> None:
        names = sorted({name for row in rows for name in row})
        means = {n: round(float(torch.stack([row[n] for row in rows if n in row]).mean()), 3) for n in names}
        print(
            f"step {self.clock.step} s {self.clock.elapsed_s:.0f} {means} held-out mean levels {self.measure():.2f} dB",
            flush=True,
        )


def train(data: Path, settings: Settings, checkpoint: Path, start: Path | None = None) -> None:
    """Train on a data folder, on the fastest device; go on from a checkpoint that is there, or from another run's."""
    trainer = Trainer(TextureSet.load(data), settings, checkpoint, fastest_device())
    if checkpoint.exists():
        trainer.load(checkpoint, with_clock=True)
    elif start is not None:
        trainer.load(start, with_clock=False)
    trainer.run()
