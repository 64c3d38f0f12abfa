"""Pieces, tokens, sampling and the measures of music: each property, and each detector on what it must not pass."""

import numpy as np
import pytest

from afterimage_models.events import piece as store
from afterimage_models.events.copies import CopyFinder
from afterimage_models.events.motifs import divergence_nats, motif_recurrence, rhythms, whole_bar_share
from afterimage_models.events.naive_bayes import KindJudge
from afterimage_models.events.piece import Piece
from afterimage_models.events.sampling import draw, nucleus
from afterimage_models.events.tokens import decode, encode, prompt
from afterimage_models.events.tonality import MAJOR, MINOR, find_key, in_key_share
from afterimage_models.events.vocabulary import UnknownValueError, Vocabulary

VOCABULARY = Vocabulary.of(range(36, 97), (6, 12, 18, 24, 48), (1, 6, 12, 24, 48))
MAJOR_STEPS = (0, 2, 4, 5, 7, 9, 11, 12)


def tune(keys, ticks=12, bar=48, label="reel", anacrusis=0):
    """A tune of equal notes with a bar line every `bar` ticks after the anacrusis."""
    starts = np.arange(len(keys)) * ticks
    end = len(keys) * ticks
    bars = np.unique([0, *range(anacrusis, end, bar), end])
    notes = np.stack([starts, np.full(len(keys), ticks), keys], axis=1)
    return Piece(notes, bars, label, "2/4", "test", "a tune")


def random_tune(seed, count=64, ticks=12, label="reel"):
    keys = np.random.default_rng(seed).integers(60, 80, count)
    return tune(keys, ticks, label=label)


def chord_piece():
    notes = [[0, 48, 48], [0, 24, 60], [24, 24, 62], [48, 12, 50], [48, 12, 65], [72, 24, 64]]
    return Piece(np.array(notes), np.array([0, 48, 96]), "chorale", "2/4", "test", "held notes, a rest, chords")


@pytest.mark.parametrize("piece", [random_tune(1), tune(range(60, 75), anacrusis=12), chord_piece()])
def test_a_piece_survives_its_tokens(piece):
    back = decode(encode(piece, VOCABULARY), VOCABULARY, piece)
    np.testing.assert_array_equal(back.notes, piece.notes)
    np.testing.assert_array_equal(back.bars, piece.bars)


@pytest.mark.parametrize("piece", [random_tune(2), tune(range(60, 75), anacrusis=12), chord_piece()])
def test_tokens_of_a_piece_keep_the_grammar(piece):
    tokens = encode(piece, VOCABULARY)
    assert VOCABULARY.may_follow[tokens[:-1], tokens[1:]].all()


def test_a_broken_order_is_against_the_grammar():
    tokens = encode(random_tune(2), VOCABULARY)[::-1]
    assert not VOCABULARY.may_follow[tokens[:-1], tokens[1:]].all()


def test_a_value_without_a_token_is_refused():
    with pytest.raises(UnknownValueError, match="duration 7"):
        encode(tune([60, 62, 64], ticks=7), VOCABULARY)


def test_a_prompt_ends_on_the_bar_line_asked_for():
    tokens = encode(tune(range(60, 76)), VOCABULARY)
    assert decode(prompt(tokens, VOCABULARY, 2), VOCABULARY, tune([60])).bars.tolist() == [0, 48, 96]


def test_the_manifest_gives_back_the_vocabulary():
    row = VOCABULARY.manifest(0.9, 0.95)
    again = Vocabulary.from_manifest(row)
    assert all(again.meaning(t) == VOCABULARY.meaning(t) for t in range(VOCABULARY.size))
    assert [c["name"] for c in row["classes"]] == list(VOCABULARY.values)
    assert all(c["first"] == VOCABULARY.first[c["name"]] for c in row["classes"])


def test_stored_pieces_come_back(tmp_path):
    pieces = [random_tune(3), chord_piece()]
    store.save(tmp_path / "some.npz", pieces)
    for back, piece in zip(store.load(tmp_path / "some.npz"), pieces, strict=True):
        np.testing.assert_array_equal(back.notes, piece.notes)
        np.testing.assert_array_equal(back.bars, piece.bars)
        assert (back.label, back.metre, back.source, back.title) == (
            piece.label, piece.metre, piece.source, piece.title,
        )  # fmt: skip


def test_the_nucleus_is_the_smallest_set_that_holds_top_p():
    logits = np.log([[0.5, 0.3, 0.15, 0.05]])
    chance = nucleus(logits, np.ones((1, 4), bool), temperature=1.0, top_p=0.7)
    np.testing.assert_allclose(chance, [[0.625, 0.375, 0, 0]], atol=1e-12)


def test_what_the_grammar_forbids_is_never_likely():
    allowed = np.array([[False, True, True]])
    chance = nucleus(np.array([[50.0, 0.0, 0.0]]), allowed, temperature=0.9, top_p=0.95)
    np.testing.assert_allclose(chance, [[0, 0.5, 0.5]])


def test_low_temperature_takes_the_best():
    chance = nucleus(np.array([[1.0, 2.0, 1.9]]), np.ones((1, 3), bool), temperature=1e-3, top_p=0.95)
    np.testing.assert_allclose(chance, [[0, 1, 0]])


def test_draws_follow_their_probabilities():
    chance = np.tile([0.0, 0.25, 0.0, 0.75], (4000, 1))
    drawn = draw(chance, np.random.default_rng(0))
    assert set(drawn) == {1, 3}
    assert abs((drawn == 3).mean() - 0.75) < 0.03


@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_is_found_in_its_key(tonic):
    major = tune([60 + tonic + s for s in (*MAJOR_STEPS, 12, 7, 4, 0, 0)])
    minor = tune([60 + tonic + s for s in (0, 2, 3, 5, 7, 8, 11, 12, 12, 7, 3, 0, 0)])
    assert find_key(major.notes) == (tonic, MAJOR)
    assert find_key(minor.notes) == (tonic, MINOR)
    assert in_key_share(major.notes) == in_key_share(minor.notes) == 1.0


def test_notes_by_chance_are_not_in_key():
    assert in_key_share(random_tune(4, 400).notes) < 0.85


def test_a_tune_played_twice_recurs_and_one_by_chance_does_not():
    once = random_tune(5)
    twice = tune(np.tile(once.notes[:, 2], 2))
    assert motif_recurrence(once) < 0.02
    assert motif_recurrence(twice) > 0.45


def test_equal_rhythms_do_not_diverge_and_foreign_ones_do():
    slow, fast = rhythms(random_tune(1, ticks=24)), rhythms(random_tune(2, ticks=12))
    assert divergence_nats(fast, rhythms(random_tune(3, ticks=12))) == 0.0
    assert divergence_nats(slow, fast) == pytest.approx(np.log(2))


def test_whole_bars_are_counted():
    assert whole_bar_share(tune(range(60, 76))) == 1.0
    assert whole_bar_share(tune(range(60, 77), anacrusis=12)) == pytest.approx(4 / 5)


def test_a_copied_run_is_found_in_any_key():
    source, query = random_tune(6), random_tune(7)
    query.notes[20:32, 2] = source.notes[10:22, 2] + 3
    assert CopyFinder([random_tune(8), source]).longest_notes([query, source])[1] == len(source.notes)
    assert 12 <= CopyFinder([random_tune(8), source]).longest_notes([query])[0] <= 13


def test_strangers_share_only_short_runs():
    found = CopyFinder([random_tune(s) for s in range(10, 20)]).longest_notes([random_tune(9)])
    assert found[0] < 6


def test_another_rhythm_is_not_a_copy():
    source = random_tune(6)
    assert CopyFinder([source]).longest_notes([tune(source.notes[:, 2], ticks=6, bar=24)])[0] == 0


def test_no_run_reaches_over_the_end_of_a_source():
    first, second = random_tune(6, 20), random_tune(7, 20)
    both = tune(np.concatenate([first.notes[:, 2], second.notes[:, 2]]))
    assert CopyFinder([first, second]).longest_notes([both])[0] == 20


def test_the_judge_tells_kinds_apart_by_rhythm_alone():
    reels = [random_tune(s, ticks=12) for s in range(8)]
    airs = [random_tune(s, ticks=24, label="air") for s in range(8)]
    judge = KindJudge(reels[:6] + airs[:6], ["air", "reel"])
    assert [judge.label(p) for p in reels[6:] + airs[6:]] == ["reel", "reel", "air", "air"]
