"""Linear prediction that follows the sound: taps fitted anew every few milliseconds to what has just been.

Source: Chen et al. 1992, "A low-delay CELP coder for the CCITT 16 kb/s speech coding standard", sec. III (ITU-T G.728):
the autocorrelation under a hybrid window, an exponential that is kept recursively and a taper of the newest samples,
lifted by white noise, solved by Levinson's recursion, bandwidths widened. The window makes it an autocorrelation
indeed, so that the taps are stable whatever the sound is, the model's own too; least squares over the same stretch
(Makhoul 1975, covariance method) had poles up to 1.09. The plugin's kernel does the same sample by sample.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

BLOCK = 64  # samples between two fits: 4 ms at 16 kHz
TAPERED = 2  # newest blocks, under a quarter of a sine
FORGETTING = 0.96  # of a block's products by the next: some 0.1 s are remembered
RIDGE = 1e-5  # of the power, added to it
WIDENING = 0.9998  # of a tap by the next: no pole lies further out
FLOOR = 2.0**-30  # the power of half a step of 16-bit sound, of a block's samples


def window(past: int, blocks: int) -> Tensor:
    """[past + blocks * BLOCK] float64: the exponential over `blocks` blocks and the samples before them."""
    age = torch.arange(past + blocks * BLOCK - 1, -1, -1, dtype=torch.float64) // BLOCK
    return FORGETTING ** (0.5 * age)


def taper() -> Tensor:
    """[TAPERED * BLOCK] float64: a quarter of a sine that ends where the sample to foretell would be zero."""
    age = torch.arange(TAPERED * BLOCK, 0, -1, dtype=torch.float64)
    return torch.sin(0.5 * math.pi * age / (TAPERED * BLOCK + 1))


def products(stretch: Tensor, count: int) -> Tensor:
    """[..., count + 1]: sums of products of what follows the first `count` of `stretch`, and what lies 0.. before."""
    back = stretch.unfold(-1, count + 1, 1)  # [..., samples, count + 1], oldest first
    return (stretch[..., count:].unsqueeze(-2) @ back).squeeze(-2).flip(-1)


def levinson(correlation: Tensor) -> Tensor:
    """[..., count] taps, newest first, from a correlation [..., count + 1] (Levinson 1946, Durbin 1960)."""
    error = correlation[..., 0]
    taps = correlation[..., :0]
    for order in range(correlation.shape[-1] - 1):
        known = (taps * correlation[..., 1 : order + 1].flip(-1)).sum(-1)
        reflection = ((correlation[..., order + 1] - known) / error).unsqueeze(-1)
        taps = torch.cat([taps - reflection * taps.flip(-1), reflection], -1)
        error = error * (1.0 - reflection.squeeze(-1).square())
    return taps


def correlations(sound: Tensor, count: int) -> Tensor:
    """[batch, blocks, count + 1] float64 of the windowed past of each block of `sound` [batch, blocks * BLOCK]."""
    heard = pad(sound.double(), (count + (TAPERED + 1) * BLOCK, 0))[:, :-BLOCK]
    # Of a block that leaves the taper, with what lies before it; then of the tapered ones.
    leaving = heard[:, : heard.shape[1] - TAPERED * BLOCK].unfold(1, count + BLOCK, BLOCK)
    left = products(leaving * window(count, 1).to(heard), count)
    newest = heard[:, BLOCK:].unfold(1, count + TAPERED * BLOCK, BLOCK)
    weights = window(count, TAPERED)
    weights[count:] *= taper()
    blocks = left.shape[1]
    age = torch.arange(blocks, device=heard.device)
    age = (age[:, None] - age[None, :]).double()
    kept = torch.where(age >= 0, FORGETTING ** (age.clamp(min=0) + TAPERED), 0.0)
    return torch.einsum("kj,bjm->bkm", kept, left) + products(newest * weights.to(heard), count)


@torch.no_grad()
def fitted_taps(sound: Tensor, count: int) -> Tensor:
    """[batch, samples, count] for each of `sound` [batch, samples]: what foretells it from those before it.

    A block's taps come from the blocks before it alone. In float64, because the equations of tones are stiff.
    """
    samples = sound.shape[1]
    with torch.autocast(sound.device.type, enabled=False):
        found = correlations(pad(sound, (0, -samples % BLOCK)), count)
        found[..., 0] = found[..., 0] * (1.0 + RIDGE) + BLOCK * FLOOR
        taps = levinson(found)
        taps *= WIDENING ** torch.arange(1, count + 1, dtype=taps.dtype, device=taps.device)
    return taps.float().repeat_interleave(BLOCK, 1)[:, :samples]
