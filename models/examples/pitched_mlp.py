"""A pitched decoder: one network, run over all bins, that says how loud a bin near a partial is.

Run: `python examples/pitched_mlp.py`. Trains for a minute on notes that it makes itself, and writes pitched-mlp.onnx.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from afterimage_models import export

RATE_HZ, N_FFT, HOP = 22_050, 2048, 256
BINS, REFERENCE, FLOOR_DB = N_FFT // 2 + 1, N_FFT / 4, -90.0  # a full-scale sine's peak is 0 dB
LONGEST_S = 3.0
WIDEST_BINS = 6.0  # further than that from a partial, all bins are alike


class PitchedMlp(nn.Module):
    """Latent [batch, 2] (slope, decay), pitch and time_on [batch, 1] -> decibels [batch, bins]."""

    def __init__(self, hidden: int = 48) -> None:
        super().__init__()
        # [1, bins]: one axis less, and rten lacks the batch axis of what is made of it and one row.
        self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32)[None])
        self.net = nn.Sequential(
            nn.Linear(8, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1)
        )

    def forward(self, latent: Tensor, pitch: Tensor, time_on: Tensor) -> Tensor:
        """Feature engineering is inside: the pack's inputs are a MIDI note and seconds."""
        f0_bins = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0) * N_FFT / RATE_HZ
        partial = torch.clamp(torch.floor(self.bins / f0_bins + 0.5), min=1.0)
        distance = torch.clamp(torch.abs(self.bins - partial * f0_bins), max=WIDEST_BINS)
        along = torch.ones_like(distance)
        rows = [latent[:, :1], latent[:, 1:], (pitch - 60.0) / 24.0, torch.log(time_on + 0.02), time_on]
        features = [distance / WIDEST_BINS, torch.exp(-distance), torch.log(partial), *(row * along for row in rows)]
        level = self.net(torch.stack(features, 2))[..., 0]
        return torch.clamp(40.0 * level - 60.0, min=FLOOR_DB, max=6.0)


def some_frames(count: int, rng: np.random.Generator) -> tuple[list[Tensor], Tensor]:
    """Inputs of random places in random notes, and the decibels [count, bins] of their STFT."""
    latent = rng.standard_normal((count, 2))
    pitch, time_s = rng.uniform(43, 84, (count, 1)), LONGEST_S * rng.uniform(0, 1, (count, 1)) ** 2
    f0 = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    around_s = time_s + (np.arange(N_FFT) - N_FFT // 2) / RATE_HZ
    audio = np.zeros((count, N_FFT))
    for n in range(1, 80):
        decay = np.exp(0.8 * latent[:, 1:]) * n**0.7
        level = 0.25 * n ** -(1.5 + 0.5 * latent[:, :1]) * np.exp(-decay * np.maximum(around_s, 0.0))
        audio += np.where(n * f0 < RATE_HZ / 2, level, 0.0) * np.sin(2.0 * np.pi * n * f0 * around_s)
    window = np.hanning(N_FFT + 1)[:-1]
    spectrum = np.abs(np.fft.rfft(np.where(around_s >= 0.0, audio, 0.0) * window)) / REFERENCE
    inputs = [torch.tensor(v, dtype=torch.float32) for v in (latent, pitch, time_s)]
    return inputs, torch.tensor(20.0 * np.log10(spectrum + 10.0 ** (FLOOR_DB / 20.0)), dtype=torch.float32)


def train(decoder: PitchedMlp, frames: int, seconds: float) -> float:
    """Adam on the absolute difference in decibels; the last one."""
    inputs, target = some_frames(frames, np.random.default_rng(1))
    optimizer = torch.optim.Adam(decoder.parameters(), 4e-3)
    end, error = time.monotonic() + seconds, torch.tensor(0.0)
    while time.monotonic() < end:
        chosen = torch.randint(0, frames, (16,))
        error = (decoder(*(x[chosen] for x in inputs)) - target[chosen]).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return error.item()


def main(folder: Path = Path("."), frames: int = 1500, seconds: float = 60.0) -> Path:
    """Train, then export."""
    torch.manual_seed(1)
    decoder = PitchedMlp()
    print(f"mean difference {train(decoder, frames, seconds):.2f} dB")
    manifest = {
        "name": "Pitched MLP", "license": "CC0-1.0", "tags": ["lab", "pitched"],
        "description": "Plucked tones: a knob for their slope, a knob for their decay.",
        "authors": ["Afterimage contributors"],
        "training_data": [{"name": "synthesis in this script", "license": "CC0-1.0"}],
        "representation": {
            "kind": "log-amplitude", "sample_rate": RATE_HZ, "n_fft": N_FFT, "hop": HOP, "unit": "db",
            "reference": REFERENCE, "floor": FLOOR_DB, "gate": FLOOR_DB + 10.0, "phase": "f0-lock",
        },
        "inputs": ["latent", "pitch", {"role": "time_on", "range": [0.0, LONGEST_S]}],
        "play": {"mode": "pitched", "range": [43, 84]},
    }  # fmt: skip
    one = torch.ones(1, 1)
    latents = np.random.default_rng(1).standard_normal((frames, 2))
    presets = {"Plain": [0.0, 0.0], "Dark and long": [1.0, -1.0], "Bright and short": [-1.0, 1.0]}
    example = (torch.zeros(1, 2), 60.0 * one, one)
    return export(decoder, manifest, example, latents=latents, presets=presets, folder=folder)


if __name__ == "__main__":
    print(main())
