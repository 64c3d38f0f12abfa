"""A folder of one's own sounds: what names and ears make of it, and each sentence about what is wrong with it."""

import numpy as np
import pytest
import soundfile

from afterimage_models.note_data import HELD_OUT_KEY, HELD_OUT_PRESET
from afterimage_models.own_sounds import notes, places
from afterimage_models.own_sounds.detection import nominal_pitch
from afterimage_models.own_sounds.errors import FolderError
from afterimage_models.own_sounds.folder import Sound, read_sound, scan
from afterimage_models.own_sounds.names import parse
from afterimage_models.own_sounds.notes import ended, holds, release
from afterimage_models.spectrum import BINS, SAMPLE_RATE, note_to_hz


def tone(note: float, seconds: float = 1.2, rate: int = SAMPLE_RATE, falls_db_s: float = 0.0) -> np.ndarray:
    """Twelve partials below the upper half of the band."""
    at = np.arange(int(seconds * rate)) / rate
    hz = float(note_to_hz(note))
    partials = [np.sin(2 * np.pi * k * hz * at + k * k) / k for k in range(1, 13) if k * hz < 0.45 * rate]
    return 0.2 * np.sum(partials, axis=0) * 10.0 ** (-falls_db_s * at / 20.0)


def write(folder, name: str, audio: np.ndarray, rate: int = SAMPLE_RATE) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate)


def four(folder, keys=(48, 55, 60, 67)) -> None:
    for key in keys:
        write(folder, f"reed_{key}.wav", tone(key))


@pytest.mark.parametrize(
    ("stem", "key", "velocity", "timbre"),
    [
        ("C#3", 49, None, ""), ("Bb4", 70, None, ""), ("flute_A4_v100", 69, 100, "flute"),
        ("PianoC4v12", 60, 12, "Piano"), ("Cs2 soft", 37, None, "soft"), ("harp-e5-mf", 76, 80, "harp"),
        ("A-1", 9, None, ""), ("kalimba_F3_rr2", 53, None, "kalimba"), ("bass_hard_c", None, None, "bass hard c"),
        ("sonic4", None, None, "sonic4"), ("bass_dnb_f", None, None, "bass dnb f"), ("pad_1", None, None, "pad 1"),
    ],
)  # fmt: skip
def test_a_name_tells_note_velocity_and_timbre(stem, key, velocity, timbre):
    parts = parse(stem)
    assert (parts.key, parts.velocity, parts.timbre) == (key, velocity, timbre)


def test_a_bare_number_may_be_a_note():
    assert (parse("cello 60").number, parse("cello 60").timbre) == (60, "cello")
    assert parse("tr808").number is None
    assert parse("take 7").number is None


@pytest.mark.parametrize("note", [29.3, 40.0, 52.75, 60.4, 71.1, 84.0, 98.2])
def test_a_note_is_heard_within_20_cents(note, tmp_path):
    for n, offset in enumerate((0.0, 2.0, 4.0, 7.0)):
        write(tmp_path, f"{'abcd'[n]} sound.wav", tone(note + offset))
    sounds = scan(tmp_path)
    assert [s.timbre for s in sounds] == ["a sound", "b sound", "c sound", "d sound"]
    for sound, offset in zip(sounds, (0.0, 2.0, 4.0, 7.0), strict=True):
        assert abs(sound.pitch - note - offset) < 0.2, sound


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
def test_pitch_does_not_depend_on_the_rate(rate, tmp_path):
    for key in (50, 57, 62, 69):
        write(tmp_path, f"x{key}.wav", np.stack([tone(key, rate=rate)] * 2, axis=1), rate)
    assert np.allclose([s.pitch for s in scan(tmp_path)], [50, 57, 62, 69], atol=0.2)


def test_noise_a_chord_and_a_falling_drum_have_no_note():
    rng = np.random.default_rng(0)
    at = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    drum = np.sin(2 * np.pi * (60.0 * at - 25.0 * np.exp(-4.0 * at))) * np.exp(-2.0 * at)
    assert nominal_pitch(rng.standard_normal(SAMPLE_RATE)) is None
    assert nominal_pitch(tone(60) + tone(61) + tone(66.3)) is None
    assert nominal_pitch(drum) is None
    assert nominal_pitch(tone(60)) is not None


def test_a_folder_whose_middle_c_is_c3_is_read_by_ear(tmp_path):
    for name, key in (("C3", 60), ("E3", 64), ("G3", 67), ("C4", 72)):
        write(tmp_path, f"oboe_{name}.wav", tone(key))
    assert [round(s.pitch) for s in scan(tmp_path)] == [60, 72, 64, 67]  # by name: C3, C4, E3, G3


def test_the_ear_overrules_a_name_that_is_another_note(tmp_path):
    four(tmp_path)
    write(tmp_path, "take_b2.wav", tone(65))
    (wrong,) = [s for s in scan(tmp_path) if s.file == "take_b2.wav"]
    assert abs(wrong.pitch - 65) < 0.2


def test_a_subfolder_is_a_timbre_and_a_lone_note_is_called_after_the_folder(tmp_path):
    folder = tmp_path / "My Kit"
    for key in (50, 53, 57):
        write(folder, f"bowed/{key}.wav", tone(key))
    write(folder, "C4.wav", tone(60))
    assert {s.timbre for s in scan(folder)} == {"bowed", "My Kit"}


def test_louder_sounds_of_one_note_are_played_harder(tmp_path):
    four(tmp_path)
    for name, gain in (("a", 0.1), ("b", 1.0), ("c", 0.4)):
        write(tmp_path, f"horn/{name}_C4.wav", gain * tone(60))
    velocity = {s.file: s.velocity for s in scan(tmp_path)}
    assert velocity["horn/a_C4.wav"] < velocity["horn/c_C4.wav"] < velocity["horn/b_C4.wav"]
    assert velocity["reed_48.wav"] == velocity["reed_60.wav"]  # each is alone with its note


def test_a_broken_folder_is_told_in_one_sentence(tmp_path):
    with pytest.raises(FolderError, match="does not exist"):
        scan(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no sound")
    with pytest.raises(FolderError, match="is a file"):
        scan(tmp_path / "notes.txt")
    with pytest.raises(FolderError, match="holds no sounds"):
        scan(tmp_path)


def test_three_sounds_are_refused_and_four_are_not(tmp_path):
    four(tmp_path, (50, 55, 62))
    with pytest.raises(FolderError, match="3 usable sounds of 3, and 4 are the least"):
        scan(tmp_path)
    four(tmp_path, (64,))
    assert len(scan(tmp_path)) == 4


@pytest.mark.parametrize(
    ("audio", "rate", "sentence"),
    [
        (np.zeros(48_000), 48_000, "is silent"),
        (tone(60, 0.05), 48_000, "is shorter than 0.15 s"),
        (tone(60, 1.0, 2_000), 2_000, "claims 2000 samples a second"),
        (tone(60, 61.0, 8_000), 8_000, "lasts 61 s"),
        (np.random.default_rng(1).standard_normal(48_000) * 0.1, 48_000, "has no one pitch"),
    ],
)
def test_an_unusable_sound_is_named_and_the_others_go_on(audio, rate, sentence, tmp_path, capsys):
    four(tmp_path)
    write(tmp_path, "bad sound.wav", audio, rate)
    assert len(scan(tmp_path)) == 4
    told = capsys.readouterr().out.strip().splitlines()
    assert len(told) == 1
    assert "bad sound.wav" in told[0]
    assert sentence in told[0]


def test_a_damaged_file_is_named_and_the_others_go_on(tmp_path, capsys):
    four(tmp_path)
    (tmp_path / "broken.flac").write_bytes(b"fLaC but not really")
    assert len(scan(tmp_path)) == 4
    assert "broken.flac cannot be read as audio" in capsys.readouterr().out


def test_a_sound_starts_at_its_onset(tmp_path):
    write(tmp_path, "late.wav", np.concatenate([np.zeros(24_000), tone(60)]))
    assert abs(len(read_sound(tmp_path / "late.wav")) - 1.2 * SAMPLE_RATE) < 400


def test_a_released_sound_falls_60_db_in_a_quarter_of_a_second():
    audio = release(np.ones(2 * SAMPLE_RATE, np.float32), 1.0)
    assert audio[SAMPLE_RATE - 1] == 1.0
    assert audio[int(1.125 * SAMPLE_RATE)] == pytest.approx(10.0 ** (-30 / 20), rel=0.01)
    assert not audio[int(1.251 * SAMPLE_RATE) :].any()


def test_a_sound_that_died_away_may_be_held_on_and_a_cut_one_may_not():
    plucked, cut = tone(60, 1.5, falls_db_s=60.0), tone(60, 1.5)
    assert ended(plucked)
    assert not ended(cut)
    assert max(holds(plucked)) > 1.5
    assert max(holds(cut)) < 1.5
    assert len(holds(cut)) == 2


def test_the_arrays_are_those_of_the_shipped_models(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    four(folder)
    sounds, new = notes.build(folder, out)
    arrays = {p.stem: np.load(p) for p in out.glob("*.npy")}
    assert new
    assert set(arrays) == {"frames", "note", "time_on", "time_off", "table", "summary"}
    assert arrays["frames"].shape == (len(arrays["note"]), BINS)
    assert arrays["frames"].dtype == np.uint8
    assert arrays["table"].shape == (2 * len(sounds), 6)
    assert set(arrays["note"]) == set(range(2 * len(sounds)))
    assert (arrays["time_off"] >= 0.0).any()


def test_nothing_is_read_again_until_the_folder_changes(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    four(folder)
    first, _ = notes.build(folder, out)
    assert notes.build(folder, out) == (first, False)
    write(folder, "reed_72.wav", tone(72))
    sounds, new = notes.build(folder, out)
    assert new
    assert len(sounds) == 5


def test_a_tenth_is_held_out_of_many_and_never_the_only_sound_of_a_timbre():
    many = [Sound(f"{n}.wav", "one", 60.0, 0.8) for n in range(30)]
    alone = [Sound(f"{n}.wav", f"timbre {n}", 60.0, 0.8) for n in range(30)]
    assert len(notes.held_out(many)) == 3
    assert notes.held_out(many) == notes.held_out(list(many))
    assert notes.held_out(alone) == set()
    assert notes.held_out(many[:19]) == set()


@pytest.mark.parametrize("count", [1, 2, 4, 15])
def test_presets_are_the_timbres_and_a_dozen_with_what_lies_between(count):
    rng = np.random.default_rng(count)
    timbres = {f"t{n}": rng.standard_normal(16) for n in range(count)}
    named = places.presets(timbres, [f"axis {n}" for n in range(16)])
    assert list(named)[:count] == list(timbres)
    assert len(named) == max(count, places.PRESETS)
    assert all(len(v) == 16 and max(map(abs, v)) <= 3.0 for v in named.values())
    wheel = places.wheel(timbres, named)
    assert 2 <= len(wheel) <= 3
    assert set(wheel) <= set(named)


def test_note_tables_have_no_split_that_the_folder_has_not(tmp_path):
    four(tmp_path / "in")
    notes.build(tmp_path / "in", tmp_path / "out")
    splits = np.load(tmp_path / "out" / "table.npy")[:, 5]
    assert not np.isin(splits, (HELD_OUT_KEY, HELD_OUT_PRESET)).any()
