"""Whether a switch from one sound to another can be heard as such."""

from __future__ import annotations

import numpy as np
from scipy.signal import stft

N_FFT, HOP = 512, 128
HIGH_HZ = 8000.0
NEAR_S = 0.5
QUIET_SHARE = 0.5  # of the frames near the seam, those with the least flux, are no onsets
LEVEL_S = 0.1


def flux_db(audio: np.ndarray, rate: int) -> np.ndarray:
    """[frames] spectral flux above 8 kHz (the whole upper half where the rate holds less), in dB."""
    frequencies, _, spectrum = stft(audio, rate, nperseg=N_FFT, noverlap=N_FFT - HOP)
    high = np.abs(spectrum[frequencies >= min(HIGH_HZ, rate / 4)])
    rises = np.diff(high, axis=1, prepend=high[:, :1])
    return 10.0 * np.log10((rises**2).sum(axis=0) + 1e-14)


def seam_flux_db(audio: np.ndarray, rate: int, at: int) -> float:
    """Largest flux within a window of sample `at` over that of the frames near it that are no onsets, in dB."""
    flux = flux_db(audio, rate)
    middle, reach, near = round(at / HOP), N_FFT // HOP, round(NEAR_S * rate / HOP)
    seam = flux[max(middle - reach, 0) : middle + reach + 1].max()
    around = np.concatenate([flux[max(middle - near, 0) : middle - reach], flux[middle + reach + 1 : middle + near]])
    quiet = np.sort(around)[: max(int(len(around) * QUIET_SHARE), 1)]
    return float(seam - quiet.max())


def level_step_db(audio: np.ndarray, rate: int, at: int, seconds: float = LEVEL_S) -> float:
    """Level after sample `at` over the level before it, in dB."""
    span = round(seconds * rate)
    before, after = (float(np.mean(part**2)) for part in (audio[at - span : at], audio[at : at + span]))
    return 10.0 * float(np.log10((after + 1e-12) / (before + 1e-12)))


def gap_samples(audio: np.ndarray, at: int, reach: int = 2048) -> int:
    """Length of the longest run of exact zeros within `reach` of sample `at`."""
    longest = run = 0
    for value in audio[max(at - reach, 0) : at + reach]:
        run = run + 1 if value == 0.0 else 0
        longest = max(longest, run)
    return longest


def features(audio: np.ndarray, rate: int, at: int) -> np.ndarray:
    """What a listener who looks for the seam may go by: flux, level steps at three lengths, and the largest step."""
    steps = [level_step_db(audio, rate, at, seconds) for seconds in (0.01, 0.05, 0.2)]
    near = audio[max(at - 64, 0) : at + 64]
    jump = np.abs(np.diff(near)).max(initial=0.0) / (np.std(near) + 1e-6)
    return np.array([seam_flux_db(audio, rate, at), *steps, *np.abs(steps), jump])
