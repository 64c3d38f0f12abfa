"""What a continuation shares with its prompt: pulse and harmony, both without deciding on a tempo or a key."""

from __future__ import annotations

import numpy as np
from scipy.signal import stft

RATE = 22_050
HOP = 256
N_FFT = 1024
CHROMA_FFT = 8192  # semitones are told apart from 90 Hz on
LOWEST_HZ, HIGHEST_HZ = 90.0, 4000.0
PULSE_LAGS_S = (0.2, 2.0)


def onset_strength(audio: np.ndarray) -> np.ndarray:
    """[samples // HOP + 1] summed rise of the log spectrum from each frame to the next, in dB over 60 dB of range."""
    _, _, spectrum = stft(audio, RATE, nperseg=N_FFT, noverlap=N_FFT - HOP)
    level = 20.0 * np.log10(np.abs(spectrum) + 1e-7)
    level = np.maximum(level, level.max() - 60.0)
    return np.diff(level, axis=1, prepend=level[:, :1]).clip(min=0.0).mean(axis=0)


def pulse(audio: np.ndarray) -> np.ndarray:
    """Normalised autocorrelation of the onsets at lags of 0.2 to 2 s: which intervals the sound repeats at."""
    onsets = onset_strength(audio)
    onsets = onsets - onsets.mean()
    first, last = (round(lag * RATE / HOP) for lag in PULSE_LAGS_S)
    energy = float(onsets @ onsets)
    if energy < 1e-9 or len(onsets) <= last:
        return np.zeros(last - first)
    return np.array([onsets[lag:] @ onsets[: len(onsets) - lag] for lag in range(first, last)]) / energy


def pulse_agreement(prompt: np.ndarray, continuation: np.ndarray) -> float:
    """Correlation of two pulses, -1 to 1; 0 where either has none."""
    a, b = (p - p.mean() for p in (pulse(prompt), pulse(continuation)))
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 1e-9 else 0.0


def chroma(audio: np.ndarray) -> np.ndarray:
    """[12] power in each pitch class, C first, of sum 1; zeros for silence."""
    frequencies, _, spectrum = stft(audio, RATE, nperseg=CHROMA_FFT, noverlap=CHROMA_FFT // 2)
    power = (np.abs(spectrum) ** 2).mean(axis=1)
    inside = (frequencies >= LOWEST_HZ) & (frequencies <= HIGHEST_HZ)
    classes = np.round(69.0 + 12.0 * np.log2(frequencies[inside] / 440.0)).astype(int) % 12
    found = np.bincount(classes, weights=power[inside], minlength=12)
    return found / found.sum() if found.sum() > 0.0 else found


def chroma_agreement(prompt: np.ndarray, continuation: np.ndarray) -> float:
    """Cosine of the two sounds' pitch classes, by amplitude, 0 to 1."""
    a, b = np.sqrt(chroma(prompt)), np.sqrt(chroma(continuation))
    return float(a @ b)
