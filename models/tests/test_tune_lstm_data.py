"""The tune LSTM's data: labels, keys, and a split that holds whole tunes out."""

import numpy as np
import pytest

from afterimage_models.events.piece import Piece
from afterimage_models.events.tokens import encode
from afterimage_models.events.vocabulary import DURATION, NOTE
from afterimage_models.tune_lstm import corpus
from afterimage_models.tune_lstm.split import HELD_OUT, TRAIN, VALIDATION, group, split
from afterimage_models.tune_lstm.tune_set import NOTES, TRANSPOSITIONS, VOCABULARY, transpose, with_slips


def tune(seed, count=64, move=0, changed=0):
    rng = np.random.default_rng(seed)
    keys = 62 + np.abs(np.cumsum(rng.integers(-3, 4, count))) % 20 + move
    keys[rng.choice(count, changed, replace=False)] += 1
    starts = np.arange(count) * 12
    notes = np.stack([starts, np.full(count, 12), keys], axis=1)
    return Piece(notes, np.arange(0, count * 12 + 1, 48), "reel", "2/2", "test", str(seed))


@pytest.mark.parametrize(
    ("rhythm", "title", "number", "label"),
    [
        ("Reel", "The Jig of Slurs", None, "reel"),
        ("slipjig", "", None, "slip jig"),
        ("", "Quick Step. 25th Regt.", None, "march"),
        ("", "Lord Moira's Strathspey", None, "strathspey"),
        ("", "The Blooming Meadows", 980, "jig"),
        ("", "The Blooming Meadows", None, "any"),
        ("", "Fair Gentle Maid", None, "any"),
    ],
)
def test_a_label_is_the_field_then_the_title_then_the_section(rhythm, title, number, label):
    assert corpus.folk_label(rhythm, title, number) == label


def test_versions_of_a_tune_are_one_group_in_any_key():
    found = group([tune(1), tune(2), tune(1, move=5, changed=6), tune(3)])
    assert found[0] == found[2]
    assert len(set(found)) == 3


def test_no_group_is_divided():
    pieces = [tune(n % 60, move=n // 60) for n in range(120)]
    parts = split(pieces)
    np.testing.assert_array_equal(parts[:60], parts[60:])
    assert {TRAIN, VALIDATION, HELD_OUT} == set(parts)


@pytest.mark.parametrize("semitones", TRANSPOSITIONS)
def test_transposition_moves_the_notes_and_nothing_else(semitones):
    piece = tune(4)
    moved = Piece(piece.notes + [0, 0, semitones], piece.bars, "reel", "2/2", "test", "")
    np.testing.assert_array_equal(transpose(encode(piece, VOCABULARY), semitones), encode(moved, VOCABULARY))


def test_slips_change_some_notes_and_lengths_but_neither_time_nor_grammar():
    tokens = encode(tune(4, 400), VOCABULARY)
    slipped = with_slips(tokens, 0.1, np.random.default_rng(1))
    changed = tokens != slipped
    assert 0.03 < changed.mean() < 0.1
    said = [[VOCABULARY.meaning(int(t)) for t in row] for row in (tokens, slipped)]
    assert [name for name, _ in said[0]] == [name for name, _ in said[1]]
    assert {said[0][i][0] for i in np.flatnonzero(changed)} == {NOTE, DURATION}


def test_transposition_stops_at_the_edge_of_the_vocabulary():
    piece = tune(4)
    tokens = transpose(encode(piece, VOCABULARY), 99)
    assert tokens.max() < VOCABULARY.size
    notes = [VOCABULARY.meaning(int(t))[1] for t in tokens if VOCABULARY.meaning(int(t))[0] == NOTE]
    assert max(notes) == NOTES[-1]
    assert set(np.diff(notes)) == set(np.diff(piece.notes[:, 2]))
