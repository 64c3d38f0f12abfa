"""The simplest rival: the next frame is the last one, give or take what each band usually moves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .frames import rounded
from .layout import BANDS
from .logistic import LEAST_SCALE_DB, MOST_SCALE_DB, Mixture, band_nats
from .sounds import Batch
from .training import frames_before

COMPONENTS = 3
STEPS, FRAMES_A_STEP, RATE = 400, 4096, 0.05


class RepeatLast(nn.Module):
    """A mixture of logistic distributions about each band of the last frame, its weights and scales fitted."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(COMPONENTS, BANDS))
        self.log_scale = nn.Parameter(torch.tensor([0.5, 3.0, 10.0]).log()[:, None].repeat(1, BANDS))
        self.offset = nn.Parameter(torch.zeros(COMPONENTS, BANDS))

    def forward(self, target_db: Tensor, before_db: Tensor) -> Tensor:
        """[...] nats of frames [..., BANDS] given those before them."""
        mean = before_db.unsqueeze(-2) + self.offset
        scale = self.log_scale.exp().clamp(LEAST_SCALE_DB, MOST_SCALE_DB).expand(mean.shape)
        return band_nats(target_db, Mixture(self.weight.expand(mean.shape), mean, scale))


def fit(frames: list[Tensor], seed: int = 1) -> RepeatLast:
    """Descends on the nats of training sounds, each [frames, BANDS] dB."""
    target = torch.cat([rounded(f[1:]) for f in frames])
    before = torch.cat([rounded(f[:-1]) for f in frames])
    generator = torch.Generator().manual_seed(seed)
    model = RepeatLast()
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(target), (FRAMES_A_STEP,), generator=generator)
        optimiser.zero_grad()
        (model(target[rows], before[rows]).mean() / BANDS).backward()
        optimiser.step()
        schedule.step()
    return model


@torch.no_grad()
def nats_a_band(model: RepeatLast, batches: list[Batch]) -> float:
    """Mean nats a band; the first frame of a row follows silence, as for the nets."""
    total, count = 0.0, 0
    for batch in batches:
        target = rounded(batch.frames)
        nats = model(target, frames_before(target))
        total, count = total + float(nats.sum()), count + nats.numel() * BANDS
    return total / count
