"""Export without torch: names and shapes of tensors, latent statistics, the filled manifest, what does not agree."""

import json

import numpy as np
import pytest

from afterimage_models import ExportError
from afterimage_models.events.vocabulary import Vocabulary
from afterimage_models.exporting.agreement import check_agreement
from afterimage_models.exporting.filling import check_given, fill, frames_per_call, slug
from afterimage_models.exporting.latent import KNOBS, latent_space, preset_rows
from afterimage_models.exporting.plugin_check import complaint
from afterimage_models.exporting.tensors import Seen, tensor_rows
from afterimage_models.exporting.trials import trial

GIVEN = {
    "name": "My First Decoder!", "license": "CC0-1.0", "inputs": ["latent", "pitch"],
    "representation": {"kind": "log-amplitude", "sample_rate": 22050, "n_fft": 1024, "hop": 256, "unit": "db"},
}  # fmt: skip
VOCABULARY = Vocabulary.of(range(60, 72), (12, 24), (12, 24))


def decoder_rows(inputs=("latent", "pitch"), widths=(2, 1), frame=(513,), whole=()):
    seen = [Seen((width,), role in whole) for role, width in zip(inputs, widths, strict=True)]
    return {"decode": (tensor_rows(inputs, seen, "inputs"), tensor_rows(["frame"], [Seen(frame)], "outputs"))}


def predictor_rows(tokens=VOCABULARY.size, states=((8,), (8,)), inputs=("token", "state"), outputs=("logits", "state")):
    into = tensor_rows(inputs, [Seen((1,), True), Seen(states[0])][: len(inputs)], "inputs")
    out = [Seen((tokens,)), Seen(states[1])][: len(outputs)]
    return {"predict": (into, tensor_rows(outputs, out, "outputs", [row["tensor"] for row in into]))}


def filled(given=None, rows=None, space="two axes", presets=None):
    space = latent_space(2, None) if space == "two axes" else space
    return fill(GIVEN | (given or {}), rows or decoder_rows(), space, presets or {})


def filled_predictor(rows, **given):
    known = {"representation": {"kind": "events"}, "vocabulary": VOCABULARY.manifest(1.0, 1.0)}
    return fill(GIVEN | known | given, rows, None, {})


def test_tensors_are_named_by_role_and_a_state_that_comes_out_is_told_from_the_one_that_goes_in():
    words = ["token", "class.label", "class.metre", "state", "state"]
    rows = tensor_rows(words, [Seen((1,), True)] * 3 + [Seen((4,))] * 2, "inputs")
    names = [row["tensor"] for row in rows]
    assert names == ["token", "class.label", "class.metre", "state", "state.2"]
    assert [row["role"] for row in rows] == ["token", "class", "class", "state", "state"]
    out = tensor_rows(["logits", "state", "state"], [Seen((9,)), Seen((4,)), Seen((4,))], "outputs", names)
    assert [row["tensor"] for row in out] == ["logits", "state.out", "state.2.out"]
    assert rows[3]["shape"] == ["batch", 4]


def test_a_row_says_more_than_a_role():
    row = tensor_rows([{"role": "time_on", "tensor": "age", "range": [0.0, 4.0]}], [Seen((1,))], "inputs")[0]
    assert row == {"tensor": "age", "role": "time_on", "unit": "s", "range": [0.0, 4.0], "shape": ["batch", 1]}


@pytest.mark.parametrize(
    ("words", "seen", "sentence"),
    [
        (["latent"], [Seen((2,)), Seen((1,))], "'inputs' names 1 tensors, but the module has 2"),
        (["latnt"], [Seen((2,))], "'latnt' is no role"),
        (["pitch"], [Seen((8,))], "'pitch' has 8 values a row where the role 'pitch' has 1"),
        (["latent"], [Seen((2,), True)], "'latent' holds whole numbers"),
    ],
)
def test_words_that_do_not_fit_the_example_are_told(words, seen, sentence):
    with pytest.raises(ExportError, match=sentence):
        tensor_rows(words, seen, "inputs")


def test_a_small_latent_keeps_its_axes_and_gets_their_statistics():
    latents = np.random.default_rng(1).normal([3.0, -1.0], [0.5, 2.0], (5000, 2))
    space = latent_space(2, latents)
    assert space.turn is None
    assert [axis["mean"] for axis in space.axes] == pytest.approx([3.0, -1.0], abs=0.1)
    assert [axis["std"] for axis in space.axes] == pytest.approx([0.5, 2.0], rel=0.05)
    assert all(-3.0 < axis["min"] < -2.0 and 2.0 < axis["max"] < 3.0 for axis in space.axes)


def mixed_latents(size=20, count=4000):
    rng = np.random.default_rng(2)
    mixing = np.linalg.qr(rng.standard_normal((size, size)))[0]
    return rng.standard_normal((count, size)) * np.linspace(4.0, 0.1, size) @ mixing + 1.0


def test_above_the_knobs_the_principal_axes_come_first_and_the_turn_is_undone():
    latents = mixed_latents()
    space = latent_space(20, latents)
    knobs = space.to_knobs(latents)
    np.testing.assert_allclose(np.cov(knobs.T), np.eye(20), atol=1e-2)
    stds = np.array([axis["std"] for axis in space.axes])
    assert (np.diff(stds) <= 0.0).all()
    assert stds[0] == pytest.approx(4.0, rel=0.1)
    np.testing.assert_allclose((knobs * stds) @ space.turn + space.offset, latents, atol=1e-6)


def test_as_many_axes_as_knobs_are_not_turned():
    assert latent_space(KNOBS, mixed_latents(KNOBS)).turn is None
    assert latent_space(KNOBS + 1, mixed_latents(KNOBS + 1)).turn is not None


def test_fewer_latents_than_axes_still_give_all_axes_above_zero():
    space = latent_space(20, mixed_latents(count=5))
    assert len(space.axes) == 20
    assert all(axis["std"] > 0.0 and axis["min"] < axis["max"] for axis in space.axes)


@pytest.mark.parametrize(
    ("latents", "sentence"),
    [
        (np.zeros((9, 3)), r"shape \[9, 3\].*\[n, 2\]"),
        (np.zeros((1, 2)), "fewer than 2 rows"),
        (np.full((9, 2), np.nan), "not finite"),
    ],
)
def test_latents_that_cannot_be_measured_are_told(latents, sentence):
    with pytest.raises(ExportError, match=sentence):
        latent_space(2, latents)


def test_presets_are_in_knob_units():
    space = latent_space(2, np.array([[0.0, 10.0], [4.0, 30.0]]))
    assert preset_rows(space, {"High": [4.0, 30.0]}) == [{"name": "High", "latent": [1.0, 1.0]}]
    with pytest.raises(ExportError, match="preset 'Odd' has 3 values"):
        preset_rows(space, {"Odd": [0.0, 0.0, 0.0]})


def test_what_is_not_said_is_filled_in():
    manifest = filled()
    assert (manifest["id"], manifest["tasks"]) == ("user.my-first-decoder", ["play"])
    assert manifest["representation"]["bins"] == 513
    assert manifest["play"] == {"mode": "pitched"}
    assert manifest["latent"]["size"] == 2
    assert manifest["graphs"]["decode"]["file"] == "my-first-decoder.onnx"
    json.dumps(manifest)


def test_what_is_said_stays():
    manifest = filled({"id": "me.mine", "tags": ["lab"], "description": {"short": "a", "long": "b", "technical": "c"}})
    assert (manifest["id"], manifest["tags"], manifest["description"]["long"]) == ("me.mine", ["lab"], "b")


def test_keys_of_a_whole_sound_choose_labels():
    rows = decoder_rows(("latent", "class"), (2, 1), (40, 513), whole=("class",))
    kinds = [{"name": "kind", "kind": "class", "labels": ["kick", "snare"], "default": 0}]
    manifest = filled({"representation": GIVEN["representation"] | {"bins": 513}, "conditions": kinds}, rows)
    assert manifest["play"] == {
        "mode": "one-shot", "hits": [{"key": 36, "label": "kick"}, {"key": 37, "label": "snare"}],
    }  # fmt: skip
    assert manifest["graphs"]["decode"]["frames_per_call"] == 40
    check_agreement(manifest, rows)


def test_a_batch_of_frames_counts_them_whatever_channels_say():
    frame = tensor_rows(["frame"], [Seen((1, 40, 128))], "outputs")
    assert frames_per_call(frame) == 40


@pytest.mark.parametrize(
    ("given", "rows", "sentence"),
    [
        ({}, decoder_rows(frame=(128, 513)), "say 'bins'"),
        ({"representation": GIVEN["representation"] | {"bins": 128}}, decoder_rows(), "should be the 128 bins"),
        ({}, decoder_rows(("latent",), (2,)), "needs 'play'"),
        ({"play": "pitched"}, decoder_rows(("latent",), (2,)), "no input has the role 'pitch'"),
        (
            {"play": "drone", "representation": GIVEN["representation"] | {"bins": 513}},
            decoder_rows(frame=(9, 513)), "9 frames a call",
        ),
        ({"play": "one-shot"}, decoder_rows(), "no class condition"),
    ],
)  # fmt: skip
def test_manifests_that_cannot_be_filled_are_told(given, rows, sentence):
    with pytest.raises(ExportError, match=sentence):
        filled(given, rows)


@pytest.mark.parametrize(
    ("field", "value"), [("license", ""), ("representation", None), ("colour", "blue"), ("representation", "mel")]
)
def test_fields_that_lack_or_that_nothing_reads_are_named(field, value):
    with pytest.raises(ExportError, match=f"'{field}'"):
        check_given(GIVEN | {field: value})


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (decoder_rows(("latent", "pitch", "state"), (2, 1, 8)), "1 inputs but 0 outputs have the role 'state'"),
        (decoder_rows(("latent", "pitch", "audio"), (2, 1, 8)), "the role 'audio', which a decoder does not take"),
        (decoder_rows(("latent", "pitch", "class"), (2, 1, 3), whole=("class",)), "take 3 values"),
    ],
)
def test_decoders_that_do_not_agree_are_told(rows, sentence):
    with pytest.raises(ExportError, match=sentence):
        check_agreement(filled(rows=rows), rows)


def phased_rows(inputs=("latent", "time_on"), frame=(513,), phase=(513,), outputs=("frame", "phase")):
    seen = [Seen((1 if role == "time_on" else 2,)) for role in inputs]
    given = [Seen(shape) for shape in (frame, phase)][: len(outputs)]
    return {"decode": (tensor_rows(inputs, seen, "inputs"), tensor_rows(outputs, given, "outputs"))}


def test_phases_that_come_along_are_the_representations():
    manifest = filled({"play": "drone"}, phased_rows())
    assert manifest["representation"]["phase"] == "model"
    assert manifest["graphs"]["decode"]["outputs"][1]["unit"] == "rad"
    check_agreement(manifest, phased_rows())
    whole = phased_rows(("latent",), (20, 513), (20, 513))
    bins = {"representation": GIVEN["representation"] | {"bins": 513}, "play": {"mode": "one-shot", "hits": []}}
    check_agreement(filled(bins, whole), whole)


@pytest.mark.parametrize(
    ("representation", "rows", "sentence"),
    [
        ({"phase": "model"}, phased_rows(outputs=("frame",)), "one output has the role 'phase'"),
        ({"phase": "rtpghi"}, phased_rows(), "one output has the role 'phase'"),
        ({}, phased_rows(phase=(512,)), "one phase to each of the magnitudes"),
        ({"kind": "mel", "bins": 513}, phased_rows(), "not to frames of the kind 'mel'"),
        ({}, phased_rows(("latent",)), "nothing moves the phases"),
    ],
)
def test_phases_that_do_not_agree_are_told(representation, rows, sentence):
    manifest = filled({"representation": GIVEN["representation"] | representation, "play": "drone"}, rows)
    with pytest.raises(ExportError, match=sentence):
        check_agreement(manifest, rows)


def test_a_predictor_that_agrees_is_taken():
    rows = predictor_rows()
    manifest = filled_predictor(rows)
    check_agreement(manifest, rows)
    assert manifest["state"] == [{"input": "state", "output": "state.out", "kind": "replace", "initial": 0.0}]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (predictor_rows(tokens=7), "'logits' has 7 values a row"),
        (predictor_rows(states=((8,), (1, 8))), "goes in as .* and comes out as"),
        (predictor_rows(outputs=("logits",)), "1 inputs but 0 outputs have the role 'state'"),
        (predictor_rows(outputs=("mean", "state")), "one output 'logits'"),
    ],
)
def test_predictors_that_do_not_agree_are_told(rows, sentence):
    with pytest.raises(ExportError, match=sentence):
        check_agreement(filled_predictor(rows), rows)


def test_trials_stay_within_what_the_plugin_sends():
    rows = decoder_rows(("latent", "class", "time_on"), (2, 1, 1), whole=("class",))
    kinds = [{"name": "kind", "kind": "class", "labels": ["a", "b", "c"], "default": 0}]
    manifest = filled({"conditions": kinds, "play": "drone"}, rows)
    examples = [np.zeros((1, 2), np.float32), np.zeros((1, 1), np.int64), np.zeros((1, 1), np.float32)]
    latent, kind, time_on = trial(manifest, rows["decode"][0], examples, 300, seed=1)
    assert latent.std() == pytest.approx(1.0, abs=0.15)
    assert sorted(set(kind.ravel())) == [0, 1, 2]
    assert 0.0 <= time_on.min() < 0.5 and 3.5 < time_on.max() <= 4.0
    assert kind.dtype == np.int64 and latent.dtype == np.float32


def test_a_name_becomes_a_file_name():
    assert slug("Über Keys / No. 2") == "ber-keys-no-2"


def test_the_plugins_own_sentence_is_quoted():
    text = "My pack 0.1\n\nRuntimes\n  'my.onnx' must run on rten, but it has no Scan.\n\nResult: NOT fit to ship.\n"
    assert complaint(text, "my.onnx") == "'my.onnx' must run on rten, but it has no Scan."
