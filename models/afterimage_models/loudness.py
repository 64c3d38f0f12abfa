"""Loudness after ITU-R BS.1770-4, for mono notes at 48 kHz."""

from __future__ import annotations

import numpy as np
from scipy.signal import freqz, lfilter

# BS.1770-4, tables 1 and 2: the two K-weighting stages at 48 kHz.
_SHELF_B, _SHELF_A = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
_HIGH_PASS_B, _HIGH_PASS_A = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
MOMENTARY_S = 0.4


def k_weighted(audio: np.ndarray) -> np.ndarray:
    """K-weighted signal. `audio`: [samples] at 48 kHz."""
    return lfilter(_HIGH_PASS_B, _HIGH_PASS_A, lfilter(_SHELF_B, _SHELF_A, audio))


def max_momentary_lufs(audio: np.ndarray, sample_rate: int = 48_000) -> float:
    """Largest loudness over 400 ms windows (every 100 ms) in LUFS; -120 for silence."""
    size, step = int(MOMENTARY_S * sample_rate), int(0.1 * sample_rate)
    power = np.concatenate([[0.0], np.cumsum(k_weighted(audio) ** 2)])
    windows = power[size::step] - power[:-size:step] if len(power) > size else power[-1:]
    mean = float(windows.max()) / size
    return -0.691 + 10.0 * np.log10(mean + 1e-12)


def k_weight_power(hz: np.ndarray) -> np.ndarray:
    """Power gain of the K-weighting at frequencies `hz` [n], below 24 kHz."""
    angle = 2.0 * np.pi * np.asarray(hz) / 48_000.0
    shelf = freqz(_SHELF_B, _SHELF_A, angle)[1]
    high_pass = freqz(_HIGH_PASS_B, _HIGH_PASS_A, angle)[1]
    return np.abs(shelf * high_pass) ** 2
