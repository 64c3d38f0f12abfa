"""The tune LSTM's evaluation, on players whose figures are known beforehand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here: this is tested where models are trained")

from afterimage_models.events.piece import Piece  # noqa: E402
from afterimage_models.events.tokens import encode  # noqa: E402
from afterimage_models.tune_lstm.continuation import fit  # noqa: E402
from afterimage_models.tune_lstm.evaluation import label_nats, nats  # noqa: E402
from afterimage_models.tune_lstm.tune_set import PADDING, Batch  # noqa: E402
from afterimage_models.tune_lstm.vocabulary import VOCABULARY  # noqa: E402

LABELS = ["any", "air", "chorale", "jig", "reel"]
G_MAJOR = [67, 69, 71, 72, 74, 76, 78, 79]


def tune(keys, bar=48):
    starts = np.arange(len(keys)) * 12
    notes = np.stack([starts, np.full(len(keys), 12), keys], axis=1)
    return Piece(notes, np.arange(0, len(keys) * 12 + 1, bar), "reel", "2/2", "test", "a tune")


class FewTunes:
    """A long and a short tune, side by side."""

    labels = LABELS

    def __init__(self):
        self.tokens = [encode(tune(G_MAJOR * 4), VOCABULARY), encode(tune(G_MAJOR * 2), VOCABULARY)]
        self.label = np.array([3, 4])

    def in_key(self, indices, rows):
        rows = np.full((max(len(t) for t in self.tokens), 2), PADDING)
        for column, tokens in enumerate(self.tokens):
            rows[: len(tokens), column] = tokens
        yield Batch(np.maximum(rows[:-1], 0), rows[1:], self.label, np.array([1, 1]))


class LabelReader:
    """Knows nothing but what label a jig and a reel should have, and is sure of the next token where it is right."""

    def __init__(self, tunes, certainty):
        self.tunes, self.certainty = tunes, certainty

    def eval(self):
        pass

    device = torch.device("cpu")

    def rest(self, rows):
        return 0

    def __call__(self, token, label, metre, steps_read):
        logits = torch.zeros(*token.shape, VOCABULARY.size)
        for row, tokens in enumerate(self.tunes.tokens):
            for step in range(len(token)):
                at = steps_read + step + 1
                if at < len(tokens) and label[row] == self.tunes.label[row]:
                    logits[step, row, tokens[at]] = self.certainty
        return logits, steps_read + len(token)


def test_a_player_that_knows_nothing_needs_the_logarithm_of_the_vocabulary():
    tunes = FewTunes()
    found = nats(LabelReader(tunes, 0.0), tunes, np.arange(2))
    assert found["nats_a_token"] == pytest.approx(np.log(VOCABULARY.size))
    notes, tokens = 48, sum(len(t) - 1 for t in tunes.tokens)
    assert found["nats_a_note"] == pytest.approx(np.log(VOCABULARY.size) * tokens / notes)


def test_a_player_that_hears_the_label_is_worse_off_with_a_wrong_one():
    tunes = FewTunes()
    found = label_nats(LabelReader(tunes, 30.0), tunes, np.arange(2))
    assert found["right"] < 1e-6
    assert found["none"] == pytest.approx(np.log(VOCABULARY.size))
    assert found["wrong"] > 1.0


def test_a_continuation_in_the_prompts_key_and_metre_fits():
    assert fit(tune(G_MAJOR * 8)) == (1.0, 1.0)


def test_a_continuation_in_another_key_does_not_fit():
    piece = tune(G_MAJOR * 8)
    piece.notes[16:, 2] += 1
    assert fit(piece)[0] < 0.5


def test_a_continuation_that_ends_too_soon_is_told_apart():
    assert fit(tune(G_MAJOR * 3)) is None
