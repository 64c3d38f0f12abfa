"""A folder of one's own textures: what is usable, what is learned and held out, and the pack that comes of it."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="no torch here; the training environment runs this")
pytest.importorskip("matplotlib", reason="no matplotlib here; the training environment runs this")

from afterimage_models.own_sounds.errors import FolderError  # noqa: E402
from afterimage_models.own_textures import command, folder  # noqa: E402
from afterimage_models.own_textures.measuring import colour_db, liveliness_db  # noqa: E402
from afterimage_models.own_textures.training import OwnTrainer, minutes_for  # noqa: E402
from afterimage_models.spectrum import SAMPLE_RATE  # noqa: E402
from afterimage_models.texture_vae_gan.data import HELD_OUT, TRAIN  # noqa: E402
from afterimage_models.texture_vae_gan.frames import FRAMES_A_SECOND, mel_frames  # noqa: E402

MODELS = Path(__file__).resolve().parent.parent


def noise(seconds: float, seed: int, high: float = 0.0) -> np.ndarray:
    sound = np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))
    return np.append(np.diff(sound), 0.0) if high else sound


def write(place: Path, sounds: dict[str, np.ndarray]) -> Path:
    for name, sound in sounds.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / name, 0.3 * sound / np.abs(sound).max(), SAMPLE_RATE)
    return place


def three() -> dict[str, np.ndarray]:
    return {"dull_rain.wav": noise(9.0, 1), "sharp rain.wav": noise(5.0, 2, 1.0), "room/hum.wav": noise(3.0, 3)}


def wanted(place: Path, out: Path, step: str = "train") -> argparse.Namespace:
    return argparse.Namespace(
        step=step, data=place, build=out / "build", pack=out / "pack", minutes=0.005, rate=None, start=None
    )


def test_textures_are_named_after_their_files_and_levelled(tmp_path):
    found = {t.file: t for t in folder.scan(write(tmp_path, three()))}
    assert [found[f].name for f in ("dull_rain.wav", "room/hum.wav")] == ["dull rain", "room hum"]
    loud = [10.0 * np.log10((10.0 ** (t.level / 10.0)).sum(1).mean()) for t in found.values()]
    assert np.ptp(loud) < 8.0


def test_the_last_third_of_long_textures_is_held_out_and_none_is_lost(tmp_path):
    textures = folder.scan(write(tmp_path, three()))
    made = folder.texture_set(textures)
    frames = sum(len(t.level) for t in textures)
    assert made.table[:, 1].sum() == frames == len(made.levels)
    (held,) = made.rows(HELD_OUT)
    assert held[1] == pytest.approx(3.0 * FRAMES_A_SECOND, abs=2)
    assert len(made.rows(TRAIN)) == 3


def test_where_no_texture_is_long_all_are_measured_on(tmp_path):
    textures = folder.scan(write(tmp_path, {f"{i}.wav": noise(5.0, i) for i in range(3)}))
    made = folder.texture_set(textures)
    assert len(made.rows(HELD_OUT)) == len(made.rows(TRAIN)) == 3


def test_colour_tells_dull_from_sharp_and_knows_no_loudness():
    dull, again, sharp = (mel_frames(0.05 * s) for s in (noise(4.0, 1), noise(4.0, 2), noise(4.0, 3, 1.0)))
    assert colour_db(dull, again) < 1.0 < 5.0 < colour_db(dull, sharp)
    assert colour_db(dull, again + 6.0) == pytest.approx(colour_db(dull, again), abs=0.3)


def test_a_swell_is_livelier_than_a_steady_noise():
    steady = 0.05 * noise(4.0, 1)
    swell = steady * 10.0 ** (np.sin(np.linspace(0.0, 12.0, len(steady))) / 2.0)
    assert liveliness_db(mel_frames(steady)) < 1.0 < 5.0 < liveliness_db(mel_frames(swell))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = write(tmp_path_factory.mktemp("sounds") / "My Weather", three())
    out = tmp_path_factory.mktemp("made")
    command.run(wanted(place, out), MODELS)
    return out / "pack"


def test_the_pack_says_whose_it_is_and_keeps_the_shipped_knobs(pack):
    manifest = json.loads((pack / "manifest.json").read_text())
    shipped = json.loads((MODELS / "texture-vae-gan" / "manifest.json").read_text())
    names = [p["name"] for p in manifest["latent"]["presets"]]
    assert manifest["id"] == "own.my-weather" and manifest["license"] == "LicenseRef-own-recordings"
    assert names[:3] == ["dull rain", "room hum", "sharp rain"] and len(names) == 12
    assert manifest["play"]["default_preset"] == names[0] and len(manifest["play"]["mod_wheel_path"]) == 3
    assert manifest["latent"]["axes"] == shipped["latent"]["axes"]
    own, theirs = command.shipped_space(pack), command.shipped_space(MODELS / "texture-vae-gan")
    assert np.array_equal(own.root, theirs.root) and np.array_equal(own.mean, theirs.mean)


def test_the_graphs_give_finite_gated_frames_and_knobs_in_range(pack):
    onnxruntime = pytest.importorskip("onnxruntime", reason="runs the graphs")
    manifest = json.loads((pack / "manifest.json").read_text())
    knobs = np.array([p["latent"] for p in manifest["latent"]["presets"]], np.float32)
    column = np.ones((len(knobs), 1), np.float32)
    decode = onnxruntime.InferenceSession(str(pack / "my-weather.onnx"), providers=["CPUExecutionProvider"])
    frames = decode.run(["frame"], {"latent": knobs, "noise": column, "time_on": column})[0]
    assert np.isfinite(frames).all() and ((frames == -100.0) | (frames >= -90.0)).all()
    encode = onnxruntime.InferenceSession(str(pack / "my-weather-encode.onnx"), providers=["CPUExecutionProvider"])
    heard = encode.run(["latent"], {"frame": mel_frames(0.05 * noise(2.1, 1))[None, :192]})[0]
    assert np.abs(heard).max() <= 3.0


def test_the_card_and_the_numbers_name_every_texture(pack):
    card = (pack / "card.md").read_text()
    assert all(name in card for name in three())
    assert len(json.loads((pack / "metrics.json").read_text())["textures"]) == 3
    assert (pack / "contact-sheet.png").stat().st_size > 5_000


def test_training_moves_the_own_textures_and_leaves_the_moments(tmp_path):
    textures = folder.texture_set(folder.scan(write(tmp_path / "sounds", three())))
    trainer = OwnTrainer(textures, 1.0, tmp_path / "c.pt", MODELS / "texture-vae-gan" / "texture-vae-gan.pt")
    mean = trainer.moments["mean"].clone()
    shown = trainer.make_step(trainer.stream.batch(2))
    assert torch.equal(trainer.moments["mean"], mean)
    assert 0.0 <= float(shown["rehearsal"].detach()) < 1e-3  # nothing is forgotten before the first step


def test_a_broken_folder_ends_in_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit, match="^error: .*does not exist"):
        command.run(wanted(tmp_path / "nowhere", tmp_path), MODELS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="holds no sounds"):
        command.run(wanted(tmp_path / "empty", tmp_path), MODELS)
    short = write(tmp_path / "short", {f"{i}.wav": noise(1.0, i) for i in range(3)})
    with pytest.raises(SystemExit, match="0 s of texture in 0 of 3 files, and 12 s are the least.*lasts 1.0 s"):
        command.run(wanted(short, tmp_path), MODELS)
    soundfile.write(short / "slow.wav", noise(2.0, 1)[:9000], 4000)
    (short / "text.flac").write_text("no sound")
    with pytest.raises(FolderError):
        folder.scan(short)
    said = capsys.readouterr().out
    assert "4000 samples a second" in said and "text.flac cannot be read" in said
    with pytest.raises(SystemExit, match="train it first"):
        command.run(wanted(short, tmp_path, "evaluate"), MODELS)


def test_minutes_grow_with_the_folder():
    assert [minutes_for(s) for s in (12.0, 200.0, 4000.0)] == [3.0, 8.0, 15.0]
