"""The shipped keys VAE: what its file promises and what its graph does."""

import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from afterimage_models.spectrum import BINS, FLOOR_DB, GATE_DB, HOP, N_FFT, REFERENCE, SAMPLE_RATE, note_to_hz

FOLDER = Path(__file__).resolve().parent.parent / "keys-vae"
MEGABYTE = 1 << 20
# Operators of opset 17 that both runtimes of the plugin carry.
ALLOWED = {
    "Add", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Div", "Exp", "Floor", "GatherElements", "Gemm",
    "Greater", "GreaterOrEqual", "Less", "Log", "MatMul", "Mul", "Neg", "Pow", "Reciprocal", "Shape", "Sigmoid",
    "Slice", "Softplus", "Sqrt", "Sub", "Unsqueeze", "Where", "Min", "Max", "Identity", "Transpose", "Expand",
}  # fmt: skip


@pytest.fixture(scope="module")
def manifest():
    return json.loads((FOLDER / "manifest.json").read_text())


@pytest.fixture(scope="module")
def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(FOLDER / "keys-vae.onnx"), options, providers=["CPUExecutionProvider"])


def feed(latent, pitch, velocity=0.8, time_on=0.3, time_off=-1.0):
    latent = np.atleast_2d(np.asarray(latent, np.float32))
    rows = len(latent)

    def column(value):
        return np.broadcast_to(np.asarray(value, np.float32).reshape(-1, 1), (rows, 1)).copy()

    return {
        "latent": latent, "pitch": column(pitch), "velocity": column(velocity),
        "time_on": column(time_on), "time_off": column(time_off),
    }  # fmt: skip


def random_feed(rows, seed=0):
    rng = np.random.default_rng(seed)
    return feed(
        rng.standard_normal((rows, 16)), rng.uniform(33, 99, rows), rng.uniform(0, 1, rows),
        rng.uniform(0, 3, rows), np.where(rng.random(rows) < 0.5, -1.0, rng.uniform(0, 1, rows)),
    )  # fmt: skip


def preset(manifest, name):
    return next(p["latent"] for p in manifest["latent"]["presets"] if p["name"] == name)


def without_hash(manifest):
    """A copy without the graph's hash, which no file can hold of itself."""
    graph = {key: value for key, value in manifest["graphs"]["decode"].items() if key != "sha256"}
    return manifest | {"graphs": {"decode": graph}}


def test_embedded_manifest_is_manifest_json(manifest):
    entries = {p.key: p.value for p in onnx.load(str(FOLDER / "keys-vae.onnx")).metadata_props}
    assert without_hash(json.loads(entries["neural_audio.manifest"])) == without_hash(manifest)
    assert entries["model_type"] == "vae"
    assert entries["sample_rate"] == "48000"
    assert entries["version"] == manifest["version"]


def test_manifest_says_what_the_code_computes(manifest):
    representation = manifest["representation"]
    for field, value in {
        "kind": "log-amplitude", "sample_rate": SAMPLE_RATE, "n_fft": N_FFT, "hop": HOP, "bins": BINS,
        "unit": "db", "reference": REFERENCE, "floor": FLOOR_DB, "gate": GATE_DB, "window": "hann",
    }.items():  # fmt: skip
        assert representation[field] == value
    assert manifest["schema"] == 1


def test_latent_axes_and_presets_are_whole(manifest):
    latent = manifest["latent"]
    assert latent["size"] == 16 == len(latent["axes"])
    assert len({axis["name"] for axis in latent["axes"]}) == 16
    assert len(latent["presets"]) >= 12
    names = [p["name"] for p in latent["presets"]]
    assert len(set(names)) == len(names)
    for values in [p["latent"] for p in latent["presets"]] + manifest["play"]["mod_wheel_path"]:
        assert len(values) == 16
        assert max(abs(v) for v in values) <= 3.0
    assert manifest["play"]["default_preset"] in names
    assert manifest["play"]["mod_wheel_path"][0] == preset(manifest, manifest["play"]["default_preset"])


def test_committed_files_stay_small():
    for path in FOLDER.iterdir():
        assert path.stat().st_size < 20 * MEGABYTE, path.name


def test_graph_uses_only_operators_both_runtimes_have():
    model = onnx.load(str(FOLDER / "keys-vae.onnx"))
    assert {node.op_type for node in model.graph.node} <= ALLOWED
    assert {(o.domain, o.version) for o in model.opset_import} <= {("", 17), ("", 18)}


@pytest.mark.parametrize("rows", [1, 4, 16])
def test_graph_runs_at_every_batch_and_stays_in_bounds(session, rows):
    frame = session.run(["frame"], random_feed(rows))[0]
    assert frame.shape == (rows, BINS)
    assert np.isfinite(frame).all()
    assert frame.min() >= FLOOR_DB
    assert frame.max() <= 6.0
    assert not np.any((frame > FLOOR_DB) & (frame < GATE_DB))


def test_extreme_knobs_and_times_stay_finite(session):
    for knob in (-3.0, 3.0):
        for pitch in (0.0, 21.0, 127.0):
            frame = session.run(["frame"], feed(np.full(16, knob), pitch, 1.0, 3600.0, 3600.0))[0]
            assert np.isfinite(frame).all()


def test_rows_do_not_influence_each_other(session):
    together = random_feed(16, seed=1)
    frames = session.run(["frame"], together)[0]
    for row in range(16):
        alone = session.run(["frame"], {name: value[row : row + 1] for name, value in together.items()})[0]
        audible = np.maximum(alone[0], GATE_DB)
        assert np.max(np.abs(np.maximum(frames[row], GATE_DB) - audible)) < 2e-3


@pytest.mark.parametrize("pitch", [45.0, 57.31, 60.0, 69.5, 83.27])
def test_first_partial_sits_on_any_fractional_pitch(session, manifest, pitch):
    frame = session.run(["frame"], feed(preset(manifest, "First Light"), pitch))[0][0]
    place = float(note_to_hz(pitch)) * N_FFT / SAMPLE_RATE
    top = round(place) + int(np.argmax(frame[round(place) - 1 : round(place) + 2])) - 1
    a, b, c = frame[top - 1 : top + 2]
    found = top + 0.5 * (a - c) / (a - 2 * b + c)
    # A parabola through a Hann lobe in dB errs by up to 0.02 bins.
    assert abs(found - place) < 0.06, (found, place)


def test_notes_end(session, manifest):
    for one in manifest["latent"]["presets"]:
        frame = session.run(["frame"], feed(one["latent"], 60.0, 0.8, 12.0, 3.0))[0]
        assert frame.max() <= -70.0, one["name"]


def test_training_data_and_licences_are_named(manifest):
    assert all(row["license"] and row["source"] for row in manifest["training_data"])
    assert manifest["license"]
    assert math.isfinite(sum(row["value"] for row in manifest["metrics"]))


def test_no_axis_is_called_as_a_control_of_the_plugin_is(manifest):
    controls = {"Attack", "Decay", "Sustain", "Release", "Width", "Drift", "Pressure", "Temperature", "Seed", "Lead"}
    assert not controls & {axis["name"] for axis in manifest["latent"]["axes"]}
