"""The spectrogram of a hit: 192 frames that the plugin plays, and the 73 knots among them that the network draws.

Frame n is centred n * HOP samples after the onset; 0 dB is a full-scale sine on a bin. A short window, because an
attack is smeared over the whole of it.
"""

from __future__ import annotations

import numpy as np

from ..reference.stft import Spec, stft
from ..spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE

N_FFT, HOP = 1024, 256
SPEC = Spec(N_FFT, HOP)
BINS = N_FFT // 2 + 1
REFERENCE = float(SPEC.window.sum() / 2.0)  # raw |STFT| of a full-scale sine: 256
FRAMES = 192
LENGTH = FRAMES * HOP
LENGTH_S = LENGTH / SAMPLE_RATE
# Every frame of the attack, then ever fewer: levels fall nearly linearly in dB, and the grain is drawn on all frames.
KNOTS = np.concatenate([np.arange(32), np.arange(32, 64, 2), np.arange(64, 128, 4), np.arange(128, 191, 8), [191]])
UINT8_STEP_DB = 0.5


def hit_frames(audio: np.ndarray) -> np.ndarray:
    """Log-amplitude frames [FRAMES, BINS] in dB of a hit [samples] from its onset; under GATE_DB it is FLOOR_DB."""
    padded = np.zeros(LENGTH)
    padded[: min(len(audio), LENGTH)] = audio[:LENGTH]
    level = 20.0 * np.log10(np.abs(stft(SPEC, padded))[:FRAMES] / REFERENCE + 1e-12)
    return np.where(level < GATE_DB, FLOOR_DB, level).astype(np.float32)


def between_knots() -> np.ndarray:
    """Matrix [FRAMES, knots] that draws straight lines between the knots."""
    places = np.arange(FRAMES)
    return np.stack([np.interp(places, KNOTS, row) for row in np.eye(len(KNOTS))], axis=1).astype(np.float32)


def pack_frames(frames: np.ndarray) -> np.ndarray:
    """Levels in dB to bytes of UINT8_STEP_DB."""
    return np.round((frames - FLOOR_DB) / UINT8_STEP_DB).clip(0, 255).astype(np.uint8)


def unpack_frames(stored: np.ndarray) -> np.ndarray:
    """Bytes to levels in dB."""
    return stored.astype(np.float32) * UINT8_STEP_DB + FLOOR_DB
