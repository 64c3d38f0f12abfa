"""Frames of partials and a noise envelope: `[f0, inharmonicity, partials ..., noise bands ...]`.

Source of the split: Serra, Smith 1990, "Spectral modeling synthesis".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bands import mel_bank
from .stft import hann_transform

Real = NDArray[np.float64]

MAIN_LOBE_BINS = 2.0
REACH_BINS = 4.0


@dataclass(frozen=True)
class HarmonicNoise:
    """Sizes of a frame over one transform."""

    rate_hz: float
    fft_size: int
    partials: int
    noise_bands: int
    f_min: float
    f_max: float

    @property
    def bank(self) -> Real:
        """Noise bands, peaks of 1."""
        return mel_bank(self.rate_hz, self.fft_size, self.noise_bands, self.f_min, self.f_max, "slaney", "none")

    def distances(self, f0: float, inharmonicity: float) -> Real:
        """Of each bin from each partial, in bins, `[partials, bins]`; partials out of range are infinitely far."""
        number = np.arange(1, self.partials + 1)
        hz = number * f0 * np.sqrt(1.0 + inharmonicity * number**2)
        place = hz * self.fft_size / self.rate_hz
        bins = np.arange(self.fft_size // 2 + 1)
        sounds = (place > 0.0) & (place <= bins[-1])
        return np.where(sounds[:, None], np.abs(bins - place[:, None]), np.inf)

    def estimate(self, magnitudes: Real, f0: float, inharmonicity: float) -> Real:
        """Amplitudes of partials and rms noise levels, `[partials + noise_bands]`, of one frame."""
        away = self.distances(f0, inharmonicity)
        lobes = np.where(away < MAIN_LOBE_BINS, hann_transform(np.minimum(away, 50.5)), 0.0)
        squares = np.sum(lobes**2, axis=1)
        amplitudes = np.divide(lobes @ magnitudes, squares, out=np.zeros_like(squares), where=squares > 0.0)
        left = np.maximum(magnitudes**2 - self._powers(away, amplitudes), 0.0)
        free = np.all(away >= MAIN_LOBE_BINS, axis=0)
        sums = self.bank @ free
        noise = np.divide(self.bank @ (left * free), sums, out=np.zeros_like(sums), where=sums > 0.0)
        return np.concatenate([amplitudes, np.sqrt(noise)])

    def render(self, levels: Real, f0: float, inharmonicity: float) -> Real:
        """Magnitudes of one frame: the powers of lobes and of noise between band centres add up."""
        power = self._powers(self.distances(f0, inharmonicity), levels[: self.partials])
        bank = self.bank
        sums = bank.sum(axis=0)
        share = np.divide(bank, sums, out=np.zeros_like(bank), where=sums > 0.0)
        return np.sqrt(power + levels[self.partials :] ** 2 @ share)

    @staticmethod
    def _powers(away: Real, amplitudes: Real) -> Real:
        lobes = np.where(away < REACH_BINS, hann_transform(np.minimum(away, 50.5)), 0.0)
        return amplitudes**2 @ lobes**2
