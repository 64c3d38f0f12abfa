"""The shipped packs of pitched notes: what their files promise and what their graphs do."""

import hashlib
import json
import math

import numpy as np
import onnx
import pytest
from pitched_pack import ALLOWED, Pack, feed, is_gated, random_feed, without_hashes

from afterimage_models.spectrum import FLOOR_DB, GATE_DB, HOP, N_FFT, REFERENCE, SAMPLE_RATE

MEGABYTE = 1 << 20
PACKS = {"keys-vae": "vae", "harmonic-ae": "ae", "logfreq-vq": "vq-vae"}


@pytest.fixture(scope="module", params=PACKS)
def pack(request: pytest.FixtureRequest) -> Pack:
    return Pack(request.param)


def test_embedded_manifest_is_manifest_json(pack):
    entries = {p.key: p.value for p in onnx.load(str(pack.graph)).metadata_props}
    assert without_hashes(json.loads(entries["neural_audio.manifest"])) == without_hashes(pack.manifest)
    assert entries["model_type"] == PACKS[pack.name]
    assert entries["sample_rate"] == "48000"
    assert entries["version"] == pack.manifest["version"]


def test_hashes_are_the_files(pack):
    for graph in pack.manifest["graphs"].values():
        found = hashlib.sha256((pack.folder / graph["file"]).read_bytes()).hexdigest()
        assert graph.get("sha256", "") in ("", found)


def test_manifest_says_what_the_code_computes(pack):
    representation = pack.manifest["representation"]
    for field, value in {
        "sample_rate": SAMPLE_RATE, "n_fft": N_FFT, "hop": HOP, "unit": "db", "reference": REFERENCE,
        "floor": FLOOR_DB, "gate": GATE_DB, "window": "hann",
    }.items():  # fmt: skip
        assert representation[field] == value
    assert pack.manifest["schema"] == 1


def test_latent_axes_and_presets_are_whole(pack):
    latent, play = pack.manifest["latent"], pack.manifest["play"]
    assert latent["size"] == 16 == len(latent["axes"])
    assert len({axis["name"] for axis in latent["axes"]}) == 16
    assert len(latent["presets"]) >= 12
    names = [p["name"] for p in latent["presets"]]
    assert len(set(names)) == len(names)
    for values in [p["latent"] for p in latent["presets"]] + play["mod_wheel_path"]:
        assert len(values) == 16
        assert max(abs(v) for v in values) <= 3.0
    assert play["default_preset"] in names
    assert play["mod_wheel_path"][0] == pack.preset(play["default_preset"])


def test_committed_files_stay_small(pack):
    for path in pack.folder.iterdir():
        assert path.stat().st_size < 20 * MEGABYTE, path.name


def test_graph_uses_only_operators_both_runtimes_have(pack):
    assert pack.operators() <= ALLOWED
    assert {(o.domain, o.version) for o in onnx.load(str(pack.graph)).opset_import} <= {("", 17), ("", 18)}


@pytest.mark.parametrize("rows", [1, 4, 16])
def test_graph_runs_at_every_batch_and_stays_in_bounds(pack, rows):
    frame = pack.frames(random_feed(rows))
    assert frame.shape == (rows, pack.manifest["representation"]["bins"])
    assert is_gated(frame[:, pack.header :])


def test_a_level_under_the_gate_is_caught():
    assert is_gated(np.array([FLOOR_DB, GATE_DB, 0.0]))
    assert not is_gated(np.array([FLOOR_DB, GATE_DB - 1.0]))
    assert not is_gated(np.array([FLOOR_DB, np.nan]))


def test_extreme_knobs_and_times_stay_finite(pack):
    for knob in (-3.0, 3.0):
        for pitch in (0.0, 21.0, 127.0):
            assert np.isfinite(pack.frames(feed(np.full(16, knob), pitch, 1.0, 3600.0, 3600.0))).all()


def test_rows_do_not_influence_each_other(pack):
    together = random_feed(16, seed=1)
    frames = np.maximum(pack.levels(together), GATE_DB)
    for row in range(16):
        alone = pack.levels({name: value[row : row + 1] for name, value in together.items()})
        assert np.max(np.abs(frames[row] - np.maximum(alone[0], GATE_DB))) < 2e-3


def test_notes_end(pack):
    for one in pack.manifest["latent"]["presets"]:
        assert pack.levels(feed(one["latent"], 60.0, 0.8, 12.0, 3.0)).max() <= -70.0, one["name"]


def test_training_data_and_licences_are_named(pack):
    assert all(row["license"] and row["source"] for row in pack.manifest["training_data"])
    assert pack.manifest["license"]
    assert math.isfinite(sum(row["value"] for row in pack.manifest["metrics"]))


def test_no_axis_is_called_as_a_control_of_the_plugin_is(pack):
    controls = {"Attack", "Decay", "Sustain", "Release", "Width", "Drift", "Pressure", "Temperature", "Seed", "Lead"}
    assert not controls & {axis["name"] for axis in pack.manifest["latent"]["axes"]}
