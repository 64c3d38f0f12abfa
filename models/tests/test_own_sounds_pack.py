"""From a folder of sounds to a pack, in some steps of training: what the pack's files promise."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pitched_pack import feed, is_gated, session

pytest.importorskip("torch", reason="no torch here; the training environment runs this")
pytest.importorskip("matplotlib", reason="no matplotlib here; the training environment runs this")

from afterimage_models.own_sounds import base, command
from afterimage_models.own_sounds.training import minutes_for
from afterimage_models.spectrum import SAMPLE_RATE, note_to_hz

MODELS = Path(__file__).resolve().parent.parent
KEYS = (50, 55, 60, 65)


def wanted(folder: Path, out: Path) -> argparse.Namespace:
    return argparse.Namespace(
        step="train", data=folder, build=out / "build", pack=out / "pack", minutes=0.01, rate=None, start=None
    )


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds") / "Two Reeds"
    folder.mkdir()
    at = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for key in KEYS:
        for name, order in (("odd", (1, 3, 5)), ("all", (1, 2, 3, 4))):
            sound = sum(np.sin(2 * np.pi * k * note_to_hz(key) * at) / k for k in order)
            soundfile.write(folder / f"{name}_{key}.wav", 0.2 * sound, SAMPLE_RATE)
    out = tmp_path_factory.mktemp("made")
    command.run(wanted(folder, out), MODELS)
    return out / "pack"


def test_the_manifest_says_whose_the_pack_is(pack):
    manifest = json.loads((pack / "manifest.json").read_text())
    assert manifest["id"] == "own.two-reeds"
    assert manifest["license"] == "LicenseRef-own-recordings"
    assert manifest["training_data"][0]["name"] == "Two Reeds"
    names = [p["name"] for p in manifest["latent"]["presets"]]
    assert names[:3] == ["all", "odd", "all / odd"]
    assert manifest["play"]["default_preset"] in names


def test_the_knobs_are_those_of_the_shipped_pack(pack):
    shipped = json.loads((MODELS / "keys-vae" / "manifest.json").read_text())
    assert json.loads((pack / "manifest.json").read_text())["latent"]["axes"] == shipped["latent"]["axes"]
    own, theirs = base.shipped_space(pack), base.shipped_space(MODELS / "keys-vae")
    assert np.array_equal(own.rotation, theirs.rotation)
    assert np.array_equal(own.mean, theirs.mean)


def test_the_graph_plays_gated_frames(pack):
    manifest = json.loads((pack / "manifest.json").read_text())
    knobs = [p["latent"] for p in manifest["latent"]["presets"]]
    frames = session(pack / "two-reeds.onnx").run(["frame"], feed(knobs, 57.3))[0]
    assert frames.shape[0] == len(knobs)
    assert is_gated(frames)


def test_the_card_names_every_sound(pack):
    card = (pack / "card.md").read_text()
    assert all(f"odd_{key}.wav" in card and f"all_{key}.wav" in card for key in KEYS)
    assert (pack / "contact-sheet.png").stat().st_size > 10_000
    assert len(json.loads((pack / "metrics.json").read_text())["sounds"]) == 2 * len(KEYS)


def test_a_broken_folder_ends_in_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match="^error: .*does not exist"):
        command.run(wanted(tmp_path / "nowhere", tmp_path), MODELS)
    (tmp_path / "empty").mkdir()
    arguments = wanted(tmp_path / "empty", tmp_path)
    with pytest.raises(SystemExit, match="holds no sounds"):
        command.run(arguments, MODELS)
    arguments.step = "evaluate"
    with pytest.raises(SystemExit, match="train it first"):
        command.run(arguments, MODELS)


def test_minutes_grow_with_the_folder():
    assert [minutes_for(n) for n in (4, 20, 60, 500)] == [2.0, 10.0, 30.0, 30.0]
