"""The networks as the plugin takes them: knobs, noise and time in, one frame out; and a segment in, knobs out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..exporting.graph import export_graph
from ..exporting.low_rank import shrunk
from ..loudness import k_weight_power
from ..reference.bands import BandInverse
from ..spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE
from .data import TARGET_LUFS
from .frames import BANDS, FRAMES_A_SECOND, N_FFT, SEGMENT, bank
from .grain import TABLE_FRAMES
from .network import LATENT, Decoder, Encoder, Grain
from .paths import Paths, normal_to_uniform
from .space import Space, draw

INPUTS = ("latent", "noise", "time_on")
LEVELLED, LEVELLED_FRAMES, HIDDEN = 600, 188, 48
FIT_STEPS, FIT_RATE, FIT_DECAY = 1500, 4e-3, 1e-2
LIMIT_DB = 12.0
FRAME_GAIN_DB = -10.0 * np.log10(3.0)  # a Hann frame's power: noise bandwidth 1.5, and 2 for a sine's amplitude
SEED = 31
DECODER_RANKS = {"modulate": 96}  # shipped graphs are to stay small
ENCODER_RANKS = {"enter": 96, "down.0": 96, "down.1": 96}


class Leveller(nn.Module):
    """Knobs [batch, LATENT] to the gain [batch, 1] in dB that brings a texture to the training set's loudness."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(),
                                 nn.Linear(HIDDEN, 1))  # fmt: skip

    def forward(self, knobs: Tensor) -> Tensor:
        """Never more than LIMIT_DB either way."""
        return torch.clamp(self.net(torch.clamp(knobs, -3.0, 3.0)), -LIMIT_DB, LIMIT_DB)


class PackDecoder(nn.Module):
    """What a moment of a note asks for to levels in dB."""

    def __init__(self, decoder: Decoder, space: Space) -> None:
        super().__init__()
        self.decoder, self.paths, self.grain, self.leveller = decoder, Paths(), Grain(), Leveller()
        self.register_buffer("rotation", torch.tensor(space.basis @ space.root, dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(space.mean, dtype=torch.float32))

    def forward(self, latent: Tensor, noise: Tensor, time_on: Tensor) -> Tensor:
        """`latent`: [batch, LATENT]; `noise`: [batch, 1], standard normal; `time_on`: [batch, 1] in seconds. Returns
        [batch, BANDS] in dB.
        """
        time = torch.clamp(time_on, min=0.0)  # a note's first frames are centred before it
        level, noisiness = self.decoder(latent @ self.rotation + self.mean, self.paths(time, noise))
        frame = torch.floor(time * FRAMES_A_SECOND + 0.5 + normal_to_uniform(noise) * TABLE_FRAMES)
        heard = level + noisiness * self.grain(frame.long()) + self.leveller(latent).unsqueeze(2)
        return torch.where(heard < GATE_DB, torch.full_like(heard, FLOOR_DB), heard)[:, 0]


class PackEncoder(nn.Module):
    """A segment's frames to knobs."""

    def __init__(self, encoder: Encoder, space: Space) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("turn", torch.tensor(np.linalg.inv(space.basis @ space.root), dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(space.mean, dtype=torch.float32))

    def forward(self, frame: Tensor) -> Tensor:
        """`frame`: [batch, SEGMENT, BANDS] in dB, about as loud as the training set. Returns [batch, LATENT]."""
        mean = self.encoder(frame)[0]
        return torch.clamp((mean - self.mean) @ self.turn, -3.0, 3.0)


def loudness_lufs(levels: np.ndarray) -> np.ndarray:
    """Mean loudness [n] of frames [n, frames, BANDS] in dB, by the bins that the plugin makes of them."""
    inverse = BandInverse(bank(), 1)
    hz = np.minimum(np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT, SAMPLE_RATE / 2 - 1.0)
    weight = k_weight_power(hz)
    out = []
    for sound in levels:
        amplitudes = np.where(sound < GATE_DB, 0.0, 10.0 ** (sound / 20.0))
        power = (inverse.apply(amplitudes) ** 2 @ weight).mean()
        out.append(-0.691 + 10.0 * np.log10(power + 1e-12) + FRAME_GAIN_DB)
    return np.array(out)


def fit_leveller(decoder: PackDecoder, space: Space, presets: np.ndarray) -> float:
    """Fit the leveller to what the decoder gives at random knobs and at presets [n, LATENT]; returns the standard
    deviation in dB of what remains.
    """
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    knobs = np.concatenate([rng.standard_normal((LEVELLED, LATENT)), np.repeat(presets, 4, axis=0)])
    levels, noisiness = draw(decoder.decoder, space.to_inner(knobs), LEVELLED_FRAMES)
    start = torch.from_numpy(rng.integers(0, 100_000, (len(knobs), 1)))
    grain = decoder.grain(start + torch.arange(LEVELLED_FRAMES)).numpy()
    lacking = TARGET_LUFS - loudness_lufs((levels + noisiness * grain)[:, ::4])
    given, wanted = torch.tensor(knobs, dtype=torch.float32), torch.tensor(lacking, dtype=torch.float32)
    net = decoder.leveller.net
    nn.init.constant_(net[-1].bias, float(wanted.mean()))
    optimiser = torch.optim.AdamW(net.parameters(), FIT_RATE, weight_decay=FIT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, FIT_STEPS)
    for _ in range(FIT_STEPS):
        loss = (net(given)[:, 0] - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return float(loss.detach().sqrt())


def slim_decoder(decoder: Decoder, space: Space) -> Decoder:
    """A decoder whose widest layer is thinned to what latents make of it."""
    rng = np.random.default_rng(SEED)
    inner = torch.tensor(space.to_inner(rng.standard_normal((LEVELLED, LATENT))), dtype=torch.float32)
    paths = Paths()(torch.linspace(0.0, 60.0, LEVELLED)[:, None], torch.zeros(LEVELLED, 1))
    small, lost = shrunk(decoder, lambda module: module(inner, paths), DECODER_RANKS)
    print(f"thinned layers: {100.0 * lost:.2f} % of a layer's variance lost at most")
    return small


def slim_encoder(encoder: Encoder, segments: np.ndarray) -> Encoder:
    """An encoder whose layers are thinned to what segments [n, SEGMENT, BANDS] make of them."""
    frames = torch.from_numpy(segments)
    small, lost = shrunk(encoder, lambda module: module(frames), ENCODER_RANKS)
    print(f"thinned layers: {100.0 * lost:.2f} % of a layer's variance lost at most")
    return small


def export_decoder(pack: PackDecoder, path: Path) -> None:
    """Write the graph with a dynamic batch axis and constants folded."""
    example = (torch.zeros(4, LATENT), torch.zeros(4, 1), torch.full((4, 1), 0.5))
    export_graph(pack, example, INPUTS, ("frame",), path)


def export_encoder(pack: PackEncoder, path: Path) -> None:
    """As `export_decoder`."""
    export_graph(pack, (torch.zeros(2, SEGMENT, BANDS),), ("frame",), ("latent",), path)
