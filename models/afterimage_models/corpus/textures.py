"""Long sounds without a beat: slow chords on synthetic pads and effects, and recorded ambiences."""

from __future__ import annotations

import numpy as np

from ..midi_file import Note

PROGRAMS = (52, 53, 88, 89, 91, 92, 93, 94, 95, 96, 97, 99, 101, 103, 122)
"""Choirs, pads, effects and the seashore of General MIDI."""
AMBIENCES = (
    "ambi_choir", "ambi_dark_woosh", "ambi_drone", "ambi_glass_hum", "ambi_glass_rub", "ambi_haunted_hum",
    "ambi_lunar_land", "ambi_piano", "ambi_sauna", "ambi_soft_buzz", "ambi_swoosh", "loop_drone_g_97",
    "tbd_pad_1", "tbd_pad_2", "tbd_pad_3", "tbd_pad_4", "tbd_fxbed_loop",
)  # fmt: skip
"""Samples of the CC0 package that last and change."""
SCALES = ((0, 2, 4, 7, 9), (0, 3, 5, 7, 10), (0, 2, 5, 7, 9), (0, 2, 3, 7, 8))


def play(seed: int, length_s: float) -> list[Note]:
    """Chords of three or four notes that overlap, each five to ten seconds."""
    rng = np.random.default_rng(seed)
    root, scale = int(rng.integers(36, 60)), SCALES[int(rng.integers(len(SCALES)))]
    notes, at = [], 0.0
    while at < length_s:
        lasts = float(rng.uniform(5.0, 10.0))
        for degree in rng.choice(len(scale) * 2, size=int(rng.integers(3, 5)), replace=False):
            key = root + scale[degree % len(scale)] + 12 * (degree // len(scale))
            notes.append(Note(at, min(at + lasts + 1.0, length_s), key, int(rng.integers(60, 100))))
        at += lasts
    return sorted(notes)
