"""Groups of codes: a latent is cut into pairs, and each pair becomes the nearest of its group's codes.

Source: van den Oord et al. 2017, "Neural Discrete Representation Learning", sec. 3.1, eq. 1 to 3, and appendix A.1
(running averages); Dhariwal et al. 2020, "Jukebox", sec. 3 (restarts of codes that nobody uses).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..pitched.trunk import LATENT

GROUPS, CODES = 8, 64
WIDTH = LATENT // GROUPS
DECAY = 0.99
DEAD_SHARE = 0.15  # of an even share of the draws: a code that wins less is given another place


class Quantiser(nn.Module):
    """Latents [n, LATENT] -> the codes nearest to them, group by group."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.randn(GROUPS, CODES, WIDTH))
        self.register_buffer("wins", torch.ones(GROUPS, CODES))
        self.register_buffer("sums", self.codes.clone())

    def tokens(self, latent: Tensor) -> Tensor:
        """Indices [n, GROUPS] of the nearest codes: least |c|^2 - 2 x c, the |x|^2 being the same for all."""
        parts = latent.view(-1, GROUPS, WIDTH).transpose(0, 1)
        squares = (self.codes * self.codes).sum(2).unsqueeze(1)
        return (squares - 2.0 * parts @ self.codes.transpose(1, 2)).argmin(2).transpose(0, 1)

    def looked_up(self, tokens: Tensor) -> Tensor:
        """Latents [n, LATENT] of tokens [n, GROUPS]."""
        first = CODES * torch.arange(GROUPS)
        return self.codes.reshape(GROUPS * CODES, WIDTH)[tokens + first].reshape(-1, LATENT)

    def forward(self, latent: Tensor) -> Tensor:
        """The nearest codes as a latent [n, LATENT]."""
        return self.looked_up(self.tokens(latent))

    @torch.no_grad()
    def learn(self, latent: Tensor, generator: torch.Generator) -> None:
        """Move each code towards the latents [n, LATENT] that chose it, and a dead one onto one of them."""
        parts = latent.view(-1, GROUPS, WIDTH)
        chosen = nn.functional.one_hot(self.tokens(latent), CODES).float()
        self.wins.mul_(DECAY).add_(chosen.sum(0), alpha=1.0 - DECAY)
        self.sums.mul_(DECAY).add_(torch.einsum("ngc,ngw->gcw", chosen, parts), alpha=1.0 - DECAY)
        even = len(latent) / CODES
        dead = self.wins < DEAD_SHARE * even
        row = torch.randint(len(latent), (GROUPS, CODES), generator=generator)
        fresh = parts[row, torch.arange(GROUPS).unsqueeze(1)]
        self.wins[dead] = even
        self.sums[dead] = even * fresh[dead]
        self.codes.copy_(self.sums / self.wins.unsqueeze(2))


def use(tokens: Tensor) -> tuple[float, float]:
    """Share of codes that occur in `tokens` [n, GROUPS], and the groups' mean perplexity."""
    counts = nn.functional.one_hot(tokens, CODES).float().sum(0)
    share = counts / counts.sum(1, keepdim=True)
    perplexity = torch.exp(-(share * torch.log(share.clamp(min=1e-12))).sum(1))
    return float((counts > 0).float().mean()), float(perplexity.mean())
