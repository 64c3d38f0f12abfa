"""The shipped tune LSTM: what its file promises and what its graph does."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from afterimage_models.events.player import EventPlayer, Wish
from afterimage_models.events.sampling import nucleus
from afterimage_models.midi_file import read_notes

FOLDER = Path(__file__).resolve().parent.parent / "tune-lstm"
MEGABYTE = 1 << 20
# Operators of opset 17 that both runtimes of the plugin carry.
ALLOWED = {
    "Add", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Gather", "Gemm", "MatMul", "Mul", "ReduceSum",
    "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Split", "Sub", "Tanh", "Unsqueeze",
}  # fmt: skip


@pytest.fixture(scope="module")
def player():
    return EventPlayer(FOLDER)


@pytest.fixture(scope="module")
def golden():
    return json.loads((FOLDER / "golden.json").read_text())


def read(player, tokens, label, metre, rows=1):
    """Logits [steps, rows, size] of tokens fed one by one to so many equal rows."""
    conditions = {"label": np.full((rows, 1), label), "metre": np.full((rows, 1), metre)}
    state, out = player.rest(rows), []
    for token in tokens:
        logits, state = player.step(np.full(rows, token), conditions, state)
        out.append(logits)
    return np.stack(out)


def test_the_graph_is_small_and_names_its_hash(player):
    graph = FOLDER / player.manifest["graphs"]["predict"]["file"]
    assert graph.stat().st_size < 10 * MEGABYTE
    assert (FOLDER / "tune-lstm.pt").stat().st_size < 20 * MEGABYTE
    assert player.manifest["graphs"]["predict"]["sha256"] == hashlib.sha256(graph.read_bytes()).hexdigest()


def test_the_graph_uses_only_operators_that_both_runtimes_have(player):
    model = onnx.load(str(FOLDER / player.manifest["graphs"]["predict"]["file"]))
    assert {node.op_type for node in model.graph.node} <= ALLOWED


def test_the_manifest_names_the_graphs_tensors(player):
    predict = player.manifest["graphs"]["predict"]
    assert [t["tensor"] for t in predict["inputs"]] == [i.name for i in player.session.get_inputs()]
    assert [t["tensor"] for t in predict["outputs"]] == [o.name for o in player.session.get_outputs()]
    for tensor, given in zip(predict["inputs"], player.session.get_inputs(), strict=True):
        assert tensor["shape"][1:] == given.shape[1:]
    assert predict["outputs"][0]["shape"] == ["batch", player.vocabulary.size]


def test_the_graph_gives_the_logits_of_the_network(player, golden):
    logits = read(player, golden["tokens"], golden["label"], golden["metre"])[golden["steps"], 0]
    np.testing.assert_allclose(logits, golden["logits"], atol=golden["tolerance"])


def test_another_label_is_not_the_golden_one(player, golden):
    other = (golden["label"] + 1) % len(player.labels)
    logits = read(player, golden["tokens"], other, golden["metre"])[golden["steps"], 0]
    assert np.abs(logits - golden["logits"]).max() > 100 * golden["tolerance"]


def test_the_sampler_gives_the_golden_probabilities(player, golden):
    before = np.array(golden["tokens"])[golden["steps"]]
    allowed = player.vocabulary.may_follow[before]
    chance = nucleus(np.array(golden["logits"]), allowed, golden["temperature"], golden["top_p"])
    np.testing.assert_allclose(chance, golden["probabilities"], atol=1e-5)


def test_rows_of_a_batch_do_not_hear_each_other(player, golden):
    tokens = golden["tokens"][:24]
    alone = read(player, tokens, golden["label"], golden["metre"])
    together = read(player, tokens, golden["label"], golden["metre"], rows=5)
    np.testing.assert_allclose(together, np.repeat(alone, 5, axis=1), atol=1e-4)


def test_a_drawn_piece_keeps_the_grammar_and_goes_on_from_its_prompt(player, golden):
    given = tuple(golden["tokens"][:40])
    first, second = player.draw([Wish("jig", "6/8", given), Wish("chorale", "any")], seed=3, longest=200)
    np.testing.assert_array_equal(first[: len(given)], given)
    for tokens in (first, second):
        assert player.vocabulary.may_follow[tokens[:-1], tokens[1:]].all()


def test_draws_of_a_seed_are_the_same_and_of_another_are_not(player):
    once, again, other = (player.draw([Wish("reel", "any")], seed, 80)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)


def test_the_samples_are_midi_files_of_notes_in_range(player):
    paths = sorted((FOLDER / "samples").glob("*.mid"))
    assert len(paths) == 6
    low, *_, high = player.vocabulary.values["note"]
    for path in paths:
        notes = read_notes(path)
        assert len(notes) > 16
        assert all(low <= note.key <= high for note in notes)
