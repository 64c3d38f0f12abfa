"""How far a pack's textures are from the user's: colour and movement, since no two stretches of one are alike."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..spectrum import GATE_DB
from ..texture_vae_gan.export import PackDecoder
from ..texture_vae_gan.frames import FRAMES_A_SECOND

DRAWN_FRAMES = 376  # 4 s


def colour_db(a: np.ndarray, b: np.ndarray) -> float:
    """Distance in dB of two textures' mean levels [frames, BANDS], one gain taken off: root mean square over bands."""
    mean = [10.0 * np.log10((10.0 ** (np.maximum(x, GATE_DB) / 10.0)).mean(0)) for x in (a, b)]
    apart = np.maximum(mean[0], GATE_DB) - np.maximum(mean[1], GATE_DB)
    return float(np.std(apart))


def liveliness_db(level: np.ndarray) -> float:
    """How far the loudness [frames, BANDS] of a texture moves about its mean over a second and more, in dB."""
    loudness = 10.0 * np.log10((10.0 ** (np.maximum(level, GATE_DB) / 10.0)).sum(1))
    size = max(round(0.1 * FRAMES_A_SECOND), 1)
    return float(np.convolve(loudness, np.ones(size) / size, "valid").std())


@torch.no_grad()
def played(graph: PackDecoder, knobs: np.ndarray, seed: int) -> np.ndarray:
    """Levels [frames, BANDS] in dB of a pack's frames at `knobs` [LATENT], as the plugin asks for them."""
    time = torch.arange(DRAWN_FRAMES).unsqueeze(1) / FRAMES_A_SECOND + 0.5
    noise: Tensor = torch.full((DRAWN_FRAMES, 1), np.random.default_rng(seed).standard_normal())
    place = torch.from_numpy(knobs.astype(np.float32)).expand(DRAWN_FRAMES, -1)
    return graph(place, noise.float(), time.float()).numpy()
