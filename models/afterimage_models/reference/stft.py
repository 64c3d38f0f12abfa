"""STFT with frames centred on `n * hop`, phases about the centre, and its inverse.

Source: Allen, Rabiner 1977, "A unified approach to short-time Fourier analysis and synthesis".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Spec:
    """Size and hop in samples; periodic Hann window."""

    fft_size: int
    hop: int

    @property
    def bins(self) -> int:
        """Values in a frame."""
        return self.fft_size // 2 + 1

    @property
    def window(self) -> Real:
        """Periodic Hann, peak 1."""
        return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(self.fft_size) / self.fft_size)


def stft(spec: Spec, sound: Real) -> Complex:
    """Frames 0 .. len // hop, `[frames, bins]`; what lies outside the sound is zero."""
    half = spec.fft_size // 2
    padded = np.concatenate([np.zeros(half), sound, np.zeros(spec.fft_size)])
    frames = len(sound) // spec.hop + 1
    starts = spec.hop * np.arange(frames)
    segments = padded[starts[:, None] + np.arange(spec.fft_size)] * spec.window
    return np.fft.rfft(np.fft.ifftshift(segments, axes=1), axis=1)


def istft(spec: Spec, spectra: Complex, samples: int) -> Real:
    """Weighted overlap-add, divided by the squared windows of the frames 0, 1, ... that exist.

    Frames after the last count as silent, not as missing: a sound is cut, not stretched, at its end.
    """
    half = spec.fft_size // 2
    frames = len(spectra)
    total = max(samples, frames * spec.hop) + 2 * spec.fft_size
    sums, windows = np.zeros(total), np.zeros(total)
    segments = np.fft.fftshift(np.fft.irfft(spectra, spec.fft_size, axis=1), axes=1) * spec.window
    for frame in range(total // spec.hop - spec.fft_size // spec.hop):
        place = slice(frame * spec.hop, frame * spec.hop + spec.fft_size)
        windows[place] += spec.window**2
        if frame < frames:
            sums[place] += segments[frame]
    kept = slice(half, half + samples)
    return sums[kept] / windows[kept]


def hann_transform(distance_bins: Real) -> Real:
    """Transform of the Hann window about its centre, 1 at 0 (Harris 1978, sec. V.C)."""
    d = np.asarray(distance_bins, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.sinc(d) / (1.0 - d * d)
    return np.where(np.abs(np.abs(d) - 1.0) < 1e-9, 0.5, value)


def partial_hann_transform(distance_bins: Real, before: float) -> Complex:
    """Transform of the part of the window after `-before` windows from its centre, by quadrature.

    0.5 is the whole window. The Rust side has the closed form; this is Gauss-Legendre quadrature.
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    width = before + 0.5
    x = -before + 0.5 * width * (nodes + 1.0)
    window = (1.0 + np.cos(2.0 * np.pi * x)) * weights * 0.5 * width
    turns = np.multiply.outer(np.asarray(distance_bins, dtype=np.float64), x)
    return np.exp(-2j * np.pi * turns) @ window
