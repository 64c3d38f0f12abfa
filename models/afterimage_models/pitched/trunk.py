"""What the decoders of pitched notes begin with: features of a frame's physical inputs and the trunk over them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..spectrum import FLOOR_DB, GATE_DB

LATENT = 16
TRUNK = 512
PITCH_CENTRES = np.linspace(30.0, 104.0, 9)
ON_CENTRES = np.linspace(math.log(0.004), math.log(2.4), 16)
OFF_CENTRES = np.linspace(math.log(0.004), math.log(0.9), 10)
TIME_OFFSET_S = 0.004
LAST_ON_S, LAST_OFF_S = 2.2, 0.85  # trained this far; later frames follow the extrapolated decay
FEATURES = LATENT + 1 + 1 + len(PITCH_CENTRES) + len(ON_CENTRES) + 1 + len(OFF_CENTRES) + 1
PITCH_FEATURES = 1 + len(PITCH_CENTRES)
STATIC_FEATURES = LATENT + 1 + PITCH_FEATURES
CEILING_DB = 6.0  # a frame above full scale is a decoder gone wrong
RELEASE_FLOOR_DB_PER_S = 60.0  # past LAST_OFF_S every note falls at least this fast: notes end


def _bumps(x: Tensor, centres: Tensor) -> Tensor:
    step = centres[1] - centres[0]
    return torch.exp(-0.5 * ((x - centres) / step) ** 2)


class NoteTrunk(nn.Module):
    """Latent, pitch, velocity and times of one frame -> TRUNK features, and what does not change over a note."""

    def __init__(self) -> None:
        super().__init__()
        for name, value in (("pitch_centres", PITCH_CENTRES), ("on_centres", ON_CENTRES), ("off_centres", OFF_CENTRES)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.first = nn.Linear(FEATURES, TRUNK)
        self.hidden = nn.ModuleList([nn.Linear(TRUNK, TRUNK) for _ in range(2)])
        self.static = nn.Sequential(nn.Linear(STATIC_FEATURES, 48), nn.SiLU(), nn.Linear(48, 2))
        with torch.no_grad():
            self.static[2].bias[:] = torch.tensor([-9.0, -4.0])

    def features(self, latent: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor]) -> Tensor:
        """Trunk input [batch, FEATURES] from physical units; `times`: since on and since off (-1 held), s."""
        time_on, time_off = times
        on_s = torch.clamp(time_on, 0.0, LAST_ON_S)
        off_s = torch.clamp(time_off, 0.0, LAST_OFF_S)
        released = (time_off >= 0.0).float()
        return torch.cat(
            [
                latent, velocity, (pitch - 66.0) / 24.0, _bumps(pitch, self.pitch_centres),
                _bumps(torch.log(on_s + TIME_OFFSET_S), self.on_centres), on_s - 1.0,
                _bumps(torch.log(off_s + TIME_OFFSET_S), self.off_centres) * released, released,
            ],
            dim=1,
        )  # fmt: skip

    def trunk(self, features: Tensor) -> Tensor:
        """[batch, FEATURES] -> [batch, TRUNK]."""
        x = nn.functional.silu(self.first(features))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):  # a third of a step's time without
            for layer in self.hidden:
                x = x + nn.functional.silu(layer(x))
        return x.float()

    @staticmethod
    def stiffness(fixed: Tensor) -> Tensor:
        """Coefficient B of `partial_position` [batch, 1] out of what `static` says [batch, 2]."""
        return torch.exp(torch.clamp(fixed[:, :1], -16.0, -5.0))

    def inharmonicity(self, features: Tensor) -> Tensor:
        """Coefficient B of `partial_position` [batch, 1], which does not change over a note."""
        return self.stiffness(self.static(features[:, :STATIC_FEATURES]))

    @staticmethod
    def later_decay_db(slope: Tensor, times: tuple[Tensor, Tensor]) -> Tensor:
        """Fall in dB past the trained times: a learned slope while held, at least the floor after release."""
        held_s = torch.clamp(times[0] - LAST_ON_S, min=0.0)
        released_s = torch.clamp(times[1] - LAST_OFF_S, min=0.0)
        return nn.functional.softplus(slope) * 8.0 * held_s + RELEASE_FLOOR_DB_PER_S * released_s


def bounded(frame_db: Tensor) -> Tensor:
    """No level over CEILING_DB, and everything under GATE_DB set to FLOOR_DB, so that a decoder leaves no haze."""
    frame_db = torch.clamp(frame_db, max=CEILING_DB)
    return torch.where(frame_db < GATE_DB, torch.full_like(frame_db, FLOOR_DB), frame_db)
