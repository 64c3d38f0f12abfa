"""The tune LSTM's network: the step that is exported equals the one that was trained, and training learns."""

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is not installed here: the network is tested where models are trained"
)

from afterimage_models.tune_lstm.export import StepNetwork, state_widths  # noqa: E402
from afterimage_models.tune_lstm.network import Shape, TuneNetwork  # noqa: E402
from afterimage_models.tune_lstm.places import Clock, ticks_and_bars  # noqa: E402
from afterimage_models.tune_lstm.training import Settings, Trainer, nats_a_token  # noqa: E402
from afterimage_models.tune_lstm.tune_set import PADDING, Batch  # noqa: E402
from afterimage_models.tune_lstm.vocabulary import VOCABULARY  # noqa: E402

SMALL = Shape(
    VOCABULARY.size, labels=3, metres=2, hidden=16, token_width=8, label_width=4, metre_width=2, window=20, heads=2,
    head_width=4, dropout=0.0,
)  # fmt: skip


def small_network():
    """A network whose every weight matters: those that training finds at zero are drawn too."""
    torch.manual_seed(1)
    network = TuneNetwork(SMALL).eval()
    for part in (network.tick_place, network.bar_place, network.recall, network.query):
        torch.nn.init.normal_(part.weight)
    return network


def some_tokens(steps=60, batch=2, seed=2):
    return torch.randint(0, VOCABULARY.size, (steps, batch), generator=torch.Generator().manual_seed(seed))


LABEL, METRE = torch.tensor([1, 2]), torch.tensor([0, 1])


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


@torch.no_grad()
def test_the_exported_step_is_the_trained_network():
    network, tokens = small_network(), some_tokens()
    expected, _ = network(tokens, LABEL, METRE, network.rest(2))
    step, states = StepNetwork(network), [torch.zeros(2, width) for width in state_widths(SMALL).values()]
    for token, row in zip(tokens, expected, strict=True):
        logits, *states = step(token[:, None], LABEL[:, None], METRE[:, None], *states)
        torch.testing.assert_close(logits, row, atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("stretch", [1, 7, 25])
def test_a_piece_in_stretches_is_the_piece_at_once(stretch):
    network, tokens = small_network(), some_tokens()
    expected, _ = network(tokens, LABEL, METRE, network.rest(2))
    state, parts = network.rest(2), []
    for part in tokens.split(stretch):
        logits, state = network(part, LABEL, METRE, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts), expected, atol=1e-4, rtol=0)


@torch.no_grad()
def test_no_step_hears_what_comes_after_it():
    network, tokens = small_network(), some_tokens()
    changed = tokens.clone()
    changed[40:] = some_tokens(20, seed=3)
    first, second = (network(t, LABEL, METRE, network.rest(2))[0] for t in (tokens, changed))
    torch.testing.assert_close(first[:40], second[:40])
    assert (first[40] - second[40]).abs().max() > 1e-2


@torch.no_grad()
def test_what_is_recalled_comes_from_the_window_alone():
    network, tokens = small_network(), some_tokens(SMALL.window + 10)
    changed = tokens.clone()
    changed[:5] = some_tokens(5, seed=3)
    out = torch.randn(len(tokens), 2, SMALL.hidden, generator=torch.Generator().manual_seed(4))
    before = torch.cat([torch.zeros(1, 2, SMALL.hidden), out[:-1]])
    memory = network.rest(2).memory
    first, second = (network._look_back(t, before, out, memory)[0] for t in (tokens, changed))
    torch.testing.assert_close(first[SMALL.window + 4 :], second[SMALL.window + 4 :])
    assert (first[SMALL.window + 3] - second[SMALL.window + 3]).abs().max() > 1e-4


def test_the_clock_counts_ticks_since_the_bar_and_bars():
    piece = [VOCABULARY.token(*t) for t in (("bar",), ("shift", 12), ("bar",), ("shift", 24), ("shift", 3), ("bar",))]
    ticks, bars = ticks_and_bars(torch.tensor(piece)[:, None], Clock(torch.tensor([5.0]), torch.tensor([2.0])))
    assert ticks.count[:, 0].tolist() == [0, 12, 0, 24, 27, 0]
    assert bars.count[:, 0].tolist() == [3, 3, 4, 4, 4, 5]
    assert ticks.place()[:, 0].tolist() == [0, 6, 0, 12, 13, 0]


def trainer_in(folder, **settings):
    return Trainer(FewTunes(), Settings(**settings), folder / "checkpoint.pt", folder / "best.pt")


def test_training_learns_a_tune_and_goes_on_from_its_checkpoint(tmp_path):
    trainer = trainer_in(tmp_path, rows=2, steps_through_time=16)
    before = nats_a_token(trainer.network, [trainer.tunes.only])
    for _ in range(30):
        trainer.train_batch(trainer.tunes.only)
    after = nats_a_token(trainer.network, [trainer.tunes.only])
    assert after < 0.5 * before
    trainer.save()
    again = trainer_in(tmp_path)
    again.resume()
    assert again.step == trainer.step
    assert nats_a_token(again.network, [trainer.tunes.only]) == pytest.approx(after, abs=1e-6)


def test_a_run_keeps_the_average_that_did_best_and_no_worse_one_after_it(tmp_path):
    trainer = trainer_in(tmp_path)
    for nats in (3.0, 1.0, 2.0):
        trainer.step += 1
        trainer._save_best(nats)
    assert torch.load(tmp_path / "best.pt", weights_only=True)["step"] == 2


def test_padding_counts_for_nothing():
    network, batch = TuneNetwork(SMALL), FewTunes().only
    cut = Batch(batch.token[:39], batch.target[:39], batch.label, batch.metre)
    whole_second = nats_a_token(
        network, [Batch(batch.token[:, 1:], batch.target[:, 1:], batch.label[1:], batch.metre[1:])]
    )
    cut_second = nats_a_token(network, [Batch(cut.token[:, 1:], cut.target[:, 1:], cut.label[1:], cut.metre[1:])])
    assert whole_second == pytest.approx(cut_second, abs=1e-6)
