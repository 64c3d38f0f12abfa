"""The spectrogram frames that every pitched model here reads and writes.

Frame n of a note is centred on sample n * HOP after note-on; 0 dB is a full-scale sine on a bin.
"""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 48_000
N_FFT = 2048
HOP = 256
BINS = N_FFT // 2 + 1
FLOOR_DB = -100.0
GATE_DB = -90.0
WINDOW = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
REFERENCE = float(WINDOW.sum() / 2.0)  # raw |STFT| of a full-scale sine: 512


def stft_at(audio: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Complex STFT rows centred on given samples.

    `audio`: [samples], linear, zero outside. `centres`: [frames] sample indices. Returns [frames, BINS].
    """
    half = N_FFT // 2
    padded = np.concatenate([np.zeros(half, np.float32), audio.astype(np.float32), np.zeros(N_FFT, np.float32)])
    starts = np.minimum(centres, len(audio))
    windows = padded[starts[:, None] + np.arange(N_FFT)[None, :]] * WINDOW
    return np.fft.rfft(windows, axis=1)


def decibels(spectrum: np.ndarray) -> np.ndarray:
    """Log-amplitude of raw STFT values in dB re REFERENCE, floored at FLOOR_DB."""
    return np.maximum(20.0 * np.log10(np.abs(spectrum) / REFERENCE + 1e-12), FLOOR_DB).astype(np.float32)


def log_frames(audio: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Log-amplitude frames [frames, BINS] in dB, everything under GATE_DB set to FLOOR_DB."""
    frames = decibels(stft_at(audio, centres))
    frames[frames < GATE_DB] = FLOOR_DB
    return frames


def spectrogram(audio: np.ndarray, hop: int = HOP) -> np.ndarray:
    """Log-amplitude frames of a whole signal, one each `hop` samples from sample 0."""
    return log_frames(audio, np.arange(0, max(len(audio), 1), hop))


def note_to_hz(note: np.ndarray | float) -> np.ndarray | float:
    """Equal-tempered frequency in Hz of a fractional MIDI note."""
    return 440.0 * 2.0 ** ((np.asarray(note, dtype=np.float64) - 69.0) / 12.0)


def hann_lobe(offset_bins: np.ndarray) -> np.ndarray:
    """Amplitude of the Hann window's transform at a fractional bin offset, 1 at 0.

    Closed form sinc(d) / (1 - d^2) of the periodic Hann window for large N.
    """
    d = np.abs(np.asarray(offset_bins, dtype=np.float64))
    near_one = np.abs(d - 1.0) < 1e-6
    safe = np.where(near_one, 0.5, d)
    return np.where(near_one, 0.5, np.sinc(safe) / (1.0 - safe**2))
