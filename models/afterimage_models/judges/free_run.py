"""How a run that feeds on itself fares: level, flatness and onsets second by second, and whether it collapsed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import stft

from .rhythm import HOP, RATE, onset_strength

QUIETER_DB, LOUDER_DB = 25.0, 12.0
"""A second that is this far below the prompt's quietest, or above its loudest, has collapsed or blown up."""
FLATTER_DB = 15.0  # spectral flatness above the prompt's flattest second: noise where there was music
FROZEN_SHARE = 0.1  # of the prompt's least movement: a frame that is held
BAD_SECONDS = 2  # one odd second is a rest or a crash cymbal


@dataclass(frozen=True)
class Second:
    """One second of a run."""

    level_db: float
    flatness_db: float
    movement_db: float


def seconds(audio: np.ndarray) -> list[Second]:
    """Level in dB of full scale, spectral flatness in dB (0 is white) and mean onset strength of each whole second."""
    moved = onset_strength(audio)
    found = []
    for number in range(len(audio) // RATE):
        part = audio[number * RATE : (number + 1) * RATE]
        _, _, spectrum = stft(part, RATE, nperseg=1024)
        power = (np.abs(spectrum) ** 2).mean(axis=1)[1:] + 1e-14
        flatness = 10.0 * float(np.mean(np.log10(power)) - np.log10(np.mean(power)))
        level = 10.0 * float(np.log10(np.mean(part**2) + 1e-12))
        frames = slice(number * RATE // HOP, (number + 1) * RATE // HOP)
        found.append(Second(level, flatness, float(moved[frames].mean())))
    return found


def collapsed(prompt: np.ndarray, run: np.ndarray) -> str | None:
    """Why a run counts as collapsed against its prompt; None where it does not.

    Both at `RATE`. A run has collapsed when at least `BAD_SECONDS` of it are silent, too loud, noise, or stand still,
    each measured against the prompt's own extremes.
    """
    before, after = seconds(prompt), seconds(run)
    levels = [s.level_db for s in before]
    reasons = {
        "silent": [s.level_db < min(levels) - QUIETER_DB for s in after],
        "too loud": [s.level_db > max(levels) + LOUDER_DB for s in after],
        "noise": [s.flatness_db > max(p.flatness_db for p in before) + FLATTER_DB for s in after],
        "stands still": [s.movement_db < FROZEN_SHARE * min(p.movement_db for p in before) for s in after],
    }
    return next((reason for reason, bad in reasons.items() if sum(bad) >= BAD_SECONDS), None)
