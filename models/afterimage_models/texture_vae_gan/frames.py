"""The spectrogram of a texture: mel frames of 160 bands.

Frame n is centred n * HOP samples after the start; 0 dB is a full-scale sine in the middle of a bin and a band.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..reference.bands import mel_bank
from ..reference.stft import Spec, stft
from ..spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE

N_FFT, HOP = 2048, 512
SPEC = Spec(N_FFT, HOP)
BANDS = 160
F_MIN, F_MAX = 20.0, 22_000.0
REFERENCE = float(SPEC.window.sum() / 2.0)
FRAMES_A_SECOND = SAMPLE_RATE / HOP
SEGMENT = 192  # frames that the encoder sees: 2 s
BYTE_STEP_DB = 1.5


@cache
def bank() -> np.ndarray:
    """Mel filters [BANDS, bins] over amplitudes, each of height 1."""
    return mel_bank(SAMPLE_RATE, N_FFT, BANDS, F_MIN, F_MAX, "slaney", "none")


def mel_frames(audio: np.ndarray) -> np.ndarray:
    """Levels [frames, BANDS] in dB of a sound [samples]; under GATE_DB it is FLOOR_DB."""
    amplitude = np.abs(stft(SPEC, audio.astype(np.float64))) @ bank().T
    level = 20.0 * np.log10(amplitude / REFERENCE + 1e-12)
    return np.where(level < GATE_DB, FLOOR_DB, level).astype(np.float32)


def pack_levels(levels: np.ndarray) -> np.ndarray:
    """Levels in dB to bytes of BYTE_STEP_DB."""
    return np.round((levels - FLOOR_DB) / BYTE_STEP_DB).clip(0, 255).astype(np.uint8)


def unpack_levels(stored: np.ndarray) -> np.ndarray:
    """Bytes to levels in dB."""
    return stored.astype(np.float32) * BYTE_STEP_DB + FLOOR_DB
