"""The decoder that draws STFT bins in dB: partials as lobes of learned width, a noise envelope, a smooth tilt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..spectrum import BINS
from .render import TILT_BANDS, anchor_partials, noise_matrix, partial_matrix, render_db, tilt_matrix
from .trunk import FEATURES, LATENT, PITCH_FEATURES, STATIC_FEATURES, TRUNK, NoteTrunk, bounded

TILT_HIDDEN = 64


class Controls(NamedTuple):
    """A frame before it is drawn: levels of partials, noise and tilt bands in dB, `render_db`'s shape, late decay."""

    partial_db: Tensor
    noise: Tensor
    tilt: Tensor
    shape: tuple[Tensor, Tensor, Tensor, Tensor]
    slope: Tensor


class BinsDecoder(NoteTrunk):
    """Latent, pitch, velocity and times of one frame -> its log-amplitude bins in dB. Rows are independent."""

    def __init__(self) -> None:
        super().__init__()
        partials = partial_matrix()
        self.anchors = partials.shape[0]
        bands = noise_matrix()
        self.bands = bands.shape[0]
        self.register_buffer("partial_matrix", torch.from_numpy(partials))
        self.register_buffer("noise_matrix", torch.from_numpy(bands))
        self.register_buffer("tilt_matrix", torch.from_numpy(tilt_matrix()))
        self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32))
        self.heads = nn.Linear(TRUNK, self.anchors + self.bands + 3)
        # No pitch goes in here: a residual that knows the note would draw the training keys' partials as bins.
        self.tilt = nn.Sequential(
            nn.Linear(FEATURES - PITCH_FEATURES, TILT_HIDDEN), nn.SiLU(), nn.Linear(TILT_HIDDEN, TILT_BANDS)
        )
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

    def frame(
        self, latent: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor], gain_db: Tensor
    ) -> Tensor:
        """What the plugin reads: bins [batch, BINS] in dB, louder by `gain_db` [batch, 1], gated."""
        return bounded(self(latent, pitch, velocity, times) + gain_db)

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
        shape = self.stiffness(fixed), width, growth, skirt
        return Controls(partial_db, 20.0 * head[:, split[0] : split[1]], tilt, shape, fixed[:, 1:2])
