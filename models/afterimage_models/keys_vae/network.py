"""Encoder and decoder of the keys VAE."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import note_summary
from ..spectrum import BINS, FLOOR_DB, GATE_DB
from .render import TILT_BANDS, anchor_partials, noise_matrix, partial_matrix, render_db, tilt_matrix

LATENT = 16
TRUNK = 512
TILT_HIDDEN = 64
PITCH_CENTRES = np.linspace(30.0, 104.0, 9)
ON_CENTRES = np.linspace(math.log(0.004), math.log(2.4), 16)
OFF_CENTRES = np.linspace(math.log(0.004), math.log(0.9), 10)
TIME_OFFSET_S = 0.004
LAST_ON_S, LAST_OFF_S = 2.2, 0.85  # trained this far; later frames follow the extrapolated decay
FEATURES = LATENT + 1 + 1 + len(PITCH_CENTRES) + len(ON_CENTRES) + 1 + len(OFF_CENTRES) + 1
PITCH_FEATURES = 1 + len(PITCH_CENTRES)
STATIC_FEATURES = LATENT + 1 + 1 + len(PITCH_CENTRES)
RELEASE_FLOOR_DB_PER_S = 60.0  # past LAST_OFF_S every note falls at least this fast: notes end


def _bumps(x: Tensor, centres: Tensor) -> Tensor:
    step = centres[1] - centres[0]
    return torch.exp(-0.5 * ((x - centres) / step) ** 2)


class Controls(NamedTuple):
    """A frame before it is drawn: levels of partials, noise and tilt bands in dB, `render_db`'s shape, late decay."""

    partial_db: Tensor
    noise: Tensor
    tilt: Tensor
    shape: tuple[Tensor, Tensor, Tensor, Tensor]
    slope: Tensor


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


class Decoder(nn.Module):
    """Latent, pitch, velocity and times of one frame -> its log-amplitude bins in dB. Rows are independent."""

    def __init__(self) -> None:
        super().__init__()
        partials = partial_matrix()
        self.anchors = partials.shape[0]
        bands = noise_matrix()
        self.bands = bands.shape[0]
        for name, value in (("pitch_centres", PITCH_CENTRES), ("on_centres", ON_CENTRES), ("off_centres", OFF_CENTRES)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32))
        self.register_buffer("partial_matrix", torch.from_numpy(partials))
        self.register_buffer("noise_matrix", torch.from_numpy(bands))
        self.register_buffer("tilt_matrix", torch.from_numpy(tilt_matrix()))
        self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32))
        self.first = nn.Linear(FEATURES, TRUNK)
        self.hidden = nn.ModuleList([nn.Linear(TRUNK, TRUNK) for _ in range(2)])
        self.heads = nn.Linear(TRUNK, self.anchors + self.bands + 3)
        # No pitch goes in here: a residual that knows the note would draw the training keys' partials as bins.
        self.tilt = nn.Sequential(
            nn.Linear(FEATURES - PITCH_FEATURES, TILT_HIDDEN), nn.SiLU(), nn.Linear(TILT_HIDDEN, TILT_BANDS)
        )
        self.static = nn.Sequential(nn.Linear(STATIC_FEATURES, 48), nn.SiLU(), nn.Linear(48, 2))
        self.draw = render_db  # a training run puts a compiled one here
        self._start()

    def _start(self) -> None:
        with torch.no_grad():
            tilt = -12.0 * np.log2(anchor_partials()) - 30.0
            self.heads.weight *= 0.3
            self.heads.bias[: self.anchors] = torch.tensor(tilt / 20.0, dtype=torch.float32)
            self.heads.bias[self.anchors : self.anchors + self.bands] = -4.0
            self.heads.bias[-3:] = torch.tensor([0.0, -3.0, -2.0])
            self.tilt[2].weight *= 0.1
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

    def forward(
        self,
        latent: Tensor,
        pitch: Tensor,
        velocity: Tensor,
        times: tuple[Tensor, Tensor],
        chosen: Tensor | None = None,
    ) -> Tensor:
        """Bins in dB, [batch, BINS] or, with `chosen` [n] bin indices, [batch, n]; not gated."""
        controls = self.controls(latent, pitch, velocity, times)
        tilt_weight, noise_weight, bins = self.tilt_matrix, self.noise_matrix, self.bins
        if chosen is not None:
            tilt_weight, noise_weight, bins = tilt_weight[:, chosen], noise_weight[:, chosen], bins[chosen]
        noise_db = controls.noise @ noise_weight
        frame = self.draw(bins, pitch, controls.partial_db, noise_db, controls.shape)
        frame = frame + controls.tilt @ tilt_weight
        return frame - self.later_decay_db(controls.slope, times)

    def levels_at(
        self, latent: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor], places: Tensor
    ) -> Tensor:
        """Levels in dB at fractional bins `places` [batch, n], other for each row; times within the trained ones."""
        controls = self.controls(latent, pitch, velocity, times)
        places = torch.clamp(places, 0.0, BINS - 1.001)
        low = places.long()
        share = places - low

        def between(curve: Tensor) -> Tensor:
            return torch.lerp(torch.gather(curve, 1, low), torch.gather(curve, 1, low + 1), share)

        noise_db = between(controls.noise @ self.noise_matrix)
        frame = render_db(places, pitch, controls.partial_db, noise_db, controls.shape)
        return frame + between(controls.tilt @ self.tilt_matrix)

    def controls(self, latent: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor]) -> Controls:
        """What the networks say of each frame, before it is drawn."""
        x = self.features(latent, pitch, velocity, times)
        fixed = self.static(x[:, :STATIC_FEATURES])
        unpitched = torch.cat([x[:, : LATENT + 1], x[:, LATENT + 1 + PITCH_FEATURES :]], dim=1)
        tilt = self.tilt(unpitched)
        head = self.heads(self.trunk(x))
        split = self.anchors, self.anchors + self.bands
        width = 1.0 + nn.functional.softplus(head[:, -3:-2] - 2.0)
        growth = 0.2 * nn.functional.softplus(head[:, -1:])
        skirt = torch.exp(torch.clamp(head[:, -2:-1] * 2.0 - 4.0, -20.0, 0.0))
        partial_db = (20.0 * head[:, : split[0]]) @ self.partial_matrix
        shape = self._stiffness(fixed), width, growth, skirt
        return Controls(partial_db, 20.0 * head[:, split[0] : split[1]], tilt, shape, fixed[:, 1:2])

    @staticmethod
    def _stiffness(fixed: Tensor) -> Tensor:
        return torch.exp(torch.clamp(fixed[:, :1], -16.0, -5.0))

    def inharmonicity(self, features: Tensor) -> Tensor:
        """Coefficient B of `partial_position` [batch, 1], which does not change over a note."""
        return self._stiffness(self.static(features[:, :STATIC_FEATURES]))

    @staticmethod
    def later_decay_db(slope: Tensor, times: tuple[Tensor, Tensor]) -> Tensor:
        """Fall in dB past the trained times: a learned slope while held, at least the floor after release."""
        held_s = torch.clamp(times[0] - LAST_ON_S, min=0.0)
        released_s = torch.clamp(times[1] - LAST_OFF_S, min=0.0)
        return nn.functional.softplus(slope) * 8.0 * held_s + RELEASE_FLOOR_DB_PER_S * released_s


def gate(frame_db: Tensor) -> Tensor:
    """Set everything under GATE_DB to FLOOR_DB, so that a decoder leaves no haze."""
    return torch.where(frame_db < GATE_DB, torch.full_like(frame_db, FLOOR_DB), frame_db)
