"""Encoder and decoder of the harmonic autoencoder."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import note_summary
from ..pitched.render import DB_TO_NEPER, HZ_PER_BIN, anchor_partials, partial_matrix, spacing_bins
from ..pitched.trunk import LATENT, STATIC_FEATURES, TRUNK, NoteTrunk, bounded
from ..reference.harmonic_noise import HarmonicNoise
from ..spectrum import BINS, N_FFT, SAMPLE_RATE
from .draw import draw_db

PARTIALS = 440  # of note 33 up to 24 kHz
# 83 Hz apart at the bottom: closer than a partial's lobe is wide, and the noise would draw the training keys' partials.
NOISE_BANDS = 64
HEADER = 2  # f0 and inharmonicity
VALUES = HEADER + PARTIALS + NOISE_BANDS
SIZES = HarmonicNoise(SAMPLE_RATE, N_FFT, PARTIALS, NOISE_BANDS, 0.0, SAMPLE_RATE / 2)


class Encoder(nn.Module):
    """Note summary [batch, SIZE] -> latent [batch, LATENT]."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Dropout(0.03), nn.Linear(note_summary.SIZE, 512), nn.SiLU(),
            nn.Dropout(0.1), nn.Linear(512, 256), nn.SiLU(), nn.Linear(256, LATENT),
        )  # fmt: skip

    def forward(self, summary: Tensor) -> Tensor:
        """The code itself: nothing is drawn, nothing is weighed against a prior."""
        return self.net(summary)


class Levels(NamedTuple):
    """A frame in its representation: partials 0 (unused) to PARTIALS + 1 and noise bands in dB, inharmonicity."""

    partial_db: Tensor
    noise_db: Tensor
    inharmonicity: Tensor


def noise_shares() -> np.ndarray:
    """[NOISE_BANDS, BINS]: how the bands' powers add up to a bin's, as the plugin spreads them."""
    sums = SIZES.bank.sum(axis=0)
    return np.divide(SIZES.bank, sums, out=np.zeros_like(SIZES.bank), where=sums > 0.0).astype(np.float32)


class Decoder(NoteTrunk):
    """Latent, pitch, velocity and times of one frame -> levels of partials and noise bands. Rows are independent."""

    def __init__(self) -> None:
        super().__init__()
        partials = partial_matrix()
        self.anchors = partials.shape[0]
        self.register_buffer("partial_matrix", torch.from_numpy(partials))
        self.register_buffer("noise_shares", torch.from_numpy(noise_shares()))
        self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32))
        self.heads = nn.Linear(TRUNK, self.anchors + NOISE_BANDS)
        self.draw = draw_db  # a training run puts a compiled one here
        with torch.no_grad():
            self.heads.weight *= 0.3
            tilt = -12.0 * np.log2(anchor_partials()) - 30.0
            self.heads.bias[: self.anchors] = torch.tensor(tilt / 20.0, dtype=torch.float32)
            self.heads.bias[self.anchors :] = -4.0

    def levels(self, latent: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor]) -> Levels:
        """The frame itself; `times`: since on and since off (-1 held), s."""
        x = self.features(latent, pitch, velocity, times)
        fixed = self.static(x[:, :STATIC_FEATURES])
        head = 20.0 * self.heads(self.trunk(x))
        later_db = self.later_decay_db(fixed[:, 1:2], times)
        partial_db = head[:, : self.anchors] @ self.partial_matrix - later_db
        return Levels(partial_db, head[:, self.anchors :] - later_db, self.stiffness(fixed))

    def forward(
        self,
        latent: Tensor,
        pitch: Tensor,
        velocity: Tensor,
        times: tuple[Tensor, Tensor],
        chosen: Tensor | None = None,
    ) -> Tensor:
        """Bins in dB, [batch, BINS] or, with `chosen` [n] bin indices, [batch, n]; what training compares."""
        levels = self.levels(latent, pitch, velocity, times)
        shares, bins = self.noise_shares, self.bins
        if chosen is not None:
            shares, bins = shares[:, chosen], bins[chosen]
        noise_power = torch.exp(DB_TO_NEPER * levels.noise_db) @ shares
        return self.draw(bins, pitch, levels.partial_db, noise_power, levels.inharmonicity)

    def frame(
        self, latent: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor], gain_db: Tensor
    ) -> Tensor:
        """What the plugin reads: f0 in Hz, inharmonicity, partials and noise bands in dB, [batch, VALUES].

        The first partial lies at f0 sqrt(1 + B) there and on the note here, so f0 is given a little lower.
        """
        levels = self.levels(latent, pitch, velocity, times)
        f0_hz = spacing_bins(pitch) * HZ_PER_BIN / torch.sqrt(1.0 + levels.inharmonicity)
        sounding_db = torch.cat([levels.partial_db[:, 1 : PARTIALS + 1], levels.noise_db], dim=1)
        return torch.cat([f0_hz, levels.inharmonicity, bounded(sounding_db + gain_db)], dim=1)
