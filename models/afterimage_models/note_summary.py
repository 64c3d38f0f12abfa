"""What the encoder sees of a note: a pitch-normalised summary of its spectrogram."""

from __future__ import annotations

import numpy as np

from .spectrum import BINS, FLOOR_DB, HOP, N_FFT, SAMPLE_RATE, log_frames, note_to_hz

ON_TIMES_S = np.array([0.0, 0.0107, 0.0213, 0.0427, 0.0853, 0.171, 0.341, 0.683, 1.365, 2.05])
OFF_TIMES_S = np.array([0.0213, 0.064, 0.15, 0.3])
PARTIALS = np.concatenate([np.arange(1, 25), np.round(24 * 2 ** (np.arange(1, 9) / 4))]).astype(int)
NOISE_EDGES = np.round(np.geomspace(3, BINS - 1, 21)).astype(int)
STRETCH_PARTIALS = 16
SIZE = (len(ON_TIMES_S) + len(OFF_TIMES_S)) * (len(PARTIALS) + len(NOISE_EDGES) - 1) + STRETCH_PARTIALS + 3


def partial_levels(frames: np.ndarray, note: float) -> np.ndarray:
    """Largest level within a bin of each of PARTIALS. `frames`: [n, BINS] dB; returns [n, partials] dB."""
    position = PARTIALS * note_to_hz(note) * N_FFT / SAMPLE_RATE
    index = np.round(position).astype(int)
    inside = index < BINS - 1
    index = np.clip(index, 1, BINS - 2)
    levels = np.maximum(np.maximum(frames[:, index - 1], frames[:, index]), frames[:, index + 1])
    return np.where(inside, levels, FLOOR_DB)


def noise_levels(frames: np.ndarray) -> np.ndarray:
    """20th percentile of the bins of each of 20 log-spaced bands: [n, BINS] dB -> [n, 20] dB."""
    bands = [
        np.percentile(frames[:, low : max(high, low + 1)], 20, axis=1)
        for low, high in zip(NOISE_EDGES[:-1], NOISE_EDGES[1:], strict=True)
    ]
    return np.stack(bands, axis=1)


def stretch(frame: np.ndarray, note: float) -> np.ndarray:
    """How far, in bins, partials 1..16 of a frame [BINS] dB lie above their harmonic place; 0 where weak."""
    out = np.zeros(STRETCH_PARTIALS)
    spacing = note_to_hz(note) * N_FFT / SAMPLE_RATE
    for k in range(1, STRETCH_PARTIALS + 1):
        centre = k * spacing
        low, high = int(centre - 0.4 * spacing) + 1, int(centre + 0.4 * spacing) + 1
        if high >= BINS - 1 or high - low < 1 or low < 1:
            continue
        top = low + int(np.argmax(frame[low:high]))
        a, b, c = frame[top - 1 : top + 2]
        if b > -70.0 and b >= a and b >= c and a - 2 * b + c < -1e-6:
            out[k - 1] = np.clip(top + 0.5 * (a - c) / (a - 2 * b + c) - centre, -3, 3)
    return out


def centres(hold_s: float) -> np.ndarray:
    """Samples after note-on that a note held for `hold_s` is looked at, on whole frames."""
    on = np.minimum(ON_TIMES_S, hold_s - 0.03)
    seconds = np.concatenate([on, hold_s + OFF_TIMES_S])
    return np.round(seconds * SAMPLE_RATE / HOP).astype(int) * HOP


def summarise(audio: np.ndarray, note: float, velocity: float, hold_s: float) -> np.ndarray:
    """Summary vector [SIZE] of one normalised note.

    `audio`: [samples] from note-on, linear. `velocity`: 0..1. Times past the hold repeat its last frame.
    """
    frames = log_frames(audio, centres(hold_s))
    levels = np.concatenate([partial_levels(frames, note), noise_levels(frames)], axis=1)
    shape = stretch(frames[6], note)
    extra = [(note - 60.0) / 24.0, velocity, hold_s / 2.0]
    return np.concatenate([((levels + 60.0) / 30.0).ravel(), shape, extra]).astype(np.float32)
