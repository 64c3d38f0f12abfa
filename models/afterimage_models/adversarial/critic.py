"""A critic of spectrograms: two-dimensional convolutions that score whole sounds and patches of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

SCORE_GAIN = 10.0  # layers of unit norm shrink what passes; the hinge wants scores of about 1
SLOPE = 0.2


@dataclass(frozen=True)
class Judgement:
    """What a critic says: `whole` [batch, 1], `patches` [batch, 1, time, bands], and what its layers saw."""

    whole: Tensor
    patches: Tensor
    seen: list[Tensor]

    def scores(self) -> tuple[Tensor, Tensor]:
        """Both kinds of score."""
        return self.whole, self.patches


class Critic(nn.Module):
    """Scores spectrograms as recorded (high) or made (low), in the light of what they should be.

    Layers have unit spectral norm (Miyato et al. 2018, "Spectral normalization for generative adversarial networks"),
    the condition enters by projection (Miyato, Koyama 2018, "cGANs with projection discriminator", eq. 3), and the
    spread of the batch is one more channel (Karras et al. 2018, "Progressive growing of GANs", sec. 3).
    """

    def __init__(self, given: int, widths: tuple[int, ...] = (32, 64, 128, 128), channels: int = 1) -> None:
        """`given`: values of a condition row, 0 for none. `channels`: images a sound."""
        super().__init__()
        before = (channels, *widths[:-1])
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in zip(before, widths, strict=True)
        )
        last = widths[-1]
        self.last = spectral_norm(nn.Conv2d(last + 1, last, 3, padding=1))
        self.patch = spectral_norm(nn.Conv2d(last, 1, 1))
        self.score = spectral_norm(nn.Linear(2 * last, 1))
        self.given = spectral_norm(nn.Linear(given, 2 * last)) if given else None

    def forward(self, image: Tensor, given: Tensor | None, sizes: list[int]) -> Judgement:
        """`image`: [batch, channels, time, bands], about -1 to 1; `given`: [batch, values]; `sizes`: of the sets that
        the batch is made of, each of which has a spread of its own.
        """
        x, seen = image, []
        for layer in self.down:
            x = functional.leaky_relu(layer(x), SLOPE)
            seen.append(x)
        spreads = [part.std(0, correction=0).mean().expand(len(part), 1, *x.shape[2:]) for part in x.split(sizes)]
        spread = torch.cat(spreads)
        x = functional.leaky_relu(self.last(torch.cat([x, spread], dim=1)), SLOPE)
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)
        whole = self.score(pooled)
        if self.given is not None and given is not None:
            whole = whole + (pooled * self.given(given)).sum(1, keepdim=True) / pooled.shape[1] ** 0.5
        return Judgement(SCORE_GAIN * whole, SCORE_GAIN * self.patch(x), seen)


def judge_sets(critic: Critic, images: list[Tensor], givens: list[Tensor] | None = None) -> list[Judgement]:
    """A judgement of each set of images, all in one pass: small layers wait for their launches, not for their sums."""
    sizes = [len(image) for image in images]
    both = critic(torch.cat(images), None if givens is None else torch.cat(givens), sizes)
    parts = zip(both.whole.split(sizes), both.patches.split(sizes), *(s.split(sizes) for s in both.seen), strict=True)
    return [Judgement(whole, patches, list(seen)) for whole, patches, *seen in parts]
