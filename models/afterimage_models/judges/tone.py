"""Measures of tone: contrast of spectral octaves, what lies between partials, floor and haze."""

from __future__ import annotations

import numpy as np

from ..spectrum import BINS, GATE_DB, HOP, N_FFT, SAMPLE_RATE, decibels, note_to_hz, spectrogram, stft_at

OCTAVES_HZ = [(250.0 * 2**n, 500.0 * 2**n) for n in range(6)]
BETWEEN_BINS = 3.0  # closer to a partial than this is the partial's own lobe
BETWEEN_LIMIT_HZ = 8000.0
HAZE_DB = -70.0  # relative to the loudest bin
HAZE_MARGIN_DB = 12.0
HAZE_FRAMES = 8
FLOOR_FROM_S, FLOOR_TO_S = 0.5, 0.75  # after note-off


def held_frames(audio: np.ndarray, hold_s: float) -> np.ndarray:
    """Frames [n, BINS] dB of the steady part of a note: from 80 ms after note-on to 30 ms before note-off."""
    start, stop = int(0.08 * SAMPLE_RATE), int((hold_s - 0.03) * SAMPLE_RATE)
    return np.maximum(spectrogram(audio[: max(stop, start + HOP)])[start // HOP :], GATE_DB)


def octave_contrast_db(frames: np.ndarray) -> np.ndarray:
    """Mean level of the strongest 10 % of bins less that of the weakest 30 %, in each octave: [octaves] dB.

    Source: Jiang et al. 2002, "Music type classification by spectral contrast feature", in octaves from 250 Hz.
    """
    out = []
    for low_hz, high_hz in OCTAVES_HZ:
        low, high = int(low_hz * N_FFT / SAMPLE_RATE), int(high_hz * N_FFT / SAMPLE_RATE)
        band = np.sort(frames[:, low:high], axis=1)
        count = band.shape[1]
        top = band[:, -max(count // 10, 1) :].mean()
        out.append(top - band[:, : max(int(count * 0.3), 1)].mean())
    return np.array(out)


def between_partials_db(frames: np.ndarray, note: float) -> float:
    """Median level in dB of bins between the partials up to 8 kHz; NaN where partials lie too close."""
    spacing = float(note_to_hz(note)) * N_FFT / SAMPLE_RATE
    bins = np.arange(BINS)
    order = np.maximum(np.round(bins / spacing), 1)
    between = np.abs(bins - order * spacing) > BETWEEN_BINS
    between &= (bins > spacing) & (bins < BETWEEN_LIMIT_HZ * N_FFT / SAMPLE_RATE)
    return float(np.median(frames[:, between])) if between.sum() > 4 else float("nan")


def floor_after_end_db(audio: np.ndarray, hold_s: float) -> float:
    """Level of 0.5..0.75 s after note-off relative to the note's peak, in dB RMS; -120 for silence."""
    part = audio[int((hold_s + FLOOR_FROM_S) * SAMPLE_RATE) : int((hold_s + FLOOR_TO_S) * SAMPLE_RATE)]
    peak = float(np.max(np.abs(audio))) + 1e-12
    rms = float(np.sqrt(np.mean(part**2))) if len(part) else 0.0
    return max(20.0 * np.log10(rms / peak + 1e-12), -120.0)


def haze_share(reference: np.ndarray, test: np.ndarray, hold_s: float) -> float:
    """Share of the held frames' bins that the test fills and the original does not.

    Filled: above -70 dB of the test's loudest bin. Not: 12 dB lower in the reference. Both on power averaged over
    8 frames, because single draws of one noise lie that far apart.
    """
    a, b = _smoothed_db(reference, hold_s), _smoothed_db(test, hold_s)
    rows = min(len(a), len(b))
    hazy = (b[:rows] > b.max() + HAZE_DB) & (b[:rows] > a[:rows] + HAZE_MARGIN_DB)
    return float(np.mean(hazy))


def _smoothed_db(audio: np.ndarray, hold_s: float) -> np.ndarray:
    start, stop = int(0.08 * SAMPLE_RATE), int((hold_s - 0.03) * SAMPLE_RATE)
    frames = decibels(stft_at(audio[: max(stop, start + HOP)], np.arange(start, max(stop, start + HOP), HOP)))
    power = np.cumsum(np.vstack([np.zeros((1, BINS)), 10.0 ** (frames / 10.0)]), axis=0)
    count = min(HAZE_FRAMES, len(frames))
    return 10.0 * np.log10((power[count:] - power[:-count]) / count)
