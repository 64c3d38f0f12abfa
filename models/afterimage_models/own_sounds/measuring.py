"""How far a pack's sounds are from the user's: the judges' distance on the NumPy stand-in's sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..judges.distance import log_spectral_distance_db
from ..judges.layout import Slice, level_gain
from ..midi_file import Note
from ..note_data import RenderedNote, normalise
from ..pitched.player import PackPlayer
from ..spectrum import SAMPLE_RATE
from .folder import Sound
from .notes import RELEASE_S, ended, holds, release

LONGEST_HOLD_S = 1.5  # as the shipped models are judged
NO_SOUND = np.zeros(0, np.float32)


def judged(sound: Sound, audio: np.ndarray) -> RenderedNote:
    """A sound [samples] as it is compared: held at most LONGEST_HOLD_S, no longer than it lasts, then let go."""
    level = normalise(audio, sound.velocity)
    lasts_s = len(level) / SAMPLE_RATE if ended(level) else holds(level)[0]
    hold_s = min(lasts_s, LONGEST_HOLD_S)
    heard = release(level, hold_s)[: int((hold_s + RELEASE_S) * SAMPLE_RATE)]
    return RenderedNote(heard, sound.key, sound.pitch, sound.velocity, hold_s)


def distances(player: PackPlayer, notes: list[RenderedNote], knobs: list[np.ndarray]) -> list[float]:
    """Log-spectral distance in dB of each note from what the pack plays at its `knobs` [16].

    One gain brings all of them to the notes' median loudness first, as the judges do.
    """
    reference, test = [], []
    for note, place in zip(notes, knobs, strict=True):
        struck = Note(0.0, note.hold_s, note.key, round(127 * note.velocity))
        reference.append(Slice(struck, note.audio, NO_SOUND))
        test.append(Slice(struck, player.note(place, struck, RELEASE_S, note.pitch), NO_SOUND))
    gain = level_gain(reference, test)
    matched = [replace(t, audio=gain * t.audio) for t in test]
    pairs = zip(reference, matched, strict=True)
    return [float(log_spectral_distance_db(a.audio, b.audio).mean()) for a, b in pairs]
