"""The judges: goldens, and negative controls that must turn red."""

import numpy as np
import pytest

from afterimage_models.judges import timing, tone
from afterimage_models.judges.distance import log_spectral_distance_db, smoothed_distance_db
from afterimage_models.judges.layout import Slice, cut
from afterimage_models.judges.notes import MEASURES, compare, compare_all, format_table, summary_rows
from afterimage_models.judges.transcription import match_f1
from afterimage_models.loudness import max_momentary_lufs
from afterimage_models.midi_file import Note, read_notes, write_notes
from afterimage_models.pitch import measure_note
from afterimage_models.spectrum import GATE_DB, HOP, SAMPLE_RATE, hann_lobe, note_to_hz, spectrogram
from afterimage_models.synth import note_audio

HOLD_S = 1.2
LENGTH_S = 2.0


def plucked(note=57.0, attack_s=0.004, decay_db_s=12.0, cents=0.0, seed=0):
    """A decaying harmonic note [samples] with a little noise, silent 0.3 s after its end."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(int(LENGTH_S * SAMPLE_RATE)) / SAMPLE_RATE
    hz = float(note_to_hz(note + cents / 100.0))
    wave = sum(np.sin(2 * np.pi * k * hz * seconds + k) / k for k in range(1, 9))
    wave = wave + 1e-3 * rng.standard_normal(len(seconds))
    gain = np.minimum(seconds / attack_s, 1.0) * 10 ** (-decay_db_s * seconds / 20)
    released = np.clip(1.0 - (seconds - HOLD_S) / 0.3, 0.0, 1.0)
    return (0.1 * wave * gain * released).astype(np.float32)


def as_slice(audio, key=57):
    return Slice(Note(1.0, 1.0 + HOLD_S, key, 100), audio, np.zeros(2400, np.float32))


def kept(row, name):
    measure = next(m for m in MEASURES if m.name == name)
    value = abs(row[name]) if measure.absolute else row[name]
    return value <= measure.limit


def test_distance_has_a_golden():
    rng = np.random.default_rng(5)
    noise = 0.1 * rng.standard_normal(24_000)
    assert log_spectral_distance_db(noise, noise).mean() == 0.0
    # Twice the amplitude is 6.02 dB in every bin of every frame above the gate.
    assert log_spectral_distance_db(noise, 2 * noise).mean() == pytest.approx(20 * np.log10(2), abs=1e-3)
    # Against silence each bin counts its height over the gate.
    frames = np.maximum(spectrogram(noise), GATE_DB) - GATE_DB
    golden = np.sqrt((frames**2).mean(1)).mean()
    assert log_spectral_distance_db(noise, 0 * noise).mean() == pytest.approx(golden, rel=1e-6)
    other = 0.1 * rng.standard_normal(24_000)
    grain = log_spectral_distance_db(noise, other).mean()
    assert grain == pytest.approx(7.9, abs=0.4)  # two draws of one noise: sqrt(2) * 5.57 dB
    assert smoothed_distance_db(noise, other).mean() < 0.7 * grain


def test_a_full_scale_sine_is_zero_decibels():
    sine = np.sin(2 * np.pi * 1500.0 * np.arange(48_000) / SAMPLE_RATE)
    assert spectrogram(sine)[50].max() == pytest.approx(0.0, abs=0.01)
    assert hann_lobe(np.array([0.0, 1.0])) == pytest.approx([1.0, 0.5])


@pytest.mark.parametrize("cents", [-40.0, 0.0, 7.0, 33.0])
@pytest.mark.parametrize("note", [36, 57, 84])
def test_pitch_is_measured_to_a_cent(note, cents):
    audio = plucked(float(note), cents=cents)[1440:50_000]
    assert 100 * (measure_note(audio, note) - note) == pytest.approx(cents, abs=1.0)


def test_the_same_note_keeps_every_measure():
    row = compare(as_slice(plucked()), as_slice(plucked(seed=1)))
    for measure in MEASURES:
        assert kept(row, measure.name), (measure.name, row[measure.name])


def test_a_detuned_note_is_caught():
    row = compare(as_slice(plucked()), as_slice(plucked(cents=30.0)))
    assert not kept(row, "pitch against original")


def test_haze_is_caught():
    quiet = plucked()
    rng = np.random.default_rng(2)
    haze = 10 ** (-25 / 20) * 0.1 * rng.standard_normal(len(quiet)).astype(np.float32)
    row = compare(as_slice(quiet), as_slice(quiet + haze))
    assert not kept(row, "floor after note end")
    assert not kept(row, "level between partials")
    assert not kept(row, "haze share")


def test_a_smeared_attack_is_caught():
    row = compare(as_slice(plucked()), as_slice(plucked(attack_s=0.06)))
    assert not kept(row, "attack time")


def test_a_wrong_decay_is_caught():
    row = compare(as_slice(plucked()), as_slice(plucked(decay_db_s=3.0)))
    assert not kept(row, "decay slope")


def test_tremolo_is_caught():
    audio = plucked()
    seconds = np.arange(len(audio)) / SAMPLE_RATE
    row = compare(as_slice(audio), as_slice(audio * (1 + 0.5 * np.sin(2 * np.pi * 6 * seconds)).astype(np.float32)))
    assert not kept(row, "envelope modulation")


def test_a_trembling_pitch_is_caught():
    seconds = np.arange(int(LENGTH_S * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * 220 * seconds
    steady, trembling = np.sin(phase), np.sin(phase + 1.5 * np.sin(2 * np.pi * 7 * seconds))
    assert timing.pitch_jitter_cents(steady, 57, HOLD_S) < 0.5
    assert timing.pitch_jitter_cents(trembling, 57, HOLD_S) > 10.0


def test_sound_before_the_note_is_caught():
    late = Slice(Note(1.0, 2.2, 57, 100), plucked(), 0.01 * np.ones(2400, np.float32))
    assert not kept(compare(as_slice(plucked()), late), "before onset")


def test_level_is_matched_once_for_the_whole_render():
    pairs = [as_slice(plucked(seed=n)) for n in range(3)]
    rows = compare_all(pairs, [as_slice(0.25 * plucked(seed=n)) for n in range(3)])
    assert all(abs(row["loudness"]) < 0.1 for row in rows)
    assert "log-spectral distance" in format_table(summary_rows(rows))


def test_noise_has_less_contrast_than_a_note():
    noise = 0.1 * np.random.default_rng(0).standard_normal(96_000)
    contrast = tone.octave_contrast_db(tone.held_frames(noise, HOLD_S))
    assert np.all(tone.octave_contrast_db(tone.held_frames(plucked(), HOLD_S))[:3] > contrast[:3] + 10)


def test_matching_counts_each_note_once():
    notes = [Note(0.0, 0.5, 60, 90), Note(1.0, 1.5, 60, 90), Note(1.0, 1.5, 64, 90)]
    score = match_f1([(0.01, 60), (0.02, 60), (1.2, 60), (1.04, 64)], notes)
    assert score["recall"] == pytest.approx(2 / 3)
    assert score["precision"] == pytest.approx(0.5)


def test_slices_fall_on_their_notes():
    notes = [Note(0.5, 1.0, 60, 90), Note(2.0, 2.5, 62, 90)]
    audio = np.zeros(4 * SAMPLE_RATE, np.float32)
    audio[round(2.01 * SAMPLE_RATE)] = 1.0
    parts = cut(audio, notes, delay_s=0.01)
    assert parts[1].audio[0] == 1.0
    assert len(parts[0].audio) == int(1.35 * SAMPLE_RATE)


def test_loudness_of_the_standard_tone():
    # BS.1770: a 997 Hz sine at full scale in one channel reads -3.01 LUFS.
    sine = np.sin(2 * np.pi * 997 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)
    assert max_momentary_lufs(sine) == pytest.approx(-3.01, abs=0.05)


def test_midi_files_come_back(tmp_path):
    notes = [Note(0.25, 1.0, 60, 90), Note(0.25, 1.0, 64, 70), Note(1.0, 1.5, 60, 80)]
    write_notes(tmp_path / "x.mid", notes)
    for one, other in zip(read_notes(tmp_path / "x.mid"), notes, strict=True):
        assert (one.key, one.velocity) == (other.key, other.velocity)
        assert one.start_s == pytest.approx(other.start_s, abs=1e-3)
        assert one.end_s == pytest.approx(other.end_s, abs=1.5e-3)


def test_stand_in_returns_a_tone_it_was_given():
    tone_audio = (0.3 * np.sin(2 * np.pi * float(note_to_hz(64.37)) * np.arange(60_000) / SAMPLE_RATE)).astype(
        np.float32
    )
    frames = spectrogram(tone_audio)[: 50_000 // HOP]
    heard = note_audio(frames, 64.37)
    assert np.abs(heard[10_000:40_000]).max() == pytest.approx(0.3, rel=0.05)
    assert 100 * (measure_note(heard[4000:44_000], 64) - 64.37) == pytest.approx(0.0, abs=0.5)
