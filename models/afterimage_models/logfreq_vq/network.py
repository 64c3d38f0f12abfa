"""Encoder and decoder of the log-frequency VQ-VAE."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..note_summary import OFF_TIMES_S, ON_TIMES_S
from ..pitched.bins_decoder import BinsDecoder
from ..pitched.trunk import LATENT, bounded
from .bands import BANDS, bank, place, to_bands_db
from .quantiser import Quantiser

TIMES = len(ON_TIMES_S) + len(OFF_TIMES_S)
UNIT_DB, ZERO_DB, SILENT_DB = 30.0, -60.0, -100.0
BELOW, ABOVE = 24, 408  # bands under and over the fundamental that the encoder sees once they are aligned
POOL = 2  # neighbours of which the louder one counts
COARSE = 10  # bands of one mean of the frame as it lies
SEEN = TIMES * ((BELOW + ABOVE) // POOL + BANDS // COARSE) + 2


class Encoder(nn.Module):
    """Frames of a note [batch, TIMES, BANDS] dB, pitch and velocity [batch, 1] -> latent [batch, LATENT].

    The frames stand at ON_TIMES_S and OFF_TIMES_S of `note_summary`. They are seen twice: shifted so that the
    fundamental lies in one place whatever the note, and as they are, in coarse means.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offsets", torch.arange(-BELOW, ABOVE, dtype=torch.float32))
        self.net = nn.Sequential(
            nn.Dropout(0.03), nn.Linear(SEEN, 320), nn.SiLU(),
            nn.Dropout(0.1), nn.Linear(320, 192), nn.SiLU(), nn.Linear(192, LATENT),
        )  # fmt: skip

    def aligned(self, frames: Tensor, pitch: Tensor) -> Tensor:
        """[batch, TIMES, BELOW + ABOVE]: bands from BELOW under the fundamental; silence past the ends."""
        position = place(pitch) + self.offsets
        inside = ((position >= 0.0) & (position <= BANDS - 1.0)).unsqueeze(1)
        position = torch.clamp(position, 0.0, BANDS - 1.001)
        low = torch.floor(position)
        share = (position - low).unsqueeze(1)
        index = low.long().unsqueeze(1).expand(-1, TIMES, -1)
        at = torch.gather(frames, 2, index)
        between = at + share * (torch.gather(frames, 2, index + 1) - at)
        return torch.where(inside, between, SILENT_DB)

    def forward(self, frames: Tensor, pitch: Tensor, velocity: Tensor) -> Tensor:
        """The latent before it is quantised."""
        fine = self.aligned(frames, pitch).unflatten(2, (-1, POOL)).amax(3)
        coarse = frames.unflatten(2, (-1, COARSE)).mean(3)
        levels = (torch.cat([fine, coarse], dim=2).flatten(1) - ZERO_DB) / UNIT_DB
        return self.net(torch.cat([levels, (pitch - 60.0) / 24.0, velocity], dim=1))


class Decoder(BinsDecoder):
    """Latent, pitch, velocity and times of one frame -> bands in dB, from the codes nearest to the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.quantiser = Quantiser()
        self.register_buffer("bank", torch.from_numpy(bank().T.copy()))

    def forward(
        self,
        latent: Tensor,
        pitch: Tensor,
        velocity: Tensor,
        times: tuple[Tensor, Tensor],
        chosen: Tensor | None = None,
    ) -> Tensor:
        """Bins in dB of the codes nearest to `latent`."""
        return super().forward(self.quantiser(latent), pitch, velocity, times, chosen)

    def from_codes(
        self, codes: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor], chosen: Tensor
    ) -> Tensor:
        """Bins in dB of a latent that is quantised already, so that gradients pass by the choice of codes."""
        return super().forward(codes, pitch, velocity, times, chosen)

    def frame(
        self, latent: Tensor, pitch: Tensor, velocity: Tensor, times: tuple[Tensor, Tensor], gain_db: Tensor
    ) -> Tensor:
        """What the plugin reads: bands [batch, BANDS] in dB, louder by `gain_db` [batch, 1], gated."""
        return bounded(to_bands_db(self(latent, pitch, velocity, times), self.bank) + gain_db)
