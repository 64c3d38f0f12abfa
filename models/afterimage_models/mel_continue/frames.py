"""What a frame is: 128 mel bands of 1024 samples, in decibels, and how batches of sound become such frames."""

from __future__ import annotations

import torch
from torch import Tensor

from ..reference.bands import mel_bank
from .layout import (
    BANDS,
    CEILING_DB,
    F_MAX,
    F_MIN,
    FLOOR_DB,
    HOP,
    MEL_NORM,
    MEL_SCALE,
    N_FFT,
    REFERENCE,
    SAMPLE_RATE,
    STEP_DB,
)


class Analysis:
    """Sound to frames on one device, as `spectral` makes them: frame n is centred on sample n * HOP."""

    def __init__(self, device: torch.device) -> None:
        bank = mel_bank(SAMPLE_RATE, N_FFT, BANDS, F_MIN, F_MAX, MEL_SCALE, MEL_NORM)
        self.bank = torch.tensor(bank.T, dtype=torch.float32, device=device)
        self.window = torch.hann_window(N_FFT, device=device)

    def __call__(self, sound: Tensor, hop: int = HOP) -> Tensor:
        """[batch, samples] -> [batch, frames, BANDS] dB. The first and last frames reach over the sound's ends."""
        spectrum = torch.stft(sound, N_FFT, hop, window=self.window, return_complex=True, pad_mode="constant")
        bands = spectrum.abs().transpose(1, 2) @ self.bank
        return (20.0 * torch.log10(bands / REFERENCE + 1e-9)).clamp(FLOOR_DB, CEILING_DB)


def rounded(frames_db: Tensor) -> Tensor:
    """On the grid."""
    return torch.round(frames_db / STEP_DB) * STEP_DB


def spread(frames_db: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Grid values with uniform noise of one step, so that a net that hears them cannot count on the grid."""
    noise = torch.rand(frames_db.shape, device=frames_db.device, generator=generator) - 0.5
    return frames_db + STEP_DB * noise
