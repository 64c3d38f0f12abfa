"""A decoder that gives phases with its magnitudes: struck bells, whose partials no pitch foretells.

Run: `python examples/modal_bells.py`. Learns the partials of eight bells that it casts itself, in some seconds, and
writes modal-bells.onnx. The plugin sounds the phases as they come while a note rings and nothing moves; while a knob or
the note's time moves, it finds its own.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from afterimage_models import export

RATE_HZ, N_FFT, HOP = 48_000, 2048, 256
BINS = N_FFT // 2 + 1
PARTIALS = 24
LONGEST_S = 8.0
QUIETEST_DB = -100.0
FULL_SCALE = N_FFT / 4  # of a sine's peak through a Hann window


def hann_lobe(bins: Tensor) -> Tensor:
    """The transform of a Hann window about its centre, 1 at 0; nothing beyond its nearest side lobes."""
    near = bins.clamp(-6.0, 6.0)
    whole = torch.round(near)
    # At -1, 0 and 1 it is a limit: a little beside them it is the same number.
    beside = torch.where(((near - whole).abs() < 1e-3) & (whole.abs() < 1.5), whole + 1e-3, near)
    lobe = torch.sin(math.pi * beside) / (math.pi * beside * (1.0 - beside**2))
    return torch.where(bins.abs() < 6.0, lobe, torch.zeros_like(lobe))


class ModalBells(nn.Module):
    """Latent [batch, 2], pitch, velocity, time since the stroke -> decibels and phases [batch, bins]."""

    def __init__(self) -> None:
        super().__init__()
        start = torch.arange(1, PARTIALS + 1).float()
        self.cast = nn.Linear(2, 3 * PARTIALS)
        nn.init.normal_(self.cast.weight, std=0.01)
        self.cast.bias.data = torch.cat([start.log(), -0.5 * start.log() - 1.5, (1.0 + 0.3 * start).log()])

    def partials(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Ratios to the pitch, amplitudes at full velocity, decays in nepers a second, [batch, partials] each."""
        ratio, amplitude, decay = self.cast(latent).chunk(3, dim=-1)
        return ratio.exp(), amplitude.exp(), decay.exp()

    def forward(self, latent: Tensor, pitch: Tensor, velocity: Tensor, time_on: Tensor) -> tuple[Tensor, Tensor]:
        """The frame centred at `time_on`. Angles are told from the frame's left edge, as torch.stft does."""
        ratio, amplitude, decay = self.partials(latent)
        hz = ratio * 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
        amplitude = torch.where(hz < 0.45 * RATE_HZ, amplitude, torch.zeros_like(amplitude)) * (0.1 + 0.9 * velocity)
        # Turns a frame, without whole ones: the product of a frequency and a time would lose them to rounding.
        frame = torch.round(time_on * (RATE_HZ / HOP))
        turns = hz * (HOP / RATE_HZ)
        turns = frame * (turns - torch.floor(turns))
        angle = 2.0 * math.pi * (turns - torch.floor(turns)) - 0.5 * math.pi
        level = FULL_SCALE * amplitude * torch.exp(-decay * frame * (HOP / RATE_HZ))
        lobes = hann_lobe(torch.arange(BINS) - (hz * (N_FFT / RATE_HZ))[:, :, None])
        # Where no lobe reaches, an angle needs something to be the angle of.
        real = ((level * torch.cos(angle))[:, :, None] * lobes).sum(1) + 1e-9
        imaginary = ((level * torch.sin(angle))[:, :, None] * lobes).sum(1)
        power = (real**2 + imaginary**2) / FULL_SCALE**2
        decibels = 10.0 * torch.log10(power + 10.0 ** (QUIETEST_DB / 10.0))
        return decibels, torch.atan2(imaginary, real) - math.pi * torch.arange(BINS)


def bells(count: int) -> tuple[Tensor, Tensor]:
    """Places [count, 2] (hum to shine, short to long), and the partials' logarithms there [count, 3, partials]."""
    rng, n = np.random.default_rng(3), np.arange(1, PARTIALS + 1)
    places = rng.uniform(-1.5, 1.5, (count, 2))
    stretch = 1.0 + 0.02 * n * (1.0 + 0.3 * places[:, :1])
    ratio = np.log(0.5 * n * stretch)
    amplitude = -1.5 - (1.0 - 0.4 * places[:, :1]) * np.log(n)
    decay = np.log(0.8) + 0.9 * np.log(n) - 0.5 * places[:, 1:]
    target = np.stack([ratio, amplitude, decay], 1)
    return torch.tensor(places, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)


def train(decoder: ModalBells, places: Tensor, target: Tensor, steps: int) -> float:
    """Adam on the squared error of the partials' logarithms; the last one."""
    optimizer = torch.optim.Adam(decoder.parameters(), 2e-2)
    error = torch.tensor(0.0)
    for _ in range(steps):
        made = torch.stack([values.log() for values in decoder.partials(places)], 1)
        error = (made - target).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return error.item()


def main(folder: Path = Path("."), cast: int = 8, steps: int = 800) -> Path:
    """Train, then export."""
    torch.manual_seed(1)
    places, target = bells(cast)
    decoder = ModalBells()
    print(f"squared error of the logarithms {train(decoder, places, target, steps):.4f}")
    manifest = {
        "name": "Modal Bells", "license": "CC0-1.0", "family": "mlp", "tags": ["lab", "bell"],
        "description": "Bells that were never cast, to the phase.", "authors": ["Afterimage contributors"],
        "training_data": [{"name": "bells made here", "source": "this script", "license": "CC0-1.0"}],
        "representation": {
            "kind": "log-amplitude", "sample_rate": RATE_HZ, "n_fft": N_FFT, "hop": HOP, "unit": "db",
            "reference": FULL_SCALE, "floor": QUIETEST_DB, "gate": QUIETEST_DB + 2.0,
        },
        "inputs": [
            "latent", {"role": "pitch", "unit": "midi_note", "range": [48.0, 84.0]}, "velocity",
            {"role": "time_on", "unit": "s", "range": [0.0, LONGEST_S]},
        ],
        "outputs": ["frame", "phase"],
    }  # fmt: skip
    example = (torch.zeros(1, 2), torch.full((1, 1), 60.0), torch.ones(1, 1), torch.zeros(1, 1))
    latents = torch.tensor(np.random.default_rng(4).uniform(-1.5, 1.5, (256, 2)), dtype=torch.float32)
    return export(decoder, manifest, example, latents=latents, folder=folder)


if __name__ == "__main__":
    print(main())
