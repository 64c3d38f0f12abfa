"""Counter-based randomness: SplitMix64 read at an index (Steele, Lea, Flood 2014, fig. 16)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15

START_PHASE = 1
NOISE = 2
PAN = 3
QUIET_PHASE = 4
SAMPLING = 5
LATENT = 6


def mix(z: int) -> int:
    """Stafford's 64-bit finaliser, variant 13."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@dataclass(frozen=True)
class Stream:
    """The stream of one seed, purpose, key and channel."""

    seed: int
    purpose: int
    key: int = 0
    channel: int = 0

    @property
    def origin(self) -> int:
        """State before the first value."""
        place = (self.purpose << 32) | self.channel
        a = mix((self.seed + GAMMA) & MASK)
        b = mix(a ^ ((place + GAMMA) & MASK))
        return mix(b ^ ((self.key + GAMMA) & MASK))

    def u64_at(self, position: int) -> int:
        """64 random bits."""
        return mix((self.origin + (position + 1) * GAMMA) & MASK)

    def u32_at(self, position: int) -> int:
        """The upper 32 of them."""
        return self.u64_at(position) >> 32

    def uniform_at(self, position: int) -> float:
        """Uniform in [0, 1), 24 bits."""
        return (self.u64_at(position) >> 40) / 2.0**24

    def bipolar_at(self, position: int) -> float:
        """Uniform in [-1, 1), 24 bits."""
        return ((self.u64_at(position) >> 40) - 2**23) / 2.0**23

    def gaussian_at(self, position: int) -> float:
        """Normal, mean 0, deviation 1 (Box and Muller 1958)."""
        bits = self.u64_at(position)
        uniform = ((bits >> 40) + 1) / 2.0**24
        turns = (bits & 0xFFFFFFFF) / 2.0**32
        return float(np.sqrt(-2.0 * np.log(uniform)) * np.cos(2.0 * np.pi * turns))

    def near_gaussian(self, count: int) -> NDArray[np.float64]:
        """Values 0 .. count: the sum of four 16-bit uniform values, variance 1."""
        values = [self.u64_at(position) for position in range(count)]
        sums = [sum(value >> shift & 0xFFFF for shift in (0, 16, 32, 48)) for value in values]
        return (np.array(sums, dtype=np.float64) - 131070.0) * np.sqrt(3.0) / 65536.0
