"""Linear prediction that follows the sound: taps fitted anew every few milliseconds to what has just been.

Source: Makhoul 1975, "Linear Prediction: A Tutorial Review", sec. II.B (covariance method), over a past that is
forgotten exponentially, block by block. The plugin's kernel does the same sample by sample.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

BLOCK = 64  # samples between two fits: 4 ms at 16 kHz
FORGETTING = 0.85  # of a block's products by the next: some 27 ms are remembered
RIDGE = 1e-4  # of the mean product: no bits lost on music, and a tone's poles stay off the unit circle
FLOOR = 2.0**-30  # the power of half a step of 16-bit sound


def block_products(past: Tensor, present: Tensor) -> Tensor:
    """[batch, blocks, taps + 1, taps + 1]: sums over each block of products of the present and its past."""
    rows = torch.cat([present.unsqueeze(-1), past], -1).unflatten(1, (-1, BLOCK))
    return rows.transpose(2, 3) @ rows


def remembered(products: Tensor) -> Tensor:
    """The same, of all blocks before each one, forgotten by FORGETTING a block."""
    blocks = products.shape[1]
    age = torch.arange(blocks, device=products.device)
    age = age[:, None] - age[None, :] - 1
    weight = torch.where(age >= 0, FORGETTING ** age.clamp(min=0).to(products.dtype), 0.0)
    return torch.einsum("kj,bjmn->bkmn", weight, products)


def solved(products: Tensor) -> Tensor:
    """[..., taps] that foretell the first of [..., taps + 1, taps + 1] from the others with the least error."""
    inner, target = products[..., 1:, 1:], products[..., 1:, :1]
    taps = inner.shape[-1]
    lift = RIDGE * inner.diagonal(dim1=-2, dim2=-1).mean(-1) + FLOOR
    inner = inner + lift[..., None, None] * torch.eye(taps, dtype=inner.dtype, device=inner.device)
    factor = torch.linalg.cholesky_ex(inner).L
    return torch.cholesky_solve(target, factor).squeeze(-1)


@torch.no_grad()
def fitted_taps(past: Tensor, present: Tensor) -> Tensor:
    """[batch, samples, taps] for each of `present` [batch, samples] from `past` [batch, samples, taps], newest first.

    A block's taps come from the blocks before it alone. In float64, because the equations of tones are stiff.
    """
    samples = present.shape[1]
    missing = -samples % BLOCK
    past, present = pad(past, (0, 0, 0, missing)), pad(present, (0, missing))
    with torch.autocast(past.device.type, enabled=False):
        taps = solved(remembered(block_products(past.double(), present.double())))
    return taps.float().repeat_interleave(BLOCK, 1)[:, :samples]
