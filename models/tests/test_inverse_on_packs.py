"""The judge of the plugin's inverse on shipped packs: what it plays, reads and measures."""

import numpy as np
import pytest

from afterimage_models.decoded_notes import PackDecoder, PlayedNote
from afterimage_models.inverse_on_packs import Heard, drums, levels_off, played_packs, score, table, tone_and_time
from afterimage_models.reference.stft import Spec, stft
from afterimage_models.spectrum import SAMPLE_RATE

SPEC = Spec(1024, 256)
PACKS = {folder.name: folder for folder in played_packs()}


def _heard(test: np.ndarray, reference: np.ndarray, hold_s: float) -> Heard:
    return Heard(test.astype(np.float32), np.zeros(100, np.float32), reference.astype(np.float32), 57.0, hold_s)


def _hit() -> np.ndarray:
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    return np.sin(2.0 * np.pi * 300.0 * time) * np.exp(-20.0 * time)


@pytest.mark.parametrize("name", sorted(PACKS))
def test_a_pack_is_played_and_its_frames_are_magnitudes(name: str) -> None:
    decoder = PackDecoder(PACKS[name])
    notes, hold_s = score(decoder)
    assert notes
    assert hold_s > 0.0
    first = notes[0]
    frames = decoder.magnitudes(PlayedNote(0, first.key, first.label, 24))
    assert frames.shape == (24, decoder.spec.bins)
    assert np.all(np.isfinite(frames))
    assert np.all(frames >= 0.0)
    assert frames.max() > 0.1


def test_every_kind_of_hit_is_struck_once() -> None:
    decoder = PackDecoder(PACKS["spectral-gan"])
    notes, _ = score(decoder)
    assert sorted(note.label for note in notes) == list(range(12))
    assert [note.draw for note in notes] == list(range(12))


def test_what_is_the_same_is_not_off_and_what_is_smeared_is() -> None:
    hit = _hit()
    same = drums(_heard(hit, hit, 0.1))
    assert same["attack, ms"] == same["crest, dB"] == same["kurtosis"] == 0.0
    smeared = drums(_heard(np.convolve(hit, np.hanning(2000) / 1000.0)[: len(hit)], hit, 0.1))
    assert smeared["attack, ms"] > 2.0
    assert smeared["kurtosis"] > 0.15


def test_a_steady_tone_is_not_off_and_one_that_wavers_is() -> None:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.1 * np.sign(np.sin(2.0 * np.pi * 220.0 * time)) + 1e-4 * np.random.default_rng(1).normal(size=len(time))
    same = tone_and_time(_heard(tone, tone, 1.5))
    assert same["octave contrast"] == same["decay, dB/s"] == 0.0
    frames = np.abs(stft(SPEC, tone))
    for audio, least, most in (
        (tone, 0.0, 1e-6),
        (tone * (1.0 + 0.3 * np.sin(2.0 * np.pi * 6.0 * time)), 1.2, 3.0),
        (tone * np.minimum(1.0, time / 0.05), 0.0, 0.2),  # swells, then is steady
    ):
        held = levels_off(frames, SPEC, SAMPLE_RATE, 1.5, audio)["held"]
        assert least <= held <= most
    assert levels_off(frames, SPEC, SAMPLE_RATE, 1.5, tone * np.minimum(1.0, time / 0.05))["attack"] > 1.2


def test_only_shares_beyond_fifteen_percent_are_marked() -> None:
    text = table("pack", [{"crest, dB": 9.0, "kurtosis": 0.2, "haze": 0.1, "level, held, dB": 1.0}])
    levels = table("pack", [{"level, attack, dB": 1.3, "level, attack, reference, dB": 1.3}])
    assert [line.split("  ")[1] for line in levels.splitlines() if "over 15 %" in line] == ["level, attack, dB"]
    marked = [line.split()[0] for line in text.splitlines() if "over 15 %" in line]
    assert marked == ["kurtosis"]
