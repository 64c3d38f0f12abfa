"""The corpus of recordings: what is played is in time, whole and the same for the same seed."""

from __future__ import annotations

import numpy as np

from afterimage_models.corpus import performance, rhythm, textures
from afterimage_models.corpus.style import LABELS
from afterimage_models.events.piece import Piece

# An upbeat of a quarter, then two bars of four quarters.
PIECE = Piece(
    np.array([[0, 24, 60], [24, 24, 62], [48, 72, 64], [120, 96, 65]]),
    np.array([0, 24, 120, 216]),
    "reel",
    "4/4",
    "",
    "",
)


def test_a_performance_begins_with_the_first_whole_bar_and_comes_again() -> None:
    notes = performance.perform(PIECE, tempo_bpm=120.0, seed=1, length_s=10.0)
    assert [note.key for note in notes[:4]] == [62, 64, 65, 62]
    onsets = np.array([note.start_s for note in notes[:4]])
    np.testing.assert_allclose(onsets, [0.0, 0.5, 2.0, 4.0], atol=5 * performance.TIMING_S)
    assert max(note.end_s for note in notes) <= 10.0


def test_drums_stay_on_their_sixteenths() -> None:
    for seed in range(20):
        notes = rhythm.play(seed, tempo_bpm=100.0, length_s=8.0)
        steps = np.array([note.start_s for note in notes]) / 0.15
        late = steps - np.floor(steps + 0.1)
        assert late.max() < 0.4 + 0.1 and late.min() > -0.1
        assert {note.key for note in notes} >= {rhythm.KICK}


def test_textures_never_fall_silent() -> None:
    notes = textures.play(seed=3, length_s=30.0)
    moments = np.arange(0.05, 29.9, 0.1)
    sounding = [any(note.start_s <= at < note.end_s for note in notes) for at in moments]
    assert all(sounding)


def test_one_seed_is_one_performance() -> None:
    assert rhythm.play(4, 120.0, 5.0) == rhythm.play(4, 120.0, 5.0) != rhythm.play(5, 120.0, 5.0)
    assert textures.play(4, 20.0) == textures.play(4, 20.0) != textures.play(5, 20.0)


def test_labels_are_told_apart() -> None:
    assert len(set(LABELS)) == len(LABELS) == 9
