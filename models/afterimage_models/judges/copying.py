"""How much of a continuation is its prompt again: agreement that was copied is no merit."""

from __future__ import annotations

import numpy as np
from scipy.signal import stft

from .rhythm import RATE

HOP = 1024
BANDS = 32
FLOOR_DB = -60.0
SAME_DB = 3.0
"""Frames closer than this are duplicates: the same recording read again with another phase of the hop is 1 to 2 dB off,
another stroke of the same drum 4 and more."""


def frames(audio: np.ndarray) -> np.ndarray:
    """[samples // HOP + 1, BANDS] log-spaced band levels in dB under the sound's loudest, floored."""
    frequencies, _, spectrum = stft(audio, RATE, nperseg=2 * HOP, noverlap=HOP)
    edges = np.geomspace(60.0, 10_000.0, BANDS + 1)
    place = np.digitize(frequencies, edges) - 1
    power = np.abs(spectrum) ** 2
    bands = np.stack([power[place == band].sum(axis=0) for band in range(BANDS)], axis=1)
    level = 10.0 * np.log10(bands + 1e-12)
    return np.maximum(level - level.max(), FLOOR_DB)


def differences_db(prompt: np.ndarray, continuation: np.ndarray) -> np.ndarray:
    """[continuation frames, prompt frames] root mean square difference of each pair, in dB."""
    a, b = frames(continuation), frames(prompt)
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squares, 0.0) / BANDS)


def longest_copy_s(prompt: np.ndarray, continuation: np.ndarray) -> float:
    """Length in seconds of the longest run of frames that follow each other in both."""
    same = differences_db(prompt, continuation) < SAME_DB
    run, longest = np.zeros(same.shape[1], int), 0
    for row in same:
        run = np.where(row, np.concatenate([[0], run[:-1]]) + 1, 0)
        longest = max(longest, int(run.max(initial=0)))
    return longest * HOP / RATE


def near_duplicate_share(prompt: np.ndarray, continuation: np.ndarray) -> float:
    """Share of the continuation's frames that the prompt holds too."""
    return float((differences_db(prompt, continuation).min(axis=1) < SAME_DB).mean())


def distance_db(prompt: np.ndarray, continuation: np.ndarray) -> float:
    """Root mean square difference of the two mean spectra in dB: how far the colour has wandered."""
    off = frames(continuation).mean(axis=0) - frames(prompt).mean(axis=0)
    return float(np.sqrt((off**2).mean()))
