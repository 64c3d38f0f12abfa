"""The two-level VQ-VAE: a group of four frames becomes one top token and seven bottom tokens, and frames again.

The top level says the outline of a group, the tokens of the bottom level what those before them leave of it. Every
layer is a convolution without padding, so that a group's tokens are a function of the frames in one window and a
frame is a function of the tokens in one window, wherever the windows lie: nothing is carried.

Sources: Dhariwal et al. 2020, "Jukebox", sec. 3 (levels of tokens over music); Razavi, van den Oord, Vinyals 2019,
"Generating Diverse High-Fidelity Images with VQ-VAE-2", sec. 3.1 (what is fine is encoded knowing what is coarse);
Zeghidour et al. 2021, "SoundStream", sec. III-C (residual codebooks, of which training leaves some out).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from .frames import BANDS, FLOOR_DB, scaled, unscaled
from .quantiser import Quantiser

GROUP = 4  # frames of a group
PLACES = 8
"""Tokens of a group: one of the top level, then those of the bottom."""
FRAME_DILATIONS, GROUPS_BACK = (1, 2, 4), 2
HEARD_BEFORE = 2 + 2 * sum(FRAME_DILATIONS) + GROUP * GROUPS_BACK
"""Frames before a group that its tokens depend on."""
GROUP_LAYERS, DECODER_DILATIONS = 2, (1, 2, 3)
BEFORE_GROUPS, AFTER_GROUPS = 5, 2
"""Groups beside a group that its frames depend on; their sum is what the decoder's layers shorten a window by."""


@dataclass(frozen=True)
class CodecShape:
    """Sizes of a codec. `codes`: of the codebook of each place."""

    encoder_width: int = 256
    decoder_width: int = 320
    latent_width: int = 192
    code_width: int = 16
    codes: int = 1024


class Residual(nn.Module):
    """x without its ends, plus what a dilated convolution of three frames makes of it; channels first."""

    def __init__(self, width: int, dilation: int, before: int | None = None) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width, 1))
        self.wide = nn.Conv1d(width, width, 3, dilation=dilation)
        self.narrow = nn.Conv1d(width, width, 1)
        self.before = dilation if before is None else before
        self.after = 2 * dilation - self.before

    def forward(self, x: Tensor) -> Tensor:
        """[batch, width, frames] -> [batch, width, frames - 2 * dilation], `before` of them from the start."""
        level = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5) * self.gain
        made = self.narrow(silu(self.wide(silu(level))))
        return x[..., self.before : x.shape[-1] - self.after] + made


class Encoder(nn.Module):
    """Frames in dB -> a latent for each group."""

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        width = shape.encoder_width
        self.first = nn.Conv1d(BANDS, width, 3)
        self.layers = nn.Sequential(*(Residual(width, d) for d in FRAME_DILATIONS))
        self.gather = nn.Conv1d(width, width, GROUP, stride=GROUP)
        self.past = Residual(width, 1, before=GROUPS_BACK)
        self.last = nn.Conv1d(width, shape.latent_width, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """`frames`: [batch, HEARD_BEFORE + n * GROUP, BANDS] dB -> [batch, n, latent width]."""
        seen = self.layers(self.first(scaled(frames).transpose(1, 2)))
        return self.last(silu(self.past(self.gather(silu(seen))))).transpose(1, 2)


class Stage(nn.Module):
    """One codebook, over a projection of what the stages before it leave of a latent."""

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.into = nn.Linear(shape.latent_width, shape.code_width)
        # Centred and of one spread, or all latents would point the same way and share a few codes.
        self.centre = nn.BatchNorm1d(shape.code_width, affine=False)
        self.book = Quantiser(shape.codes, shape.code_width)
        self.out = nn.Linear(shape.code_width, shape.latent_width)

    def projected(self, rest: Tensor) -> Tensor:
        """[batch, n, latent width] -> [batch, n, code width], of any length."""
        return self.centre(self.into(rest).float().flatten(0, 1)).unflatten(0, rest.shape[:2])


class Decoder(nn.Module):
    """A latent for each group -> frames in dB."""

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        width = shape.decoder_width
        self.first = nn.Conv1d(shape.latent_width, width, 1)
        self.groups = nn.Sequential(*(Residual(width, 1) for _ in range(GROUP_LAYERS)))
        self.spread = nn.Conv1d(width, GROUP * width, 1)
        self.frames = nn.Sequential(*(Residual(width, d) for d in DECODER_DILATIONS))
        self.last = nn.Conv1d(width, BANDS, 1)

    def forward(self, latent: Tensor) -> Tensor:
        """`latent`: [batch, n, latent width] -> [batch, (n - 7) * GROUP, BANDS] dB.

        The first group is the one after BEFORE_GROUPS, the last the one before AFTER_GROUPS. Values may lie under the
        floor, so that a loss can pull them up from there.
        """
        groups = self.groups(self.first(latent.transpose(1, 2)))
        batch, width, count = groups.shape[0], self.first.out_channels, groups.shape[2]
        spread = self.spread(groups).reshape(batch, width, GROUP, count).transpose(2, 3).reshape(batch, width, -1)
        return unscaled(self.last(silu(self.frames(spread))).transpose(1, 2))


class Codec(nn.Module):
    """Encoder, a codebook for each place of a group, and decoder."""

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        self.stages = nn.ModuleList(Stage(shape) for _ in range(PLACES))

    def encode(self, frames: Tensor) -> Tensor:
        """Frames [batch, HEARD_BEFORE + n * GROUP, BANDS] dB -> tokens [batch, n, PLACES], top first.

        A place's tokens are its own numbers: those of place p begin at p * codes.
        """
        rest, tokens = self.encoder(frames), []
        for place, stage in enumerate(self.stages):
            token = stage.book.tokens(stage.projected(rest))
            rest = rest - stage.out(stage.book.codes[token])
            tokens.append(token + place * self.shape.codes)
        return torch.stack(tokens, 2)

    def latent(self, tokens: Tensor, places: int = PLACES) -> Tensor:
        """The latent that the first `places` of tokens [batch, n, PLACES] say."""
        parts = [
            self.stages[place].out(self.stages[place].book.codes[tokens[:, :, place] - place * self.shape.codes])
            for place in range(places)
        ]
        return torch.stack(parts).sum(0)

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens [batch, n, PLACES] -> frames [batch, (n - 7) * GROUP, BANDS] dB, no lower than the floor."""
        return self.decoder(self.latent(tokens)).clamp(min=FLOOR_DB)
