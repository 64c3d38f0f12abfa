"""The key of a piece, and how much of the piece lies in it."""

from __future__ import annotations

import numpy as np

# Probe-tone ratings of Krumhansl & Kessler 1982, "Tracing the dynamic changes in perceived tonal organization", as
# printed in Krumhansl 1990, "Cognitive Foundations of Musical Pitch", table 2.1.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10, 11)  # natural, and the raised seventh
MAJOR, MINOR = 0, 1


def find_key(notes: np.ndarray) -> tuple[int, int]:
    """Tonic 0..11 and mode of notes [n, 3] (start, duration, MIDI key), by correlation with key profiles.

    Source: Krumhansl 1990, ch. 4, "A key-finding algorithm based on tonal hierarchies".
    """
    heard = np.bincount(notes[:, 2] % 12, notes[:, 1], minlength=12)
    profiles = [np.roll(p, tonic) for p in (MAJOR_PROFILE, MINOR_PROFILE) for tonic in range(12)]
    fit = [np.corrcoef(heard, p)[0, 1] if heard.std() > 0 else 0.0 for p in profiles]
    mode, tonic = divmod(int(np.argmax(fit)), 12)
    return tonic, mode


def share_in(notes: np.ndarray, tonic: int, mode: int) -> float:
    """Share of notes [n, 3] whose pitch class is in the scale of a key."""
    return float(np.isin((notes[:, 2] - tonic) % 12, (MAJOR_SCALE, MINOR_SCALE)[mode]).mean())


def in_key_share(notes: np.ndarray) -> float:
    """Share of notes [n, 3] whose pitch class is in the scale of the key that they are found to be in."""
    return share_in(notes, *find_key(notes))
