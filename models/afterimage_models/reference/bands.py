"""Bands over STFT bins: mel and logarithmic frequency, forward and back. Dense matrices, float64.

Sources: Slaney 1998, "Auditory Toolbox", Technical Report 1998-010 (mel scale and area norm);
Young et al., "The HTK Book", sec. 5.4 (the other mel scale); Golub, Van Loan 2013, "Matrix
Computations", sec. 6.1.5 (ridge regression); Lee, Seung 2001, "Algorithms for non-negative matrix
factorization" (the multiplicative steps).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
MelScale = Literal["slaney", "htk"]
MelNorm = Literal["slaney", "none"]

SMOOTHNESS = 1e-3  # weight of the squared second differences
RIDGE = 1e-6  # weight of the squared values: bins that no band sees have an answer too


def hz_to_mel(hz: Real, scale: MelScale) -> Real:
    """HTK: 2595 log10(1 + f / 700). Slaney: 3 mel for 200 Hz up to 1 kHz, then 27 mel for a factor of 6.4."""
    hz = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + 27.0 * np.log(np.maximum(hz, 1.0) / 1000.0) / np.log(6.4))


def mel_to_hz(mel: Real, scale: MelScale) -> Real:
    """The other way."""
    mel = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))


def triangles(bin_hz: Real, low: Real, centre: Real, high: Real) -> Real:
    """`[bands, bins]`: 1 at each centre, 0 at `low` and `high`, straight between."""
    rising = (bin_hz[None, :] - low[:, None]) / (centre - low)[:, None]
    falling = (high[:, None] - bin_hz[None, :]) / (high - centre)[:, None]
    weights = np.minimum(rising, falling)
    return np.where(weights > 1e-9, weights, 0.0)  # an edge that meets a bin must not see it by rounding


def bin_frequencies(rate_hz: float, fft_size: int) -> Real:
    """Centre of each bin in Hz."""
    return np.arange(fft_size // 2 + 1) * rate_hz / fft_size


def mel_edges(bands: int, f_min: float, f_max: float, scale: MelScale) -> Real:
    """`bands + 2` frequencies in Hz, equally far apart in mel."""
    ends = hz_to_mel(np.array([f_min, f_max]), scale)
    return mel_to_hz(np.linspace(ends[0], ends[1], bands + 2), scale)


def mel_bank(
    rate_hz: float, fft_size: int, bands: int, f_min: float, f_max: float, scale: MelScale, norm: MelNorm
) -> Real:
    """Mel filters, `[bands, bins]`; the `slaney` norm makes each one's area over Hz 1."""
    edges = mel_edges(bands, f_min, f_max, scale)
    bank = triangles(bin_frequencies(rate_hz, fft_size), edges[:-2], edges[1:-1], edges[2:])
    return bank * (2.0 / (edges[2:] - edges[:-2]))[:, None] if norm == "slaney" else bank


def log_frequency_bank(rate_hz: float, fft_size: int, bands: int, f_min: float, f_max: float) -> Real:
    """Bands whose centres go from `f_min` to `f_max` in equal ratios, `[bands, bins]`, each with sum 1.

    A side of a triangle reaches to the next band's centre, but at least to the next bin: where bands
    are closer than bins they interpolate, where they are further apart they average.
    """
    ratio = (f_max / f_min) ** (1.0 / (bands - 1))
    centre = f_min * ratio ** np.arange(bands)
    width = rate_hz / fft_size
    low = centre - np.maximum(centre - centre / ratio, width)
    high = centre + np.maximum(centre * ratio - centre, width)
    bank = triangles(bin_frequencies(rate_hz, fft_size), low, centre, high)
    return bank / np.sum(bank, axis=1, keepdims=True)


class BandInverse:
    """Bins that give back the bands: smooth where the bands leave them free, never negative."""

    def __init__(self, bank: Real, power: int) -> None:
        """One matrix for all frames; `power` 2: the bands are sums of squared magnitudes."""
        self.power = power
        seen = np.flatnonzero(bank.sum(axis=0) > 0.0)
        self.bins = bank.shape[1]
        self.span = slice(int(seen[0]), int(seen[-1]) + 1)
        bank = bank[:, self.span]
        sums = bank.sum(axis=1)
        self.scale = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0.0)
        self.bank = bank * self.scale[:, None]  # rows of sum 1: a wide band weighs as much as a narrow one
        count = bank.shape[1]
        second = np.diff(np.eye(count), 2, axis=0)
        normal = self.bank.T @ self.bank + SMOOTHNESS * second.T @ second + RIDGE * np.eye(count)
        self.matrix = np.linalg.solve(normal, self.bank.T)

    def apply(self, bands: Real, steps: int = 0) -> Real:
        """Magnitudes `[..., bins]` of bands `[..., bands]`; the matrix works on amplitudes, the steps on the bands."""
        wanted = bands * self.scale
        found = np.maximum(wanted ** (1.0 / self.power) @ self.matrix.T, 0.0) ** self.power
        for _ in range(steps):
            found = self._step(found, wanted)
        result = np.zeros((*bands.shape[:-1], self.bins))
        result[..., self.span] = found ** (1.0 / self.power)
        return result

    def _step(self, found: Real, wanted: Real) -> Real:
        """Lee and Seung's update for the divergence: a bin times the mean of its bands' ratios."""
        held = found @ self.bank.T
        ratios = np.divide(wanted, held, out=np.zeros_like(wanted), where=held > 1e-30)
        sums = self.bank.sum(axis=0)
        return np.where(sums > 0.0, found * (ratios @ self.bank) / np.where(sums > 0.0, sums, 1.0), found)
