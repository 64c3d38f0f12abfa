"""The tune LSTM's network: the step that is exported equals the one that was trained, and training learns."""

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is not installed here: the network is tested where models are trained"
)

from afterimage_models.tune_lstm.export import StepNetwork  # noqa: E402
from afterimage_models.tune_lstm.network import Shape, TuneNetwork  # noqa: E402
from afterimage_models.tune_lstm.training import Settings, Trainer, nats_a_token  # noqa: E402
from afterimage_models.tune_lstm.tune_set import PADDING, Batch  # noqa: E402

SMALL = Shape(tokens=12, labels=3, metres=2, hidden=16, token_width=8, label_width=4, metre_width=2, dropout=0.0)


class FewTunes:
    """One batch of two made-up token rows again and again, the second shorter."""

    labels, metres = ["any", "reel", "jig"], ["any", "2/2"]

    def __init__(self):
        rows = np.tile(np.arange(1, 11), 6)[:, None] + np.array([[0, 1]])
        rows[40:, 1] = PADDING
        self.only = Batch(np.maximum(rows[:-1], 0), rows[1:], np.array([1, 2]), np.array([0, 1]))

    def of_part(self, part):
        return np.array([0])

    def in_key(self, indices, rows):
        yield self.only

    def epoch(self, rows, rng):
        yield self.only


def test_the_exported_step_is_the_trained_network():
    torch.manual_seed(1)
    network = TuneNetwork(SMALL).eval()
    step = StepNetwork(network)
    tokens = torch.randint(0, 12, (9, 2))
    label, metre = torch.tensor([1, 2]), torch.tensor([0, 1])
    expected, _ = network(tokens, label, metre, network.rest(2))
    h = c = torch.zeros(2, 32)
    for token, row in zip(tokens, expected, strict=True):
        logits, h, c = step(token[:, None], label[:, None], metre[:, None], h, c)
        torch.testing.assert_close(logits, row, atol=1e-5, rtol=0)


def test_training_learns_a_tune_and_goes_on_from_its_checkpoint(tmp_path):
    trainer = Trainer(FewTunes(), Settings(rows=2, steps_through_time=16), tmp_path / "checkpoint.pt")
    before = nats_a_token(trainer.network, [trainer.tunes.only])
    for _ in range(30):
        trainer.train_batch(trainer.tunes.only)
    after = nats_a_token(trainer.network, [trainer.tunes.only])
    assert after < 0.5 * before
    trainer.save()
    again = Trainer(FewTunes(), Settings(), tmp_path / "checkpoint.pt")
    again.resume()
    assert again.step == trainer.step
    assert nats_a_token(again.network, [trainer.tunes.only]) == pytest.approx(after, abs=1e-6)


def test_padding_counts_for_nothing():
    network, batch = TuneNetwork(SMALL), FewTunes().only
    cut = Batch(batch.token[:39], batch.target[:39], batch.label, batch.metre)
    whole_second = nats_a_token(
        network, [Batch(batch.token[:, 1:], batch.target[:, 1:], batch.label[1:], batch.metre[1:])]
    )
    cut_second = nats_a_token(network, [Batch(cut.token[:, 1:], cut.target[:, 1:], cut.label[1:], cut.metre[1:])])
    assert whole_second == pytest.approx(cut_second, abs=1e-6)
