"""The network: dilated causal convolutions over the whitened past of a sound, to a mixture over the next sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .adaptive import BLOCK, fitted_taps
from .mixture import LEAST_LOG_SCALE, MOST_LOG_SCALE, Mixture

SAMPLE_RATE = 16_000
QUIETEST = 2.0**-15  # added to the level, so that digital silence has one
COMPANDING = 255.0  # the mu-law of the paper, sec. 2.2
START_LOG_SCALE = (-2.5, 0.5)  # of the components before training, relative to the level


@dataclass(frozen=True)
class Shape:
    """Sizes of a network; `labels` comes from the data."""

    labels: int
    channels: int = 48
    skip: int = 64
    short_cycle: int = 10  # layers of dilations 1, 2, 4 ...
    long_cycle: int = 13
    taps: int = 32  # of the fixed predictor, and samples of each past that the network sees
    followed: int = 256  # taps that follow the sound: some 60 Hz between two partials
    mixtures: int = 10

    @property
    def dilations(self) -> tuple[int, ...]:
        """Of the layers in order: two cycles of powers of two."""
        return tuple(2**i for cycle in (self.short_cycle, self.long_cycle) for i in range(cycle))

    @property
    def context(self) -> int:
        """Samples that decide the next one, but for the taps that follow: these forget little by little."""
        return sum(self.dilations) + 2 * self.taps

    @property
    def front(self) -> int:
        """Values that enter the first layer: two levelled pasts, their levels, the sample before."""
        return 2 * self.taps + 3

    @property
    def outputs(self) -> int:
        """Values of the last layer: logits, shifts, scales."""
        return 3 * self.mixtures


class Past(NamedTuple):
    """What lies before each sample [...]; pasts are newest first.

    `newest`: [...]; `whitened`: [..., taps], what the fixed taps left; `missed`: [..., taps], what the taps that follow
    the sound left of that; `foretold`: [...], what both foretell of the sample.
    """

    newest: Tensor
    whitened: Tensor
    missed: Tensor
    foretold: Tensor

    def front(self) -> Tensor:
        """What enters the first layer [..., 2 * taps + 3]: levelled pasts, scaled log levels, companded newest."""
        levels = [level_of(self.missed), level_of(self.whitened)]
        companded = torch.sign(self.newest) * torch.log1p(COMPANDING * self.newest.abs()) / math.log1p(COMPANDING)
        beside = torch.stack([*(0.25 * torch.log(level) + 1.0 for level in levels), companded], -1)
        levelled = [p / level.unsqueeze(-1) for p, level in zip((self.missed, self.whitened), levels, strict=True)]
        return torch.cat([*levelled, beside], -1)


class Layer(nn.Module):
    """One dilated convolution of two taps, gated, to residual and skip (van den Oord et al. 2016, eq. 2 and fig. 4)."""

    def __init__(self, shape: Shape, dilation: int) -> None:
        super().__init__()
        self.dilation, self.channels = dilation, shape.channels
        self.gate = nn.Linear(2 * shape.channels, 2 * shape.channels)
        self.label = nn.Embedding(shape.labels, 2 * shape.channels)
        self.out = nn.Linear(shape.channels, shape.channels + shape.skip)
        nn.init.normal_(self.label.weight, std=0.05)

    def forward(self, x: Tensor, past: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """`x`, and `past` which is `x` one dilation earlier: [..., channels]; `label`: [...] -> residual, skip."""
        made = self.gate(torch.cat([past, x], -1)) + self.label(label).to(x.dtype)
        filtered, gate = made.split(self.channels, -1)
        made = self.out(torch.tanh(filtered) * torch.sigmoid(gate))
        return made[..., : self.channels], made[..., self.channels :]


class Head(nn.Module):
    """The skips' sum to a mixture; in float32, because a tap's error is heard as noise."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.hidden = nn.Linear(shape.skip, shape.skip)
        self.out = nn.Linear(shape.skip, shape.outputs)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)
        scales = slice(2 * shape.mixtures, 3 * shape.mixtures)
        self.out.bias.data[scales] = torch.linspace(*START_LOG_SCALE, shape.mixtures)

    def forward(self, skip: Tensor, past: Past) -> Mixture:
        """`skip`: [..., skip]."""
        made = self.out(torch.relu(self.hidden(torch.relu(skip))))
        logits, shift, scale = made.split(self.shape.mixtures, -1)
        log_scale = (scale + torch.log(level_of(past.missed)).unsqueeze(-1)).clamp(LEAST_LOG_SCALE, MOST_LOG_SCALE)
        return Mixture(logits, past.foretold.unsqueeze(-1) + shift * torch.exp(log_scale), log_scale)


class WaveNet(nn.Module):
    """A WaveNet (van den Oord et al. 2016) over a whitened past.

    Fixed taps, fitted once to the corpus, whiten the sound; taps that follow it (`adaptive`) foretell what they leave.
    The network sees the whitened past and what those missed of it, each levelled to one, so that a quiet sound is the
    same to it as a loud one, and the levels beside them. What it gives is a mixture of logistics around the linear
    prediction: tones need a precision that gated units alone do not have.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("whitening", torch.zeros(shape.taps))
        self.front = nn.Linear(shape.front, shape.channels)
        self.layers = nn.ModuleList(Layer(shape, dilation) for dilation in shape.dilations)
        self.head = Head(shape)

    def forward(self, sound: Tensor, label: Tensor, ahead: int = 0) -> Mixture:
        """`sound`: [batch, samples]; `label`: [batch] -> of each sample, what those before it foretell.

        `ahead`: blocks by which taps are taken too early, as a tape has them that plays what was heard.
        """
        past = self.past_of(sound, ahead)
        x = self.front(past.front())
        label, total = label.unsqueeze(1), 0.0
        for layer in self.layers:
            added, skip = layer(x, earlier(x, layer.dilation), label)
            x, total = x + added, total + skip
        with torch.autocast(sound.device.type, enabled=False):
            return self.head(total.float(), past)

    def past_of(self, sound: Tensor, ahead: int = 0) -> Past:
        """At each sample what lies before it; taps fitted `ahead` blocks later."""
        # Sums of products and not matrix products: those would be halved in precision.
        past = latest(before(sound), self.shape.taps)
        whitened, taps = self.followed(sound, ahead)
        foretold = (past * self.whitening).sum(-1) + (whitened * taps).sum(-1)
        missed = latest(before(sound - foretold), self.shape.taps)
        return Past(past[..., 0], whitened[..., : self.shape.taps], missed, foretold)

    def followed(self, sound: Tensor, ahead: int = 0) -> tuple[Tensor, Tensor]:
        """The whitened past of each sample, and the taps that foretell from it: both [batch, samples, followed]."""
        left = sound - (latest(before(sound), self.shape.taps) * self.whitening).sum(-1)
        # One value more in front: a step begins with the sample before the first, which is silence.
        taps = fitted_taps(pad(left, (1, 0)), self.shape.followed)[:, 1:]
        if ahead:
            later = torch.arange(taps.shape[1], device=taps.device) + ahead * BLOCK
            taps = taps[:, later.clamp(max=taps.shape[1] - 1)]
        return latest(before(left), self.shape.followed), taps


def before(sound: Tensor) -> Tensor:
    """[batch, samples] one sample later, silence first."""
    return pad(sound, (1, 0))[:, :-1]


def earlier(x: Tensor, dilation: int) -> Tensor:
    """[batch, samples, channels] `dilation` samples before, zero where there was nothing."""
    dilation = min(dilation, x.shape[1])
    return torch.cat([x.new_zeros(x.shape[0], dilation, x.shape[2]), x[:, : x.shape[1] - dilation]], 1)


def latest(sound: Tensor, count: int) -> Tensor:
    """[batch, samples] -> at each sample the last `count`, newest first: [batch, samples, count]."""
    return pad(sound, (count - 1, 0)).unfold(1, count, 1).flip(-1)


def level_of(residual: Tensor) -> Tensor:
    """Root mean square [...] of the whitened past [..., taps], never zero."""
    return torch.sqrt(residual.pow(2).mean(-1) + QUIETEST**2)
