"""Colouring of stored frames: the target and what it is encoded from must change alike."""

import numpy as np
import pytest

from afterimage_models import note_summary
from afterimage_models.note_summary import PARTIALS
from afterimage_models.pitched.colouring import LEVELS, TIMES, Colouring
from afterimage_models.spectrum import BINS, FLOOR_DB, N_FFT, SAMPLE_RATE, note_to_hz

NOTES, SOURCES = 40, 3
PITCH = 62.3


def flat_summaries(level_db):
    summary = np.zeros((NOTES, SOURCES, note_summary.SIZE), np.float32)
    summary[..., :LEVELS] = (level_db + 60.0) / 30.0
    return summary


def coloured(level_db=-50.0, hold_s=2.0, seed=3):
    colouring = Colouring(NOTES, np.random.default_rng(seed))
    shape = (NOTES, SOURCES)
    out = colouring.on_summaries(flat_summaries(level_db), np.full(shape, PITCH), np.full(shape, hold_s))
    return colouring, out[..., :LEVELS].reshape(NOTES, SOURCES, TIMES, -1) * 30.0 - 60.0


def test_a_partial_moves_alike_in_the_summary_and_in_the_frame():
    colouring, levels = coloured()
    time = 5
    at_s = note_summary.ON_TIMES_S[time]
    frames = colouring.on_frames(np.full((NOTES, BINS), -50.0), np.arange(NOTES), np.full(NOTES, at_s))
    for index, order in enumerate(PARTIALS[:20]):
        place = round(order * float(note_to_hz(PITCH)) * N_FFT / SAMPLE_RATE)
        np.testing.assert_allclose(levels[:, 1, time, index], frames[:, place], atol=1e-3)


def test_some_notes_are_filtered_some_decay_and_some_stay():
    colouring, _ = coloured()
    filtered = np.ptp(colouring.curve_db, axis=1) > 1.0
    assert 0.3 < filtered.mean() < 0.9
    assert 0.1 < np.mean(colouring.decay_db_s > 0.0) < 0.6


def test_the_loudest_frame_keeps_its_power():
    colouring, levels = coloured()
    still = colouring.decay_db_s == 0.0
    power = (10.0 ** (levels[still, 0, 0, : len(PARTIALS)] / 10.0)).sum(1)
    before = len(PARTIALS) * 10.0**-5.0
    assert np.median(np.abs(10.0 * np.log10(power / before))) < 0.01


@pytest.mark.parametrize("level_db", [FLOOR_DB])
def test_what_was_under_the_gate_stays_there(level_db):
    colouring, levels = coloured(level_db)
    np.testing.assert_allclose(levels, FLOOR_DB, atol=1e-3)
    frames = colouring.on_frames(np.full((NOTES, BINS), level_db), np.arange(NOTES), np.zeros(NOTES))
    np.testing.assert_array_equal(frames, FLOOR_DB)
    assert np.isfinite(colouring.curve_db).all() and np.abs(colouring.curve_db).max() < 30.0
