"""Encoder of the keys VAE."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .. import note_summary
from ..pitched.trunk import LATENT


class Encoder(nn.Module):
    """Note summary [batch, SIZE] -> mean and log-variance of the latent, each [batch, LATENT]."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Dropout(0.03), nn.Linear(note_summary.SIZE, 512), nn.SiLU(),
            nn.Dropout(0.1), nn.Linear(512, 256), nn.SiLU(), nn.Linear(256, 2 * LATENT),
        )  # fmt: skip

    def forward(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance; the latter bounded so that early steps stay finite."""
        mean, log_variance = self.net(summary).chunk(2, dim=1)
        return mean, torch.clamp(log_variance - 2.0, -8.0, 2.0)
