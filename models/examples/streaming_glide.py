"""A streaming decoder: frames whose state goes from each to the next, so that its knobs have weight.

Run: `python examples/streaming_glide.py`. Learns a resonance that follows its knobs late, from gestures that it makes
itself, in less than a minute, and writes streaming-glide.onnx. The plugin carries the state, for every note its own.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from afterimage_models import export

RATE_HZ, N_FFT, HOP, BANDS = 22_050, 1024, 256, 64
QUIETEST, LOUDEST = 1e-4, 1e3  # mel powers that the network can say: 70 dB
HIDDEN, FRAMES = 32, 48
CACHED = 2  # frames that the causal convolution sees before the present one
GLIDE_S = (0.3, 0.05)  # time constants of the resonance's place and of its width


class StreamingGlide(nn.Module):
    """Latent [batch, 2] (place, width), a GRU's state, a convolution's cache -> mel powers [batch, bands]."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(2, HIDDEN)
        self.convolution = nn.Conv1d(HIDDEN, HIDDEN, CACHED + 1)
        self.out = nn.Linear(HIDDEN, BANDS)

    def levels(self, latent: Tensor, hidden: Tensor, cache: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scaled log powers, 0 the quietest and 1 the loudest, and both states after this frame."""
        hidden = self.cell(latent, hidden)
        seen = torch.cat([cache, hidden[:, :, None]], 2)
        level = self.out(torch.tanh(self.convolution(seen)[:, :, 0]))
        return level, hidden, seen[:, :, 1:]

    def forward(self, latent: Tensor, hidden: Tensor, cache: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Physical units, and the states in the order in which they came."""
        level, hidden, cache = self.levels(latent, hidden, cache)
        return QUIETEST * (LOUDEST / QUIETEST) ** level.clamp(0.0, 1.0), hidden, cache


def gestures(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Knobs [count, frames, 2] that jump now and then; scaled log mel powers [count, frames, bands] that follow."""
    rng = np.random.default_rng(seed)
    jumps = rng.random((count, FRAMES, 1)) < 0.06
    jumps[:, 0] = True
    drawn = rng.standard_normal((count, FRAMES, 2))
    knobs = np.zeros_like(drawn)
    heard = np.zeros((count, 2))
    follow = 1.0 - np.exp(-HOP / RATE_HZ / np.array(GLIDE_S))
    bins_hz = np.arange(N_FFT // 2 + 1) * RATE_HZ / N_FFT
    bank = librosa.filters.mel(sr=RATE_HZ, n_fft=N_FFT, n_mels=BANDS)
    powers = np.zeros((count, FRAMES, BANDS))
    for n in range(FRAMES):
        knobs[:, n] = np.where(jumps[:, n], drawn[:, n], knobs[:, n - 1])
        heard += follow * (knobs[:, n] - heard)
        centre_hz, width = 700.0 * 2.0 ** heard[:, :1], 0.35 * 2.0 ** heard[:, 1:]
        octaves = np.log2(np.maximum(bins_hz, 20.0) / centre_hz)
        powers[:, n] = (30.0 * np.exp(-((octaves / width) ** 2))) ** 2 @ bank.T
    scaled = np.log(np.clip(powers, QUIETEST, LOUDEST) / QUIETEST) / np.log(LOUDEST / QUIETEST)
    return torch.tensor(knobs, dtype=torch.float32), torch.tensor(scaled, dtype=torch.float32)


def train(decoder: StreamingGlide, data: tuple[Tensor, Tensor], steps: int) -> float:
    """Adam on the squared error over whole gestures; the last one."""
    optimizer = torch.optim.Adam(decoder.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=max(steps, 2))
    error = torch.tensor(0.0)
    for _ in range(steps):
        chosen = torch.randint(0, len(data[0]), (16,))
        knobs, target = (part[chosen] for part in data)
        hidden, cache = torch.zeros(len(chosen), HIDDEN), torch.zeros(len(chosen), HIDDEN, CACHED)
        levels = []
        for n in range(FRAMES):
            level, hidden, cache = decoder.levels(knobs[:, n], hidden, cache)
            levels.append(level)
        error = (torch.stack(levels, 1) - target).square().mean()
        optimizer.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return error.item()


def main(folder: Path = Path("."), gestures_made: int = 256, steps: int = 300) -> Path:
    """Train, then export."""
    torch.manual_seed(1)
    decoder = StreamingGlide()
    print(f"squared error {train(decoder, gestures(gestures_made, seed=1), steps):.5f}")
    manifest = {
        "name": "Streaming Glide", "license": "CC0-1.0", "family": "ae", "tags": ["lab", "texture"],
        "description": "Breath through a resonance that follows its knobs late.",
        "authors": ["Afterimage contributors"],
        "training_data": [{"name": "synthesis in this script", "license": "CC0-1.0"}],
        "representation": {
            "preset": "librosa-melspectrogram", "n_fft": N_FFT, "hop": HOP, "bins": BANDS, "gate": 2 * QUIETEST,
        },
        "inputs": ["latent", "state.hidden", "state.cache"], "outputs": ["frame", "state.hidden", "state.cache"],
        "play": {"mode": "drone", "gain_db": 6.0},
    }  # fmt: skip
    example = (torch.zeros(1, 2), torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN, CACHED))
    latents = np.random.default_rng(1).standard_normal((512, 2))
    presets = {"Breath": [0.0, 0.0], "Whistle": [1.0, -1.5], "Rumble": [-1.0, 1.0]}
    return export(decoder, manifest, example, latents=latents, presets=presets, folder=folder)


if __name__ == "__main__":
    print(main())
