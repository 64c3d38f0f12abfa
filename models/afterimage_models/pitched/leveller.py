"""Evens out loudness over the latent space: a small network from knobs to dB, fitted to what the decoder gives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..loudness import k_weight_power
from ..spectrum import BINS, HOP, SAMPLE_RATE
from .axes import Space
from .trunk import LATENT, NoteTrunk

KEYS = (36.0, 48.0, 60.0, 72.0, 84.0, 96.0)
VELOCITY = 0.75
FRAME_STEP = 8  # 43 ms: a plucked note falls fast
FRAMES = 33
WINDOW = 9  # 0.4 s of frames: the momentary loudness of BS.1770
LIMIT_DB = 4.0
STEPS, RATE = 900, 5e-3
SHIPPED_WEIGHT = 4.0
WEIGHT_DECAY = 3e-2
HIDDEN = 48
SEED = 23


class Leveller(nn.Module):
    """Knobs [batch, 16] -> gain [batch, 1] in dB, within LIMIT_DB."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 1))

    def forward(self, knobs: Tensor) -> Tensor:
        """Gain that brings the sound at `knobs` to the pack's mean loudness."""
        return torch.clamp(self.net(torch.clamp(knobs, -3.0, 3.0)), -LIMIT_DB, LIMIT_DB)


@torch.no_grad()
def loudness_db(decoder: NoteTrunk, inner: np.ndarray, key: float) -> np.ndarray:
    """Largest K-weighted level over 0.4 s of a held note, from frames; dB with an arbitrary zero. [n, 16] -> [n]."""
    weight = torch.tensor(k_weight_power(np.arange(BINS) * SAMPLE_RATE / (2 * (BINS - 1))), dtype=torch.float32)
    seconds = torch.arange(FRAMES) * FRAME_STEP * HOP / SAMPLE_RATE
    out = []
    for part in np.array_split(inner, max(len(inner) // 16, 1)):
        latent = torch.tensor(np.repeat(part, FRAMES, axis=0), dtype=torch.float32)
        same = torch.ones(len(latent), 1)
        on = seconds.repeat(len(part)).unsqueeze(1)
        frames = decoder(latent, key * same, VELOCITY * same, (on, -same))
        power = (10.0 ** (torch.clamp(frames, -90.0, 10.0) / 10.0) * weight).sum(1).reshape(len(part), FRAMES)
        total = torch.nn.functional.avg_pool1d(power.unsqueeze(1), WINDOW, 1).amax(2).squeeze(1)
        out.append(10.0 * torch.log10(total + 1e-9).numpy())
    return np.concatenate(out)


def fit(decoder: NoteTrunk, space: Space, knobs: np.ndarray, shipped: np.ndarray, single: np.ndarray) -> Leveller:
    """Fit to measured loudness at `knobs` [n, 16], between them, at draws from the prior, and at `shipped` [m, 16].

    The shipped presets and the points between their neighbours weigh SHIPPED_WEIGHT times all the others. At `single`
    [k, 16], latents of single notes, it should do nothing: a note was normalised before it was encoded, and what its
    latent would do on other keys is no reason to change it.
    """
    rng = np.random.default_rng(SEED)
    torch.manual_seed(SEED)
    pairs = rng.integers(0, len(knobs), (len(knobs), 2))
    share = rng.random((len(knobs), 1))
    between = share * knobs[pairs[:, 0]] + (1.0 - share) * knobs[pairs[:, 1]]
    middle = 0.5 * (shipped[1:] + shipped[:-1])
    points = np.concatenate([knobs, between, rng.standard_normal((len(knobs) // 2, LATENT)), shipped, middle])
    near = len(shipped) + len(middle)
    weight = torch.ones(len(points), 1)
    weight[-near:] = SHIPPED_WEIGHT * (len(points) - near) / near
    level = np.mean([loudness_db(decoder, space.to_inner(points), key) for key in KEYS], axis=0)
    wanted = torch.tensor(level[: len(knobs)].mean() - level, dtype=torch.float32).unsqueeze(1)
    wanted = torch.cat([torch.zeros(len(single), 1), wanted])
    weight = torch.cat([torch.ones(len(single), 1), weight])
    leveller, inputs = Leveller(), torch.tensor(np.concatenate([single, points]), dtype=torch.float32)
    optimiser = torch.optim.AdamW(leveller.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(STEPS):
        loss = (weight * (leveller(inputs) - wanted).abs()).mean() / weight.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"loudness: spread {float(wanted.std()):.2f} dB, {loss.item():.2f} dB left on average")
    return leveller
