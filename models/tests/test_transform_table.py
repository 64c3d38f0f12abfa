"""The table of Transform: its judges tell late from in time, out of tune from in tune, and what was late is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from afterimage_models import transform_table
from afterimage_models.judges import alignment
from afterimage_models.spectrum import SAMPLE_RATE, note_to_hz
from afterimage_models.transform_table import NEXT, Sound


def struck(pitch: float, seconds: float = 1.6) -> np.ndarray:
    """A note of eight partials with an attack of 4 ms that dies away."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hz = float(note_to_hz(pitch))
    tone = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 9))
    return (0.1 * tone * np.exp(-time / 0.5) * np.minimum(time / 0.004, 1.0)).astype(np.float32)


def later(audio: np.ndarray, samples: int) -> np.ndarray:
    """The same so many samples later."""
    return np.concatenate([np.zeros(samples, np.float32), audio])[: len(audio)]


@pytest.mark.parametrize("pitch", [45.0, 60.0, 84.0])
@pytest.mark.parametrize("moved", [-480, -96, 0, 160, 640])
def test_a_delay_is_found_to_a_step_whatever_the_tone(pitch: float, moved: int) -> None:
    one = later(struck(pitch), 2400)
    other = later(struck(pitch + 3.0) * 0.5, 2400 + moved)
    lag = alignment.envelope_lag(one, other, float(note_to_hz(pitch)))
    assert lag == pytest.approx(moved, abs=64)
    assert alignment.envelope_lag(one, one) == 0


def test_a_swell_before_the_note_is_an_early_onset() -> None:
    note = later(struck(60.0), 2400)
    swell = np.clip((np.arange(len(note)) - 1400) / 1000, 0.0, 1.0) * 0.1
    swollen = note + (swell * np.sin(0.05 * np.arange(len(note))) * (np.arange(len(note)) < 2400)).astype(np.float32)
    assert alignment.onset(note) == pytest.approx(2400, abs=200)
    assert alignment.onset(swollen) < 2100


def test_a_report_without_the_count_is_an_error_and_not_a_zero() -> None:
    report = "    late transformed samples     7\n    latency                      2208 samples, 46.0 ms\n"
    assert transform_table.told(report, "late transformed samples") == 7
    assert transform_table.told(report, "latency") == 2208
    with pytest.raises(ValueError, match="late frames"):
        transform_table.told(report, "late frames")
    with pytest.raises(ValueError, match="late transformed"):
        transform_table.told("    late transformed samples     not told\n", "late transformed samples")


def test_the_table_tells_a_good_pack_from_bad_ones(tmp_path: Path) -> None:
    sounds = {
        "notes": [Sound(struck(pitch), pitch, 1.2) for pitch in (52.0, 60.0, 64.0, 71.0)],
        "textures": [Sound(transform_table.faded(struck(pitch)), None, 1.5) for pitch in (40.0, 55.0)],
    }

    def render(heard: Path, pack: str, out: Path, live: bool) -> str:
        audio, rate = soundfile.read(heard, dtype="float32")
        if pack == "late":
            audio = later(audio, 320)
        elif pack == "flat":
            audio = np.interp(np.arange(len(audio)) * 2 ** (-0.3 / 12), np.arange(len(audio)), audio)
        if live and pack == "late":
            audio[1000:1480] += 0.1
        soundfile.write(out, np.stack([audio, audio], axis=1), rate, subtype="FLOAT")
        return f"    late transformed samples     {480 if live and pack == 'late' else 0}\n    latency   2208 samples\n"

    table = transform_table.run(sounds, ["same", "late", "flat"], render, tmp_path)
    notes = table["rows"]["notes"]
    assert notes["same"]["measures"]["lag, samples"] == [0.0, 0.0, 0.0]
    assert notes["same"]["measures"]["within 10 cents"][0] == 1.0
    assert notes["late"]["measures"]["lag, samples"][1] == pytest.approx(320, abs=16)
    assert notes["flat"]["measures"]["within 10 cents"][0] == 0.0
    assert notes["same"]["alike"] == 1.0 > notes["late"]["alike"]
    assert [notes[pack]["late live"] for pack in ("same", "late")] == [0, 480]
    assert (
        notes[NEXT]["measures"]["log-spectral distance, dB"][0]
        > notes["same"]["measures"]["log-spectral distance, dB"][0]
    )
    assert table["rows"]["textures"]["same"]["measures"]["colour off, dB"][0] < 1e-3
    text = transform_table.format_table(table)
    assert "| latency, samples | - | 2208 | 2208 | 2208 |" in text
