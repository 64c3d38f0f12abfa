"""Judges of continuations: each tells what it is for from what it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from afterimage_models import continuation_table
from afterimage_models.corpus.prompts import Prompt
from afterimage_models.judges import copying, free_run, rhythm, seam

RATE = rhythm.RATE
RNG = np.random.default_rng(2)


def clicks(period_s: float, seconds: float, hz: float = 440.0) -> np.ndarray:
    """Decaying tones, one a period."""
    time = np.arange(round(seconds * RATE)) / RATE
    within = time % period_s
    return 0.5 * np.exp(-within / 0.08) * np.sin(2 * np.pi * hz * within)


def noise(seconds: float) -> np.ndarray:
    """White, at -20 dB."""
    return 0.1 * np.random.default_rng(7).standard_normal(round(seconds * RATE))


@pytest.mark.parametrize("period_s", [0.35, 0.5, 0.62])
def test_the_same_pulse_agrees_and_another_does_not(period_s: float) -> None:
    prompt = clicks(period_s, 8.0)
    assert rhythm.pulse_agreement(prompt, clicks(period_s, 8.0, 300.0)) > 0.9
    assert rhythm.pulse_agreement(prompt, clicks(period_s * 1.19, 8.0)) < 0.4
    assert rhythm.pulse_agreement(prompt, np.zeros(8 * RATE)) == 0.0


@pytest.mark.parametrize("hz", [110.0, 220.0, 440.0, 1760.0])
def test_chroma_finds_the_pitch_class_in_any_octave(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE)
    found = rhythm.chroma(tone)
    assert found.argmax() == 9 and found[9] > 0.9
    other = np.sin(2 * np.pi * hz * 2 ** (3 / 12) * np.arange(2 * RATE) / RATE)
    assert rhythm.chroma_agreement(tone, tone) > 0.99 > 0.3 > rhythm.chroma_agreement(tone, other)


def test_copying_is_found_and_measured() -> None:
    prompt = np.concatenate([clicks(0.5, 3.0, f) * (1 + 0.2 * k) for k, f in enumerate((220, 330, 500))])
    prompt += 0.02 * RNG.standard_normal(len(prompt))
    start = round(2.0 * RATE)
    copied = np.concatenate([noise(2.0), prompt[start : start + 3 * RATE], noise(1.0)])
    assert copying.longest_copy_s(prompt, copied) == pytest.approx(3.0, abs=0.2)
    assert copying.near_duplicate_share(prompt, prompt) == 1.0
    assert copying.longest_copy_s(prompt, noise(4.0)) < 0.2


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_a_cut_shows_and_a_crossfade_does_not(rate: int) -> None:
    time = np.arange(4 * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * 311.0 * time) + 1e-4 * RNG.standard_normal(len(time))
    at, fade = 2 * rate, round(0.02 * rate)
    other = 0.3 * np.sin(2 * np.pi * 311.0 * time + 2.0) + 1e-4 * RNG.standard_normal(len(time))
    cut = np.where(np.arange(len(time)) < at, tone, other)
    share = np.clip((np.arange(len(time)) - at + fade // 2) / fade, 0.0, 1.0)
    faded = tone * np.cos(share * np.pi / 2) + other * np.sin(share * np.pi / 2)
    assert seam.seam_flux_db(cut, rate, at) > 15.0
    assert seam.seam_flux_db(faded, rate, at) < 6.0
    assert abs(seam.level_step_db(faded, rate, at)) < 0.5
    assert seam.level_step_db(np.where(share < 0.5, tone, 2.0 * tone), rate, at) == pytest.approx(6.0, abs=0.2)
    assert seam.gap_samples(faded, at) < 3
    cut[at : at + 100] = 0.0
    assert seam.gap_samples(cut, at) == 100


def test_a_run_collapses_for_its_own_reason_only() -> None:
    prompt = clicks(0.4, 6.0)
    assert free_run.collapsed(prompt, clicks(0.4, 16.0, 350.0)) is None
    held = 0.2 * np.sin(2 * np.pi * 440.0 * np.arange(16 * RATE) / RATE)
    for reason, run in (
        ("silent", np.concatenate([clicks(0.4, 4.0), np.zeros(4 * RATE)])),
        ("too loud", 10.0 * clicks(0.4, 8.0)),
        ("noise", np.concatenate([clicks(0.4, 4.0), noise(4.0)])),
        ("stands still", held),
    ):
        assert free_run.collapsed(prompt, run) == reason


def test_the_table_tells_a_copy_from_silence_and_from_the_truth(tmp_path: Path) -> None:
    rate, switch = RATE, 6 * RATE
    prompts = []
    for number in range(6):
        samples = clicks(0.4 + 0.03 * number, 24.0, 300.0 + 40.0 * number) + 0.001 * RNG.standard_normal(24 * RATE)
        prompts.append(Prompt(f"p{number}.wav", "clicks", None, None, 6.0))
        soundfile.write(tmp_path / prompts[-1].file, samples, rate, subtype="FLOAT")

    def render(heard: Path, prompt: Prompt, continuer: str, out: Path) -> None:
        samples, host_rate = soundfile.read(heard)
        at = switch * host_rate // rate
        assert not samples[at + host_rate // 20 :].any(), "the truth is not given away"
        samples[at:] = 0.0
        if continuer == "copy":
            samples[at : at + 16 * host_rate] = np.tile(samples[host_rate : 5 * host_rate], 4)
        soundfile.write(out, samples, host_rate, subtype="FLOAT")

    table = continuation_table.run(tmp_path, prompts, ["copy", "silent"], render, tmp_path / "out")
    assert [len(table[name]["collapsed"]) for name in table] == [0, 0, 6]
    copied = np.mean([row["near duplicates"] for row in table["copy"]["rows"]])
    assert copied > 0.95
    assert min(row["gap samples"] for row in table["silent"]["rows"]) >= 2048
    assert "| collapsed | 0 of 6 | 0 of 6 | 6 of 6 |" in continuation_table.format_table(table)
