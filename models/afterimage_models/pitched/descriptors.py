"""What a latent does to the sound, in numbers read from decoded frames: the ground for naming the axes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..spectrum import BINS, HOP, N_FFT, SAMPLE_RATE, note_to_hz
from .trunk import NoteTrunk

PROBE_KEYS = (48.0, 60.0, 72.0)
PROBE_VELOCITY = 0.75
HOLD_S = 2.0
ON_FRAMES = np.array([0, 1, 2, 3, 4, 6, 8, 11, 16, 24, 40, 64, 110, 190, 330])
OFF_FRAMES = np.array([8, 24, 48])
# name: (knob's name, what it is, unit)
DESCRIPTORS = {
    "brightness": ("Brightness", "power centroid over the first second", "octaves"),
    "sustain": ("Hold", "level at 1.76 s relative to 0.13 s", "dB"),
    "attack": ("Swell", "time to 90 % of the peak amplitude", "octaves of time"),
    "breath": ("Breath", "power between the partials relative to the partials", "dB"),
    "hollow": ("Hollow", "odd partials relative to even ones", "dB"),
    "release": ("Tail", "level 0.13 s after note-off relative to the hold", "dB"),
    "body": ("Body", "fundamental relative to the whole", "dB"),
    "strike": ("Strike", "centroid of the first 30 ms relative to the hold", "octaves"),
    "stretch": ("Stretch", "log of the inharmonicity coefficient", "octaves"),
    "air": ("Air", "power above 6 kHz relative to the whole", "dB"),
    "ripple": ("Ripple", "mean jump between neighbouring partials 2..16", "dB"),
}


@torch.no_grad()
def probe_frames(decoder: NoteTrunk, latents: np.ndarray, key: float) -> np.ndarray:
    """Power frames [latents, times, BINS] of one note at ON_FRAMES, then OFF_FRAMES after HOLD_S."""
    count, steps = len(latents), len(ON_FRAMES) + len(OFF_FRAMES)
    hop_s = HOP / SAMPLE_RATE
    on_s = np.concatenate([ON_FRAMES * hop_s, HOLD_S + OFF_FRAMES * hop_s])
    off_s = np.concatenate([-np.ones(len(ON_FRAMES)), OFF_FRAMES * hop_s])

    def column(values: np.ndarray) -> Tensor:
        return torch.tensor(np.tile(values, count), dtype=torch.float32).unsqueeze(1)

    latent = torch.tensor(np.repeat(latents, steps, axis=0), dtype=torch.float32)
    same = torch.ones(count * steps, 1)
    frames = decoder(latent, key * same, PROBE_VELOCITY * same, (column(on_s), column(off_s)))
    power = 10.0 ** (torch.clamp(frames, -90.0, 10.0) / 10.0)
    return (power - 1e-9).clamp(min=1e-12).numpy().reshape(count, steps, BINS)


def _ratio_db(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return 10.0 * np.log10((a + 1e-9) / (b + 1e-9))


def _centroid_octaves(power: np.ndarray) -> np.ndarray:
    return np.log2((power * np.arange(BINS)).sum(-1) / (power.sum(-1) + 1e-12) + 0.5)


def _attack_octaves(level: np.ndarray) -> np.ndarray:
    amplitude = np.sqrt(level)
    reached = np.argmax(amplitude >= 0.9 * amplitude.max(1, keepdims=True), axis=1)
    return np.log2((ON_FRAMES[reached] + 1) * HOP / SAMPLE_RATE)


def describe_power(power: np.ndarray, key: float) -> dict[str, np.ndarray]:
    """All descriptors but `stretch` of probe frames [n, times, BINS]; each [n]."""
    spacing = float(note_to_hz(key)) * N_FFT / SAMPLE_RATE
    bins = np.arange(BINS)
    order = np.maximum(np.round(bins / spacing), 1)
    near = np.abs(bins - order * spacing) <= 2.5
    on, off = power[:, : len(ON_FRAMES)], power[:, len(ON_FRAMES) :]
    level = on.sum(2)
    steady, early = on[:, 5:12].mean(1), on[:, :4].mean(1)
    peaks = np.stack([steady[:, int(k * spacing) - 1 : int(k * spacing) + 3].max(1) for k in range(1, 17)], axis=1)
    jumps = np.abs(np.diff(10.0 * np.log10(peaks[:, 1:] + 1e-9), axis=1)).mean(1)
    return {
        "brightness": _centroid_octaves(steady),
        "sustain": _ratio_db(level[:, 14], level[:, 9]),
        "attack": _attack_octaves(level),
        "breath": _ratio_db(steady[:, ~near].sum(1), steady[:, near].sum(1)),
        "hollow": _ratio_db(peaks[:, 2:11:2].sum(1), peaks[:, 1:10:2].sum(1)),
        "release": _ratio_db(off[:, 1].sum(1), level[:, 14]),
        "body": _ratio_db(peaks[:, 0], steady.sum(1)),
        "strike": _centroid_octaves(early) - _centroid_octaves(steady),
        "air": _ratio_db(steady[:, 256:].sum(1), steady.sum(1)),
        "ripple": jumps,
    }


@torch.no_grad()
def describe(decoder: NoteTrunk, latents: np.ndarray) -> dict[str, np.ndarray]:
    """Every descriptor, averaged over PROBE_KEYS, for `latents` [n, 16] in the network's own units; each [n]."""
    rows = []
    for key in PROBE_KEYS:
        row = describe_power(probe_frames(decoder, latents, key), key)
        same = torch.ones(len(latents), 1)
        times = 0.5 * same, -same
        features = decoder.features(
            torch.tensor(latents, dtype=torch.float32), key * same, PROBE_VELOCITY * same, times
        )
        row["stretch"] = decoder.inharmonicity(features).log2().squeeze(1).numpy()
        rows.append(row)
    return {name: np.mean([row[name] for row in rows], axis=0) for name in DESCRIPTORS}
