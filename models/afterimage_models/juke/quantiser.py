"""One codebook: a latent becomes the code that points most nearly its way.

Sources: van den Oord et al. 2017, "Neural Discrete Representation Learning", sec. 3.1 and appendix A.1 (running
averages); Yu et al. 2022, "Vector-quantized Image Modeling with Improved VQGAN", sec. 3.2 (few dimensions, unit
length); Dhariwal et al. 2020, "Jukebox", sec. 3 (restarts of codes that nobody uses).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

DECAY = 0.99
DEAD_SHARE = 0.1  # of an even share of the draws: a code that wins less is given another place
COMMITMENT = 1.0


class Quantiser(nn.Module):
    """Latents [n, width] of unit length -> the nearest of `codes` codes."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("codes", normalize(torch.randn(codes, width), dim=1))
        self.register_buffer("wins", torch.zeros(codes))  # none is in use: the first batch gives all codes a place
        self.register_buffer("sums", torch.zeros(codes, width))

    def tokens(self, latent: Tensor) -> Tensor:
        """Indices [...] of the codes nearest to latents [..., width] of any length."""
        return (latent @ self.codes.T).argmax(-1)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Latents [..., width] -> codes that pass gradients straight through, tokens [...], commitment loss."""
        pointed = normalize(latent.float(), dim=-1)
        tokens = self.tokens(pointed.detach())
        chosen = self.codes[tokens]
        loss = COMMITMENT * (pointed - chosen).square().sum(-1).mean()
        return pointed + (chosen - pointed).detach(), tokens, loss

    @torch.no_grad()
    def learn(self, latent: Tensor, tokens: Tensor) -> None:
        """Move each code towards the latents [n, width] that chose it, and a dead one onto one of them."""
        pointed = normalize(latent.float(), dim=-1)
        count = len(self.codes)
        chosen = one_hot(tokens, count).to(pointed.dtype)
        self.wins.mul_(DECAY).add_(chosen.sum(0), alpha=1.0 - DECAY)
        self.sums.mul_(DECAY).add_(chosen.T @ pointed, alpha=1.0 - DECAY)
        even = len(pointed) / count
        dead = (self.wins < DEAD_SHARE * even).unsqueeze(1)
        fresh = pointed[torch.randint(len(pointed), (count,), device=pointed.device)]
        self.sums.copy_(torch.where(dead, even * fresh, self.sums))
        self.wins.copy_(torch.where(dead[:, 0], even, self.wins))
        self.codes.copy_(normalize(self.sums, dim=1))


def perplexity(tokens: Tensor, codes: int) -> float:
    """Exponential of the entropy of the tokens' shares: how many codes are in use, counted by their weight."""
    share = torch.bincount(tokens.flatten(), minlength=codes).float() / tokens.numel()
    return float(torch.exp(-(share * share.clamp(min=1e-12).log()).sum()))
