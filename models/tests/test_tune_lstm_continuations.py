"""The table of continuations: excerpts, and measures that tell a copy, a loop and a foreign key."""

import numpy as np
import pytest

from afterimage_models.events.copies import CopyFinder
from afterimage_models.events.piece import Piece
from afterimage_models.tune_lstm.continuation_table import composed_of, measure, truth_of, verdicts
from afterimage_models.tune_lstm.prompts import NEXT_BARS, PROMPT_BARS, excerpt, read, write

BAR, EIGHTH = 96, 12
BARS = PROMPT_BARS + NEXT_BARS


def tune(bars=BARS, pickup=0, seed=1, lines=None):
    """Eighths of a C major walk, after an anacrusis of `pickup` eighths."""
    count = bars * BAR // EIGHTH + pickup
    walk = np.abs(np.cumsum(np.random.default_rng(seed).integers(-2, 3, count))) % 14
    keys = np.array([60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83])[walk]
    notes = np.stack([np.arange(count) * EIGHTH, np.full(count, EIGHTH), keys], axis=1)
    first = [0] if pickup else []
    found = np.array(first + list(range(pickup * EIGHTH, count * EIGHTH + 1, BAR)))
    return Piece(notes, found if lines is None else lines, "reel", "2/2", "test", "a tune")


def made(piece, notes, shift=0):
    return composed_of({"excerpt": 0, "shift": shift, "notes": notes.tolist()}, [piece])


def last_notes(piece):
    half = PROMPT_BARS * BAR
    return piece.notes[piece.notes[:, 0] >= half] - [half, 0, 0]


def test_an_excerpt_begins_after_the_anacrusis_and_survives_its_file(tmp_path):
    found = excerpt(tune(BARS + 1, pickup=2))
    np.testing.assert_array_equal(found.notes[:, 0], np.arange(BARS * 8) * EIGHTH)
    write(tmp_path / "prompts.json", [found])
    (again,) = read(tmp_path / "prompts.json")
    np.testing.assert_array_equal(again.notes, found.notes)
    np.testing.assert_array_equal(again.bars, found.bars)
    assert (again.title, again.label) == ("a tune", "reel")


def test_a_bar_shared_by_two_parts_is_one_and_a_lost_bar_line_is_no_excerpt():
    whole = np.arange(BARS + 1) * BAR
    shared = np.sort(np.append(whole, 7 * BAR + 84))
    assert len(excerpt(tune(lines=shared)).bars) == BARS + 1
    assert excerpt(tune(lines=np.delete(whole, 5))) is None
    assert excerpt(tune(bars=BARS - 1)) is None


@pytest.mark.parametrize("shift", [0, 5, -3])
def test_the_true_next_bars_measure_alike_in_every_key(shift):
    piece = tune()
    training = CopyFinder([tune(seed=9)])
    true = measure([truth_of(piece)], training)
    again = measure([made(piece, last_notes(piece) + [0, 0, shift], shift)], training)
    assert again == pytest.approx(true)


def test_a_copy_of_the_prompt_is_called_one():
    piece = tune()
    prompt = piece.notes[piece.notes[:, 0] < PROMPT_BARS * BAR]
    row = measure([made(piece, prompt)], CopyFinder([tune(seed=9)]))
    assert row["motifs from the prompt"] == 1.0 and row["rhythm, nats to prompt"] == pytest.approx(0.0)
    assert row["copy from prompt, median"] == len(prompt)
    assert row["copy from training, median"] < 8
    assert measure([made(piece, prompt)], CopyFinder([piece]))["copy from training, median"] == len(prompt)


def test_a_loop_and_a_foreign_key_are_seen():
    piece = tune()
    bar = piece.notes[:8]
    loop = np.concatenate([bar + [n * BAR, 0, 0] for n in range(NEXT_BARS)])
    assert measure([made(piece, loop)], None)["loops"] == 1.0
    assert measure([truth_of(piece)], None)["loops"] == 0.0
    prompt = piece.notes[piece.notes[:, 0] < PROMPT_BARS * BAR]
    rows = {name: measure([made(piece, prompt + [0, 0, by])], None) for name, by in (("home", 0), ("foreign", 6))}
    said = verdicts(rows).splitlines()
    assert "+0.000" in said[0] and ", within" in said[0]
    assert "NOT within" in said[1]


def test_a_continuation_without_notes_is_counted_and_not_averaged():
    piece = tune()
    row = measure([made(piece, np.zeros((0, 3), int)), truth_of(piece)], None)
    assert (row["continuations"], row["too few notes"]) == (1, 1)
