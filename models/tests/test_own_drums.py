"""A folder of one's own drum hits: which drum each is, how kits lie on the knobs, and the pack that comes of it."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="no torch here; the training environment runs this")
pytest.importorskip("matplotlib", reason="no matplotlib here; the training environment runs this")

from afterimage_models.drum_gan.frames import LENGTH, hit_frames  # noqa: E402
from afterimage_models.drum_gan.kit import LABELS, LATENT  # noqa: E402
from afterimage_models.own_drums import command, folder, frames, kits, names  # noqa: E402
from afterimage_models.own_drums.folder import BY_EAR, BY_NAME, OwnHit  # noqa: E402
from afterimage_models.own_drums.shipped import Shipped  # noqa: E402
from afterimage_models.own_drums.targets import targets, under_grain  # noqa: E402
from afterimage_models.own_drums.training import minutes_for  # noqa: E402
from afterimage_models.own_sounds.errors import FolderError, SoundError  # noqa: E402
from afterimage_models.spectrum import SAMPLE_RATE  # noqa: E402

MODELS = Path(__file__).resolve().parent.parent
SECONDS = np.arange(LENGTH // 2) / SAMPLE_RATE


def kick(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * SECONDS * (1.0 + 2.0 * np.exp(-60.0 * SECONDS))) * np.exp(-9.0 * SECONDS)


def noise(seed: int, decay: float) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(len(SECONDS)) * np.exp(-decay * SECONDS)


def write(place: Path, sounds: dict[str, np.ndarray]) -> Path:
    for name, sound in sounds.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / name, 0.5 * sound / np.abs(sound).max(), SAMPLE_RATE)
    return place


def four() -> dict[str, np.ndarray]:
    return {
        "Kick 1.wav": kick(50.0), "Kick 2.wav": kick(70.0), "snare/a.wav": noise(1, 18.0), "chh.wav": noise(2, 60.0),
    }  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    return Shipped.load(MODELS / "drum-gan")


def own(file: str, label: str, audio: np.ndarray | None = None) -> OwnHit:
    return OwnHit(file, LABELS.index(label), BY_NAME, np.zeros(LENGTH, np.float32) if audio is None else audio)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("BD_808_03", "kick"), ("bassdrum", "kick"), ("snardrum", "snare"), ("SnareRim2", "snare"),
        ("tomhidrm", "tom"), ("hihatcym", "closed hat"), ("Open HiHat 4", "open hat"), ("hh-open", "open hat"),
        ("CrashCym", "crash"), ("ridecymb", "ride"), ("cowbell1", "bell"), ("tambourn", "shaker"), ("cp2", "clap"),
        ("Conga_Lo", "hand drum"), ("rimshot", "stick"),
    ],
)  # fmt: skip
def test_names_tell_the_drum(name, label):
    assert names.label_of(name) == LABELS.index(label)


@pytest.mark.parametrize("name", ["01", "take 7", "zap", "blip_a"])
def test_names_that_tell_nothing_are_left_to_the_ear(name):
    assert names.label_of(name) is None


def test_a_folder_tells_the_drum_where_the_file_does_not(tmp_path):
    place = write(tmp_path / "kit", four() | {"07.wav": kick(55.0)})
    asked = []

    def ear(sounds):
        asked.extend(sounds)
        return [LABELS.index("tom")] * len(sounds)

    hits = {hit.file: hit for hit in folder.scan(place, ear)}
    assert hits["snare/a.wav"].label == LABELS.index("snare")
    assert (hits["07.wav"].label, hits["07.wav"].told_by) == (LABELS.index("tom"), BY_EAR)
    assert len(asked) == 1 and hits["Kick 1.wav"].told_by == BY_NAME


def test_by_ear_a_deep_thud_is_no_cymbal_and_a_short_hiss_no_kick(shipped, tmp_path):
    place = write(tmp_path, {"1.wav": kick(55.0), "2.wav": noise(5, 70.0)})
    hits = [own(p.name, "kick", folder.read_hit(p)) for p in sorted(place.glob("*.wav"))]
    low, high = (LABELS[label] for label in shipped.ear(targets(hits)))
    assert low in ("kick", "tom", "hand drum")
    assert high in ("closed hat", "open hat", "shaker", "clap", "snare", "stick", "crash", "ride")


def test_noise_loses_its_grain_and_partials_stay():
    tone, hiss = (hit_frames(s) for s in (np.sin(2 * np.pi * 500.0 * SECONDS), 0.1 * noise(3, 0.0)))
    for level, share, moved in ((tone[:73], 0.0, False), (hiss[:73], 1.0, True)):
        made = under_grain(level, np.full((73, 40), share))
        loud = level > -60.0
        assert (np.abs(made - level)[loud].mean() > 2.0) == moved
        assert moved or np.array_equal(made[loud], level[loud])


def test_kits_take_files_in_turn_and_come_again_where_a_drum_has_fewer():
    hits = [own(f"k{i}", "kick") for i in range(3)] + [own("s0", "snare")] + [own("k9", "kick")]
    rows = kits.chosen(hits, [0, 1, 2, 3])
    assert rows[:, LABELS.index("kick")].tolist() == [0, 1, 2]
    assert rows[:, LABELS.index("snare")].tolist() == [3, 3, 3]
    assert (rows[:, LABELS.index("tom")] == -1).all()
    many = kits.chosen([own(f"k{i:02}", "kick") for i in range(40)], list(range(40)))
    assert many[:, 0].tolist() == [0, 8, 16, 23, 31, 39]


def test_each_kits_knobs_give_its_hits_and_other_drums_stay(shipped):
    hits = [own("k0", "kick"), own("k1", "kick"), own("s0", "snare")]
    latent = torch.from_numpy(np.random.default_rng(1).standard_normal((3, LATENT)).astype(np.float32))
    made = kits.build(shipped, kits.chosen(hits, [0, 1, 2]), latent)
    for kit, knobs in enumerate(made.knobs().values()):
        for label, row in enumerate(made.rows[kit]):
            inner = torch.from_numpy(knobs.astype(np.float32)) @ made.rotation[label] + made.mean[label]
            wanted = latent[row] if row >= 0 else shipped.mean[label]
            assert row < 0 or torch.allclose(inner, wanted, atol=1e-5)
    tom = LABELS.index("tom")
    assert torch.equal(made.rotation[tom], shipped.rotation[tom])
    assert made.axes[-1]["name"] == "To Kit 2" and made.axes[0] == shipped.axes[0]
    assert len(made.presets()) >= 12


def test_the_distance_knows_a_sound_from_another_and_forgives_grain():
    a, b = (hit_frames(0.2 * noise(seed, 8.0)) for seed in (1, 2))
    other = hit_frames(kick(60.0))
    assert frames.distance_db(a, a) == 0.0
    assert frames.distance_db(a, b) < 3.5 < 10.0 < frames.distance_db(a, other)
    assert abs(frames.distance_db(a, b + 6.0) - frames.distance_db(a, b)) < 0.5


def wanted(place: Path, out: Path) -> argparse.Namespace:
    return argparse.Namespace(
        step="train", data=place, build=out / "build", pack=out / "pack", minutes=0.005, rate=None, start=None
    )


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sounds") / "Tin Shed"
    out = tmp_path_factory.mktemp("made")
    command.run(wanted(write(place, four()), out), MODELS)
    return out / "pack"


def test_the_pack_says_whose_it_is_and_plays_the_usual_keys(pack):
    manifest = json.loads((pack / "manifest.json").read_text())
    shipped = json.loads((MODELS / "drum-gan" / "manifest.json").read_text())
    assert manifest["id"] == "own.tin-shed" and manifest["license"] == "LicenseRef-own-recordings"
    assert manifest["play"]["hits"] == shipped["play"]["hits"]
    assert manifest["play"]["default_preset"] == "Kit 1"
    assert manifest["latent"]["axes"][-1]["name"] == "To Kit 2"


def test_the_graph_gives_gated_frames_and_the_kits_differ(pack):
    onnxruntime = pytest.importorskip("onnxruntime", reason="runs the graph")
    session = onnxruntime.InferenceSession(str(pack / "tin-shed.onnx"), providers=["CPUExecutionProvider"])
    latent = np.zeros((2, LATENT), np.float32)
    latent[1, -1] = kits.AT
    feed = {"latent": latent, "noise": np.zeros((2, 1), np.float32), "class": np.zeros((2, 1), np.int64)}
    made = session.run(["frame"], feed | {"descriptor": np.full((2, 4), 0.5, np.float32)})[0]
    assert np.isfinite(made).all() and ((made == -100.0) | (made >= -90.0)).all()
    sounding = made.max(0) > -60.0
    assert np.abs(made[0] - made[1])[sounding].mean() > 1.0


def test_the_card_and_the_numbers_name_every_hit(pack):
    card = (pack / "card.md").read_text()
    assert all(name in card for name in four())
    assert "crash" in card.split("drums that the folder lacks")[1].splitlines()[0]
    assert len(json.loads((pack / "metrics.json").read_text())["hits"]) == len(four())
    assert (pack / "contact-sheet.png").stat().st_size > 5_000


def test_a_broken_folder_ends_in_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit, match="^error: .*does not exist"):
        command.run(wanted(tmp_path / "nowhere", tmp_path), MODELS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="holds no sounds"):
        command.run(wanted(tmp_path / "empty", tmp_path), MODELS)
    three = write(tmp_path / "three", dict(list(four().items())[:3]))
    (three / "text.wav").write_text("no sound at all")
    with pytest.raises(SystemExit, match="3 usable sounds of 4, and 4 are the least.*text.wav cannot be read"):
        command.run(wanted(three, tmp_path), MODELS)
    assert "left out: " in capsys.readouterr().out
    arguments = wanted(three, tmp_path)
    arguments.step = "evaluate"
    with pytest.raises(SystemExit, match="train it first"):
        command.run(arguments, MODELS)


def test_files_of_wrong_rate_length_or_content_are_left_out_in_one_sentence(tmp_path):
    soundfile.write(tmp_path / "slow.wav", kick(60.0), 4000)
    soundfile.write(tmp_path / "long.wav", np.tile(kick(60.0), 60), SAMPLE_RATE)
    soundfile.write(tmp_path / "still.wav", np.zeros(9000), SAMPLE_RATE)
    for name, words in (("slow", "4000 samples a second"), ("long", "single hits"), ("still", "silent")):
        with pytest.raises(SoundError, match=words):
            folder.read_hit(tmp_path / f"{name}.wav")


def test_a_folder_error_is_raised_before_anything_is_trained(tmp_path, shipped):
    with pytest.raises(FolderError):
        command.heard(tmp_path, shipped)


def test_minutes_grow_with_the_folder():
    assert [minutes_for(n) for n in (4, 25, 75, 900)] == [2.0, 5.0, 15.0, 15.0]
