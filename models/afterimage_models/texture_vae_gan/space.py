"""The knobs of the texture pack: whitened latents, turned towards what they change, each with a name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..latent_axes import Heard, Measure, named_axes
from ..spectrum import GATE_DB
from .frames import BANDS, F_MAX, F_MIN, FRAMES_A_SECOND
from .network import LATENT, Decoder, soft_gate
from .paths import Paths

HEARD_FRAMES = 94  # a second of every probe
AUDIBLE_DB = 15.0  # above the gate
HIGH_HZ, BODY_HZ, LOW_HZ = 5000.0, (150.0, 700.0), 150.0
SEED = 11
MEASURES = {
    "brightness": Measure("Brightness", "power centroid", "octaves"),
    "grit": Measure("Grit", "mean noisiness of what is audible", "share"),
    "motion": Measure("Motion", "spread of the level over a second", "dB"),
    "flicker": Measure("Flicker", "change of the level from frame to frame", "dB"),
    "air": Measure("Air", "power above 5 kHz relative to the whole", "dB"),
    "body": Measure("Body", "power from 150 to 700 Hz relative to the whole", "dB"),
    "depth": Measure("Depth", "power below 150 Hz relative to the whole", "dB"),
    "ring": Measure("Ring", "loudest band relative to the mean of the audible ones", "dB"),
    "width": Measure("Width", "spread of the power over frequency", "octaves"),
    "drift": Measure("Drift", "spread of the centroid over a second", "octaves"),
}


def band_hz() -> np.ndarray:
    """Centre of each band in Hz."""
    from ..reference.bands import mel_edges

    return mel_edges(BANDS, F_MIN, F_MAX, "slaney")[1:-1]


@dataclass(frozen=True)
class Space:
    """Knob space: inner latent = knobs @ basis @ root + mean. `axes`: manifest rows in knob order."""

    basis: np.ndarray
    root: np.ndarray
    mean: np.ndarray
    axes: list[dict]

    def to_inner(self, knobs: np.ndarray) -> np.ndarray:
        """[n, LATENT] knob units to network latents."""
        return knobs @ self.basis @ self.root + self.mean

    def to_knobs(self, inner: np.ndarray) -> np.ndarray:
        """The other way."""
        return np.linalg.solve(self.root, (inner - self.mean).T).T @ self.basis.T

    def save(self, path: Path) -> None:
        """All but the axes, which the manifest has."""
        np.savez(path, basis=self.basis, root=self.root, mean=self.mean)

    @classmethod
    def load(cls, path: Path) -> Space:
        """What `save` wrote."""
        saved = np.load(path)
        return cls(saved["basis"], saved["root"], saved["mean"], [])


def moments_root(moments: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric root of the covariance, and the mean, of the latents that training saw."""
    mean = moments["mean"].cpu().numpy().astype(np.float64)
    covariance = moments["square"].cpu().numpy().astype(np.float64) - np.outer(mean, mean)
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 1e-6))) @ vectors.T, mean


@torch.no_grad()
def draw(decoder: Decoder, inner: np.ndarray, frames: int = HEARD_FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """Levels in dB and noisiness [n, frames, BANDS] of latents, each with paths of its own."""
    generator = torch.Generator().manual_seed(SEED)
    paths, levels, noise = Paths(), [], []
    for part in torch.tensor(inner, dtype=torch.float32).split(64):
        start = 100.0 * torch.rand(len(part), 1, generator=generator)
        seconds = start + torch.arange(frames) / FRAMES_A_SECOND
        level, noisiness = decoder.eval()(part, paths(seconds, torch.randn(len(part), 1, generator=generator)))
        levels.append(soft_gate(level))
        noise.append(noisiness)
    return torch.cat(levels).numpy(), torch.cat(noise).numpy()


def _db(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return 10.0 * np.log10((part + 1e-12) / (whole + 1e-12))


def measure(level: np.ndarray, noisiness: np.ndarray) -> dict[str, np.ndarray]:
    """MEASURES of textures [n, frames, BANDS]."""
    hz = band_hz()
    octaves = np.log2(hz)
    audible = level > GATE_DB + AUDIBLE_DB
    power = 10.0 ** (level / 10.0) * audible
    total = power.sum((1, 2))
    over_hz = power.sum(1) + 1e-12
    centre = (over_hz * octaves).sum(1) / over_hz.sum(1)
    moving = (power * octaves).sum(2) / (power.sum(2) + 1e-12)
    loudness = 10.0 * np.log10(power.sum(2) + 1e-9)
    count = audible.sum((1, 2)) + 1.0
    body = (hz >= BODY_HZ[0]) & (hz < BODY_HZ[1])
    return {
        "brightness": centre,
        "grit": (noisiness * audible).sum((1, 2)) / count,
        "motion": loudness.std(1),
        "flicker": np.abs(np.diff(loudness, axis=1)).mean(1),
        "air": _db(over_hz[:, hz >= HIGH_HZ].sum(1), total),
        "body": _db(over_hz[:, body].sum(1), total),
        "depth": _db(over_hz[:, hz < LOW_HZ].sum(1), total),
        "ring": level.max((1, 2)) - (level * audible).sum((1, 2)) / count,
        "width": np.sqrt((over_hz * (octaves - centre[:, None]) ** 2).sum(1) / over_hz.sum(1)),
        "drift": moving.std(1),
    }


def build_space(decoder: Decoder, moments: dict[str, Tensor]) -> Space:
    """The named, ordered knob space of a trained decoder."""
    root, mean = moments_root(moments)

    def listen(white: np.ndarray) -> Heard:
        levels, noisiness = draw(decoder, white @ root + mean)
        return Heard(measure(levels, noisiness), levels.mean(1), np.zeros((len(white), 0)))

    basis, axes = named_axes(listen, MEASURES, LATENT)
    return Space(basis, root, mean, axes)
