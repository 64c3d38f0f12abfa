"""The network: dilated causal convolutions over the whitened past of a sound, to a mixture over the next sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

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
    taps: int = 32
    mixtures: int = 10

    @property
    def dilations(self) -> tuple[int, ...]:
        """Of the layers in order: two cycles of powers of two."""
        return tuple(2**i for cycle in (self.short_cycle, self.long_cycle) for i in range(cycle))

    @property
    def context(self) -> int:
        """Samples that decide the next one."""
        return sum(self.dilations) + 2 * self.taps

    @property
    def front(self) -> int:
        """Values that enter the first layer: the levelled past, the level, the sample before."""
        return self.taps + 2

    @property
    def outputs(self) -> int:
        """Values of the last layer: logits, shifts, scales, taps."""
        return 3 * self.mixtures + self.taps


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

    def forward(self, skip: Tensor, predicted: Tensor, residual: Tensor, log_level: Tensor) -> Mixture:
        """`predicted` [...]: what fixed taps foretell; `residual` [..., taps]: what they missed, newest first."""
        made = self.out(torch.relu(self.hidden(torch.relu(skip))))
        k = self.shape.mixtures
        logits, shift, scale, taps = made.split([k, k, k, self.shape.taps], -1)
        centre = predicted + (taps * residual).sum(-1)
        log_scale = (scale + log_level.unsqueeze(-1)).clamp(LEAST_LOG_SCALE, MOST_LOG_SCALE)
        return Mixture(logits, centre.unsqueeze(-1) + shift * torch.exp(log_scale), log_scale)


class WaveNet(nn.Module):
    """A WaveNet (van den Oord et al. 2016) over a whitened past.

    Fixed taps, fitted once to the corpus, whiten the sound; the network sees the last `taps` whitened samples levelled
    to one, so that a quiet sound is the same to it as a loud one, and their level beside them. What it gives is a
    mixture of logistics around a linear prediction whose taps it moves from sample to sample: tones need a precision
    that gated units alone do not have.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("whitening", torch.zeros(shape.taps))
        self.front = nn.Linear(shape.front, shape.channels)
        self.layers = nn.ModuleList(Layer(shape, dilation) for dilation in shape.dilations)
        self.head = Head(shape)

    def forward(self, sound: Tensor, label: Tensor) -> Mixture:
        """`sound`: [batch, samples]; `label`: [batch] -> of each sample, what those before it foretell."""
        taps = self.shape.taps
        past = latest(pad(sound, (1, 0))[:, :-1], taps)
        predicted = (past * self.whitening).sum(-1)  # not a matrix product: those are halved in precision
        whitened = pad(sound, (1, 0))[:, :-1] - pad(predicted, (1, 0))[:, :-1]
        residual = latest(whitened, taps)
        level = level_of(residual)
        x = self.front(front(residual, level, past[..., 0]))
        label, total = label.unsqueeze(1), 0.0
        for layer in self.layers:
            added, skip = layer(x, earlier(x, layer.dilation), label)
            x, total = x + added, total + skip
        with torch.autocast(sound.device.type, enabled=False):
            return self.head(total.float(), predicted, residual, torch.log(level))


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


def front(residual: Tensor, level: Tensor, newest: Tensor) -> Tensor:
    """What enters the first layer [..., taps + 2]: levelled past, scaled log level, companded newest sample."""
    companded = torch.sign(newest) * torch.log1p(COMPANDING * newest.abs()) / torch.log1p(torch.tensor(COMPANDING))
    beside = torch.stack([0.25 * torch.log(level) + 1.0, companded], -1)
    return torch.cat([residual / level.unsqueeze(-1), beside], -1)
