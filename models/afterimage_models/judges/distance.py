"""The log-spectral distance, defined here and nowhere else."""

from __future__ import annotations

import numpy as np

from ..spectrum import GATE_DB, HOP, spectrogram


def log_spectral_distance_db(reference: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Distance of each frame in dB: root mean square over bins of the difference of log-amplitudes.

    Both signals [samples] at 48 kHz, Hann 2048, hop 256, 0 dB = full-scale sine; levels under -90 dB count as
    -90. Notes are compared at the loudness of the training set (-23 LUFS), so -90 is about 75 dB below a peak.
    Returns [frames].
    """
    length = min(len(reference), len(test))
    a = np.maximum(spectrogram(reference[:length]), GATE_DB)
    b = np.maximum(spectrogram(test[:length]), GATE_DB)
    return np.sqrt(np.mean((a - b) ** 2, axis=1))


def smoothed_distance_db(reference: np.ndarray, test: np.ndarray, frames: int = 8) -> np.ndarray:
    """The same on power averaged over `frames` frames (one window): forgives the random fine grain of noise."""
    length = min(len(reference), len(test))

    def smooth(signal: np.ndarray) -> np.ndarray:
        power = 10.0 ** (np.maximum(spectrogram(signal[:length], HOP), GATE_DB) / 10.0)
        total = np.cumsum(np.vstack([np.zeros((1, power.shape[1])), power]), axis=0)
        return 10.0 * np.log10((total[frames:] - total[:-frames]) / frames)

    return np.sqrt(np.mean((smooth(reference) - smooth(test)) ** 2, axis=1))
