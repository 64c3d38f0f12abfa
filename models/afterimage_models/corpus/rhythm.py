"""Drum patterns: a groove drawn once a piece, varied a little every bar, filled every fourth or eighth."""

from __future__ import annotations

import numpy as np

from ..midi_file import Note

STEPS = 16
KICK, SNARE, RIM, CLOSED_HAT, OPEN_HAT, RIDE, TOMS = 36, 38, 37, 42, 46, 51, (50, 47, 43)
HIT_S = 0.1
SWING_SHARE = 0.3  # of the pieces
# Chance of a stroke at each sixteenth, from which a groove is drawn.
KICK_CHANCE = (1.0, 0.05, 0.2, 0.25, 0.1, 0.05, 0.35, 0.2, 0.6, 0.05, 0.4, 0.2, 0.1, 0.05, 0.3, 0.15)
SNARE_CHANCE = (0.0, 0.05, 0.0, 0.1, 1.0, 0.05, 0.0, 0.15, 0.0, 0.2, 0.0, 0.05, 1.0, 0.0, 0.1, 0.2)
VARIED = 0.04  # chance that a stroke of the groove changes in a bar


def _strokes(rng: np.random.Generator, chances: tuple[float, ...]) -> np.ndarray:
    return rng.random(STEPS) < np.array(chances)


def groove(rng: np.random.Generator) -> dict[int, np.ndarray]:
    """By key of the kit, which of the bar's sixteenths are struck."""
    every = int(rng.choice([1, 2, 2, 4]))
    top = int(rng.choice([CLOSED_HAT, CLOSED_HAT, RIDE]))
    pattern = {KICK: _strokes(rng, KICK_CHANCE), int(rng.choice([SNARE, SNARE, RIM])): _strokes(rng, SNARE_CHANCE)}
    pattern[top] = np.arange(STEPS) % every == 0
    if rng.random() < 0.5:
        pattern[OPEN_HAT] = np.arange(STEPS) == int(rng.choice([6, 10, 14]))
    return pattern


def play(seed: int, tempo_bpm: float, length_s: float) -> list[Note]:
    """A drum part of whole bars of four quarters, at least `length_s` long."""
    rng = np.random.default_rng(seed)
    pattern, step_s = groove(rng), 15.0 / tempo_bpm
    swing = 0.3 * step_s if rng.random() < SWING_SHARE else 0.0
    fill_every = int(rng.choice([4, 8]))
    notes: list[Note] = []
    for bar in range(1 + int(length_s / (STEPS * step_s))):
        fills = bar % fill_every == fill_every - 1
        for key, strokes in pattern.items():
            for step in np.flatnonzero(strokes ^ (rng.random(STEPS) < VARIED * (key in (KICK, SNARE, RIM)))):
                if fills and step >= STEPS - 4 and key != KICK:
                    continue
                notes.append(_hit(rng, key, bar, int(step), step_s, swing))
        if fills:
            keys = (SNARE, *TOMS)
            notes += [_hit(rng, key, bar, STEPS - 4 + place, step_s, swing) for place, key in enumerate(keys)]
    return sorted(notes)


def _hit(rng: np.random.Generator, key: int, bar: int, step: int, step_s: float, swing_s: float) -> Note:
    at = (bar * STEPS + step) * step_s + (swing_s if step % 2 else 0.0) + rng.normal(0.0, 0.002)
    accent = 108 if step % 4 == 0 else 80
    velocity = int(np.clip(accent + rng.normal(0.0, 7.0), 1, 127))
    return Note(max(at, 0.0), max(at, 0.0) + HIT_S, key, velocity)
