"""A decoder without pitch: a convolutional VAE over librosa's power-mel images, played as whole sounds.

Run: `python examples/mel_vae.py`. Trains for some seconds on drums that it makes itself, and writes mel-vae.onnx.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from afterimage_models import export

RATE_HZ, HOP, BANDS, FRAMES, LATENT = 22_050, 512, 128, 64, 64
QUIETEST, LOUDEST = 1e-4, 1e4  # mel powers that the network can say: 80 dB
KL_WEIGHT = 3e-5
CHANNELS = (1, 12, 24, 48, 64)
SMALLEST = (BANDS // 16, FRAMES // 16)


class MelVae(nn.Module):
    """Images [batch, 1, bands, frames] of scaled log power, and latents [batch, 64]."""

    def __init__(self) -> None:
        super().__init__()
        pairs = list(zip(CHANNELS, CHANNELS[1:], strict=False))
        down = [layer for a, b in pairs for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU())]
        up = [
            layer
            for a, b in reversed(pairs)
            for layer in (nn.BatchNorm2d(b), nn.ReLU(), nn.ConvTranspose2d(b, a, 4, 2, 1))
        ]
        flat = CHANNELS[-1] * SMALLEST[0] * SMALLEST[1]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, 2 * LATENT))
        self.decoder = nn.Sequential(nn.Linear(LATENT, flat), nn.Unflatten(1, (CHANNELS[-1], *SMALLEST)), *up)

    def posterior(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation [batch, 64]."""
        mean, log_std = self.encoder(image).chunk(2, 1)
        return mean, log_std.exp()


class MelDecoder(nn.Module):
    """The decoder as a pack has it: latent [batch, 64] -> power-mel frames [batch, frames, bands]."""

    def __init__(self, vae: MelVae) -> None:
        super().__init__()
        self.decoder = vae.decoder

    def forward(self, latent: Tensor) -> Tensor:
        """Physical units: what librosa.feature.melspectrogram gives, frames before bands."""
        image = self.decoder(latent)[:, 0]
        return (QUIETEST * (LOUDEST / QUIETEST) ** image.clamp(0.0, 1.0)).transpose(1, 2)


def struck_skin(rng: np.random.Generator) -> np.ndarray:
    """A second and a half of a drum: a tone that falls as it dies away, and a rattle of filtered noise."""
    time_s = np.arange(FRAMES * HOP) / RATE_HZ
    pitch_hz = rng.uniform(60, 240) * (1.0 + rng.uniform(0.0, 2.0) * np.exp(-time_s * 30.0))
    tone = np.sin(2.0 * np.pi * np.cumsum(pitch_hz) / RATE_HZ) * np.exp(-time_s * rng.uniform(2.0, 12.0))
    spectrum = np.fft.rfft(rng.standard_normal(len(time_s)))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(time_s), 1.0 / RATE_HZ), 20.0) / rng.uniform(300, 6000))
    rattle = np.fft.irfft(spectrum * np.exp(-(octaves**2)), len(time_s)) * np.exp(-time_s * rng.uniform(3.0, 40.0))
    return 0.4 * (rng.uniform(0.2, 1.0) * tone + rng.uniform(0.1, 0.6) * rattle / np.abs(rattle).max())


def images(count: int, seed: int) -> Tensor:
    """Training images [count, 1, bands, frames], 0 the quietest, 1 the loudest."""
    rng = np.random.default_rng(seed)
    mel = [librosa.feature.melspectrogram(y=struck_skin(rng), sr=RATE_HZ)[:, :FRAMES] for _ in range(count)]
    scaled = np.log(np.clip(mel, QUIETEST, LOUDEST) / QUIETEST) / np.log(LOUDEST / QUIETEST)
    return torch.tensor(scaled[:, None], dtype=torch.float32)


def train(vae: MelVae, data: Tensor, steps: int) -> float:
    """Adam on the squared error and a light KL term; the last squared error."""
    optimizer = torch.optim.Adam(vae.parameters(), 4e-3)
    error = torch.tensor(0.0)
    for _ in range(steps):
        batch = data[torch.randint(0, len(data), (16,))]
        mean, std = vae.posterior(batch)
        error = (vae.decoder(mean + std * torch.randn_like(std)) - batch).square().mean()
        kl = 0.5 * (mean**2 + std**2 - 1.0 - 2.0 * std.log()).mean()
        optimizer.zero_grad()
        (error + KL_WEIGHT * kl).backward()
        optimizer.step()
    return error.item()


def main(folder: Path = Path("."), sounds: int = 200, steps: int = 400) -> Path:
    """Train, then export."""
    torch.manual_seed(1)
    vae, data = MelVae(), images(sounds, seed=1)
    print(f"squared error {train(vae, data, steps):.4f}")
    with torch.no_grad():
        mean, std = vae.eval().posterior(data)
    manifest = {
        "name": "Mel VAE", "license": "CC0-1.0", "family": "vae", "tags": ["lab", "drums"],
        "description": "Drums, learned from a synthesis of them.", "authors": ["Afterimage contributors"],
        "training_data": [{"name": "synthesis in this script", "license": "CC0-1.0"}],
        "representation": {"preset": "librosa-melspectrogram", "bins": BANDS, "gate": 2 * QUIETEST},
        "inputs": ["latent"], "play": {"mode": "one-shot", "default_preset": "Skin 1", "gain_db": 6.0},
    }  # fmt: skip
    presets = {f"Skin {i + 1}": mean[i] for i in range(4)}
    latents = mean + std * torch.randn_like(std)
    return export(MelDecoder(vae), manifest, torch.zeros(1, LATENT), latents=latents, presets=presets, folder=folder)


if __name__ == "__main__":
    print(main())
