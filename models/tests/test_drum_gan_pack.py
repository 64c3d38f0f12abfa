"""The shipped drum GAN: what its file promises and what its graph does."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from afterimage_models.drum_gan.descriptors import NAMES
from afterimage_models.drum_gan.frames import BINS, FRAMES, KNOTS
from afterimage_models.drum_gan.kit import LABELS, LATENT, hits
from afterimage_models.loudness import k_weight_power
from afterimage_models.spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE

FOLDER = Path(__file__).resolve().parent.parent / "drum-gan"
MEGABYTE = 1 << 20
HZ = np.minimum(np.arange(BINS) * SAMPLE_RATE / 2 / (BINS - 1), SAMPLE_RATE / 2 - 1.0)


@pytest.fixture(scope="module")
def manifest():
    return json.loads((FOLDER / "manifest.json").read_text())


@pytest.fixture(scope="module")
def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(FOLDER / "drum-gan.onnx"), options, providers=["CPUExecutionProvider"])


def play(session, latent, label, knobs=0.5, noise=0.0):
    rows = len(latent)
    feed = {
        "latent": np.asarray(latent, np.float32),
        "noise": np.full((rows, 1), noise, np.float32),
        "class": np.broadcast_to(np.asarray(label, np.int64).reshape(-1, 1), (rows, 1)),
        "descriptor": np.broadcast_to(np.asarray(knobs, np.float32), (rows, len(NAMES))),
    }
    return session.run(["frame"], feed)[0]


def presets(manifest):
    return np.array([preset["latent"] for preset in manifest["latent"]["presets"]])


def power(frames):
    return 10.0 ** (frames.astype(np.float64) / 10.0)


def test_the_files_are_small_and_the_hash_is_right(manifest):
    graph = FOLDER / "drum-gan.onnx"
    assert graph.stat().st_size < 10 * MEGABYTE
    assert (FOLDER / "drum-gan.pt").stat().st_size < 20 * MEGABYTE
    assert manifest["graphs"]["decode"]["sha256"] == hashlib.sha256(graph.read_bytes()).hexdigest()


def test_the_manifest_in_the_graph_is_the_one_beside_it(manifest):
    model = onnx.load(str(FOLDER / "drum-gan.onnx"))
    inside = json.loads({p.key: p.value for p in model.metadata_props}["neural_audio.manifest"])
    for version in (inside, manifest):
        version["graphs"]["decode"].pop("sha256")
    assert inside == manifest


def test_every_preset_gives_every_drum_with_something_to_hear(session, manifest):
    assert len(manifest["latent"]["presets"]) >= 12
    for latent in presets(manifest):
        frames = play(session, np.tile(latent, (len(LABELS), 1)), np.arange(len(LABELS)))
        assert frames.shape == (len(LABELS), FRAMES, BINS)
        assert np.isfinite(frames).all()
        assert np.all((frames == FLOOR_DB) | (frames >= GATE_DB))
        assert np.all(frames[:, :4].max((1, 2)) > -50.0)


def test_hits_fade_before_they_are_cut(session, manifest):
    frames = play(session, np.tile(presets(manifest)[0], (len(LABELS), 1)), np.arange(len(LABELS)))
    assert np.all(frames[:, -1].max(1) < frames.max((1, 2)) - 45.0)


def test_drums_differ_as_drums_do(session, manifest):
    frames = play(session, np.tile(presets(manifest)[0], (len(LABELS), 1)), np.arange(len(LABELS)))
    centroid = (power(frames).sum(1) @ HZ) / power(frames).sum((1, 2))
    named = dict(zip(LABELS, centroid, strict=True))
    assert named["kick"] < named["tom"] + 300.0 and named["kick"] < named["snare"] < named["closed hat"]
    tail = dict(zip(LABELS, power(frames[:, 60:]).sum((1, 2)) / power(frames).sum((1, 2)), strict=True))
    assert tail["closed hat"] < tail["open hat"] and tail["stick"] < tail["crash"]


def test_brightness_length_and_boominess_do_what_they_say(session):
    latent, label = np.zeros((len(LABELS), LATENT)), np.arange(len(LABELS))

    def heard(name, place):
        knobs = np.full(len(NAMES), 0.5)
        knobs[NAMES.index(name)] = place
        return power(play(session, latent, label, knobs))

    def bright(p):  # as the ear weighs it: a tom that gets brighter may have a deeper ground, too
        return (p.sum(1) @ (HZ * k_weight_power(HZ))) / (p.sum(1) @ k_weight_power(HZ))

    def boomy(p):
        return p[:, :, :6].sum((1, 2)) / (p.sum(1) @ k_weight_power(HZ))

    def long(p):
        return (p.sum(2) @ np.arange(FRAMES)) / p.sum((1, 2))

    for name, measure in (("brightness", bright), ("boominess", boomy), ("length", long)):
        assert np.mean(measure(heard(name, 0.85)) > measure(heard(name, 0.15))) > 0.8, name


def test_grain_differs_from_note_to_note_and_not_for_the_same_seed(session):
    latent = np.zeros((1, LATENT))
    a, b, again = (play(session, latent, [1], noise=n) for n in (-1.0, 1.0, -1.0))
    assert np.array_equal(a, again)
    assert np.abs(a - b).max() > 3.0


def test_the_key_map_is_the_kit(manifest):
    assert manifest["play"]["mode"] == "one-shot" and manifest["play"]["hits"] == hits()
    assert manifest["graphs"]["decode"]["frames_per_call"] == FRAMES == KNOTS[-1] + 1
    for axis in manifest["latent"]["axes"]:
        assert axis["effect"] > 0.0 and axis["unit"] and axis["descriptor"]
    changes = [axis["spectral_change_db"] for axis in manifest["latent"]["axes"]]
    assert changes == sorted(changes, reverse=True)
