"""A NumPy stand-in for the plugin's inverse: frames to sound by f0-lock and overlap-add.

Numbers that count come from the plugin's own WAV; this serves early listening and training-side checks.
"""

from __future__ import annotations

import numpy as np

from .spectrum import BINS, GATE_DB, HOP, N_FFT, REFERENCE, SAMPLE_RATE, WINDOW, note_to_hz, stft_at

LOBE_REACH_BINS = 2.5  # further than this from every partial, a bin is noise
# A noise's mean log-amplitude lies 2.51 dB under its power (Euler's gamma / 2 nepers).
LOG_MEAN_GAIN = float(np.exp(np.euler_gamma / 2.0))


def tone_phases(note: float, frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Phases [frames, BINS] in radians, referred to the window's centre, and which bins are noise [BINS]."""
    spacing = float(note_to_hz(note)) * N_FFT / SAMPLE_RATE
    bins = np.arange(BINS)
    order = np.maximum(np.round(bins / spacing), 1)
    start = rng.uniform(0, 2 * np.pi, int(order.max()) + 1)[order.astype(int)]
    advance = 2 * np.pi * order * spacing / N_FFT * HOP
    phases = start[None, :] + np.arange(frames)[:, None] * advance[None, :]
    return phases, np.abs(bins - order * spacing) > LOBE_REACH_BINS


def noise_spectra(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Centred STFT [frames, BINS] of one white noise with unit mean power in a bin.

    Frames of a real noise agree where they overlap; random phases drawn anew for each would lose 9 dB there.
    """
    noise = rng.standard_normal(frames * HOP + N_FFT).astype(np.float32)
    signs = np.where(np.arange(BINS) % 2 == 0, 1.0, -1.0)
    spectra = stft_at(noise, np.arange(frames) * HOP + N_FFT // 2) * signs
    return spectra / np.sqrt(np.mean(np.abs(spectra[:, 8:-8]) ** 2))


def overlap_add(spectra: np.ndarray) -> np.ndarray:
    """Complex frames [n, BINS] referred to window centres -> samples from the centre of frame 0."""
    signs = np.where(np.arange(BINS) % 2 == 0, 1.0, -1.0)
    pieces = np.fft.irfft(spectra * signs, N_FFT, axis=1) * WINDOW
    length = (len(spectra) - 1) * HOP + N_FFT
    out, norm = np.zeros(length), np.zeros(length)
    for n, piece in enumerate(pieces):
        out[n * HOP : n * HOP + N_FFT] += piece
        norm[n * HOP : n * HOP + N_FFT] += WINDOW.astype(np.float64) ** 2
    # Samples before the first centre are not heard, so divide by the windows that exist, from the centre on.
    return (out / np.maximum(norm, 0.05))[N_FFT // 2 :].astype(np.float32)


def note_audio(frames_db: np.ndarray, note: float, seed: int = 0) -> np.ndarray:
    """Sound of a note from its frames [n, BINS] in dB, gated as the plugin gates them."""
    rng = np.random.default_rng(seed)
    amplitude = np.where(frames_db < GATE_DB, 0.0, 10.0 ** (frames_db / 20.0) * REFERENCE)
    phases, noise = tone_phases(note, len(frames_db), rng)
    spectra = amplitude * np.exp(1j * phases)
    grain = noise_spectra(len(frames_db), rng) * LOG_MEAN_GAIN
    spectra[:, noise] = (amplitude * grain)[:, noise]
    return overlap_add(spectra)
