"""The second half of the encoder: decode what was guessed, compare with what was asked for, correct the guess.

Steps share one small network; it sees the guess, the target's summary, what is left over, and the direction in which
the leftover falls.
Source: Marino, Yue & Mandt 2018, "Iterative Amortized Inference", sec. 3 and 4.1 (errors and gradients as inputs).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .. import note_summary
from ..note_summary import NOISE_EDGES, OFF_TIMES_S, ON_TIMES_S, PARTIALS
from ..pitched.bins_decoder import BinsDecoder
from ..pitched.render import spacing_bins
from ..pitched.trunk import LATENT
from ..spectrum import BINS, FLOOR_DB, GATE_DB
from .network import Encoder

STEPS = 6
TIMES = len(ON_TIMES_S) + len(OFF_TIMES_S)
BANDS = len(NOISE_EDGES) - 1
PLACES_A_BAND = 4
LEVELS = TIMES * (len(PARTIALS) + BANDS)
UNIT_DB, ZERO_DB = 30.0, -60.0  # of a summary's levels
SETTLED_S = 0.03  # the summary's last frame lies this far before note-off


def conditions(summary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pitch (MIDI), velocity and hold in s, each [notes, 1], of summaries [notes, SIZE]."""
    return 60.0 + 24.0 * summary[:, -3:-2], summary[:, -2:-1], 2.0 * summary[:, -1:]


def band_places() -> np.ndarray:
    """[BANDS, PLACES_A_BAND] bins that stand for the summary's noise bands."""
    share = (np.arange(PLACES_A_BAND) + 0.5) / PLACES_A_BAND
    return NOISE_EDGES[:-1, None] + (NOISE_EDGES[1:] - 1 - NOISE_EDGES[:-1])[:, None] * share


class IteratedEncoder(nn.Module):
    """Note summary [notes, SIZE] -> latent [notes, LATENT], by STEPS corrections of the encoder's guess."""

    def __init__(self, encoder: Encoder, decoder: BinsDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        seen = note_summary.SIZE + LEVELS + 2 * LATENT + 2
        self.net = nn.Sequential(
            nn.Linear(seen, 384), nn.SiLU(), nn.Linear(384, 192), nn.SiLU(), nn.Linear(192, LATENT)
        )
        self.rate = nn.Parameter(torch.full((LATENT,), 0.1))
        self.register_buffer("band_places", torch.tensor(band_places().ravel(), dtype=torch.float32))
        with torch.no_grad():
            self.net[-1].weight *= 0.1
            self.net[-1].bias *= 0.0

    def corrections(self) -> dict[str, Tensor]:
        """The weights that are not the encoder's or the decoder's."""
        own = ("net.", "rate")
        return {name: value for name, value in self.state_dict().items() if name.startswith(own)}

    def take_corrections(self, saved: dict[str, Tensor]) -> None:
        """Load what `corrections` gave."""
        self.load_state_dict(self.state_dict() | saved)

    def heard(self, latent: Tensor, summary: Tensor) -> Tensor:
        """Levels of the summary [notes, LEVELS], in its units, as the decoder gives them at `latent`."""
        pitch, velocity, hold_s = conditions(summary)
        on_s = torch.minimum(torch.tensor(ON_TIMES_S, dtype=torch.float32), hold_s - SETTLED_S)
        off_s = torch.tensor(OFF_TIMES_S, dtype=torch.float32).expand(len(summary), -1)
        times = torch.cat([on_s, hold_s + off_s], 1), torch.cat([-torch.ones_like(on_s), off_s], 1)
        tones = torch.tensor(PARTIALS, dtype=torch.float32) * spacing_bins(pitch)
        places = torch.cat([tones, self.band_places.expand(len(summary), -1)], dim=1)

        def each(value: Tensor) -> Tensor:
            return value.repeat_interleave(TIMES, dim=0)

        columns = times[0].reshape(-1, 1), times[1].reshape(-1, 1)
        levels = self.decoder.levels_at(each(latent), each(pitch), each(velocity), columns, each(places))
        tone = torch.where(each(tones) < BINS - 1, levels[:, : len(PARTIALS)], FLOOR_DB)
        bands = levels[:, len(PARTIALS) :].reshape(len(levels), BANDS, PLACES_A_BAND).amin(2)
        return ((torch.cat([tone, bands], dim=1) - ZERO_DB) / UNIT_DB).reshape(len(summary), LEVELS)

    def leftover(self, latent: Tensor, summary: Tensor) -> Tensor:
        """Target less heard [notes, LEVELS], both no lower than the gate."""
        least = (GATE_DB - ZERO_DB) / UNIT_DB
        return torch.clamp(summary[:, :LEVELS], min=least) - torch.clamp(self.heard(latent, summary), min=least)

    def slope(self, latent: Tensor, summary: Tensor) -> tuple[Tensor, Tensor]:
        """Leftover, and the gradient [notes, LATENT] of its root mean square over each time's levels."""
        with torch.enable_grad():
            at = latent.detach().requires_grad_(True)
            left = self.leftover(at, summary)
            size = (left.reshape(len(left), TIMES, -1).pow(2).mean(2) + 1e-4).sqrt().mean(1)
            (gradient,) = torch.autograd.grad(size.sum(), at)
        return left.detach(), gradient

    def corrected(self, latent: Tensor, summary: Tensor) -> Tensor:
        """One step from `latent` [notes, LATENT]; no gradient passes into the guess it starts from."""
        left, gradient = self.slope(latent, summary)
        norm = gradient.norm(dim=1, keepdim=True) + 1e-6
        size = left.pow(2).mean(1, keepdim=True).sqrt()
        seen = torch.cat([latent.detach(), summary, left, gradient / norm, torch.log(norm), size], dim=1)
        return latent.detach() + self.net(seen) - self.rate * gradient / norm

    def iterates(self, summary: Tensor) -> list[Tensor]:
        """The guess, and the latent after each step: STEPS + 1 of [notes, LATENT]."""
        with torch.no_grad():
            latents = [self.encoder(summary)[0]]
            for _ in range(STEPS):
                latents.append(self.corrected(latents[-1], summary))
        return latents

    def forward(self, summary: Tensor) -> Tensor:
        """Latent after all steps."""
        return self.iterates(summary)[-1]
