"""The mel frames that the codec reads and writes, on any device of torch.

Frame n is centred on sample n * HOP; 0 dB is a full-scale sine on a bin that one band sees whole.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..reference.bands import mel_bank

SAMPLE_RATE = 22_050
N_FFT = 1024
HOP = 256
BANDS = 128
F_MIN, F_MAX = 0.0, SAMPLE_RATE / 2
FLOOR_DB = -90.0
REFERENCE = N_FFT / 4  # raw |STFT| of a full-scale sine under a periodic Hann window
UNIT_DB, ZERO_DB = 20.0, -50.0
"""The networks see (dB - ZERO_DB) / UNIT_DB."""
CHUNK_FRAMES = 8192


def bank() -> np.ndarray:
    """Mel filters [BANDS, bins] over amplitudes, each 1 at its centre."""
    return mel_bank(SAMPLE_RATE, N_FFT, BANDS, F_MIN, F_MAX, "slaney", "none").astype(np.float32)


def mel_frames(audio: Tensor) -> Tensor:
    """Frames [samples // HOP + 1, BANDS] in dB of `audio` [samples] at SAMPLE_RATE, on the audio's device."""
    window = torch.hann_window(N_FFT, device=audio.device)
    weights = torch.from_numpy(bank().T.copy()).to(audio.device)
    padded = torch.nn.functional.pad(audio, (N_FFT // 2, N_FFT))
    segments = padded.unfold(0, N_FFT, HOP)[: len(audio) // HOP + 1]
    out = []
    for part in segments.split(CHUNK_FRAMES):  # all frames of a piece at once would take four times its memory
        magnitudes = torch.fft.rfft(part * window).abs() / REFERENCE
        out.append(to_db(magnitudes @ weights))
    return torch.cat(out)


def to_db(bands: Tensor) -> Tensor:
    """Amplitudes in dB, no lower than FLOOR_DB."""
    return (20.0 * torch.log10(bands.clamp(min=1e-6))).clamp(min=FLOOR_DB)


def scaled(frames_db: Tensor) -> Tensor:
    """Frames in dB as the networks see them."""
    return (frames_db - ZERO_DB) / UNIT_DB


def unscaled(values: Tensor) -> Tensor:
    """Frames in dB of what the networks give."""
    return values * UNIT_DB + ZERO_DB


def distance_db(reference: Tensor, test: Tensor) -> Tensor:
    """Log-spectral distance of frames [..., BANDS] in dB: root mean square over the bands, [...]."""
    return (reference - test).square().mean(-1).sqrt()
