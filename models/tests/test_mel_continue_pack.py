"""The shipped mel continuer: what its files promise and what its graphs do."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from afterimage_models.mel_continue import pack
from afterimage_models.mel_continue.layout import (
    BANDS,
    CEILING_DB,
    FLOOR_DB,
    MEANS_STATE,
    MEANS_WIDTH,
    PRIME_FRAMES,
    STATE,
    UNIFORMS,
)
from afterimage_models.onnx_session import open_session

FOLDER = Path(__file__).resolve().parent.parent / "mel-continue"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def manifest():
    return json.loads((FOLDER / "manifest.json").read_text())


@pytest.fixture(scope="module")
def graphs():
    return {name: open_session(FOLDER / file) for name, file in (("predict", pack.GRAPH), ("prime", pack.PRIME_GRAPH))}


def width(manifest):
    return manifest["graphs"]["predict"]["outputs"][1]["shape"][1]


def rest(manifest, rows):
    """Both states before the first frame."""
    return {
        STATE: np.zeros((rows, width(manifest)), np.float32),
        MEANS_STATE: np.zeros((rows, MEANS_WIDTH), np.float32),
    }


def step(graphs, frame, label, states, uniform, temperature=1.0):
    """The frame drawn after `frame`, and the states."""
    feeds = {"frame": frame, "label": label, "uniform": uniform.astype(np.float32), **states}
    feeds["temperature"] = np.full((len(frame), 1), temperature, np.float32)
    drawn, *after = graphs["predict"].run(None, feeds)
    return drawn, dict(zip(states, after, strict=True))


def chance(rows, seed):
    return np.random.default_rng(seed).random((rows, UNIFORMS))


def noise(*shape, seed=1):
    return np.random.default_rng(seed).uniform(FLOOR_DB, 0.0, shape).astype(np.float32)


def test_the_graphs_are_small_and_name_their_hashes(manifest):
    files = [FOLDER / graph["file"] for graph in manifest["graphs"].values()]
    assert sum(file.stat().st_size for file in files) < 10 * MEGABYTE
    assert (FOLDER / "mel-continue.pt").stat().st_size < 20 * MEGABYTE
    for graph, file in zip(manifest["graphs"].values(), files, strict=True):
        assert graph["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_manifest_is_what_the_code_writes(manifest):
    labels = manifest["conditions"][0]["labels"]
    written = pack.manifest(labels, width(manifest), manifest["metrics"])
    for graph in (*written["graphs"].values(), *manifest["graphs"].values()):
        graph.pop("sha256", None)
    assert written == manifest
    assert labels[0] == "any" and len(labels) == 10


def test_priming_is_as_many_steps(manifest, graphs):
    heard, label = noise(2, PRIME_FRAMES, BANDS), np.array([[0], [3]])
    states = rest(manifest, 2)
    primed = graphs["prime"].run(None, {"frame": heard, "label": label, **states})
    for place in range(PRIME_FRAMES):
        _, states = step(graphs, heard[:, place], label, states, chance(2, place))
    for one, other in zip(primed, states.values(), strict=True):
        assert np.abs(one - other).max() < 1e-5


def test_rows_do_not_hear_each_other(manifest, graphs):
    frames, label, uniform = noise(3, 4, BANDS), np.array([[0], [1], [2]]), chance(3, 5)
    together = rest(manifest, 3)
    for place in range(4):
        drawn, together = step(graphs, frames[:, place], label, together, uniform)
    for row in range(3):
        one, alone = slice(row, row + 1), rest(manifest, 1)
        for place in range(4):
            own, alone = step(graphs, frames[one, place], label[one], alone, uniform[one])
        assert np.abs(drawn[one] - own).max() < 1e-3


def test_temperature_0_draws_no_chance_and_1_draws_some(manifest, graphs):
    frame, label = noise(1, BANDS), np.zeros((1, 1), np.int64)
    cold, warm = (
        [step(graphs, frame, label, rest(manifest, 1), chance(1, seed), freedom)[0] for seed in (1, 2)]
        for freedom in (0.0, 1.0)
    )
    assert np.abs(cold[0] - cold[1]).max() < 1.0
    assert np.abs(warm[0] - warm[1]).max() > 3.0


@pytest.mark.parametrize("extreme", [0.0, 1.0 - 2.0**-24])
def test_what_is_drawn_stays_within_the_range(manifest, graphs, extreme):
    label, uniform = np.zeros((1, 1), np.int64), np.full((1, UNIFORMS), extreme)
    frame, states = np.full((1, BANDS), FLOOR_DB, np.float32), rest(manifest, 1)
    for _ in range(20):
        frame, states = step(graphs, frame, label, states, uniform, 2.0)
        assert np.isfinite(frame).all() and frame.min() >= FLOOR_DB - 1e-3 and frame.max() <= CEILING_DB + 1e-3
