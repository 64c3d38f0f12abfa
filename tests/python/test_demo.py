"""A judge written elsewhere hears the demo's notes: basic-pitch, against fluidsynth as a yardstick."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from afterimage_models.judges.layout import read_mono
from afterimage_models.judges.transcription import transcribe
from afterimage_models.midi_file import read_notes

from conftest import ROOT, xtask

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SHARE_OF_YARDSTICK = 0.95


def piece() -> tuple[Path, Path]:
    """The demo's MIDI file and its automation."""
    for midi in sorted((ROOT / "models" / "pieces").glob("*.mid")):
        automation = midi.with_suffix(".automation.json")
        if automation.exists():
            return midi, automation
    pytest.fail("models/pieces holds no piece with an automation")


def test_basic_pitch_finds_the_demos_notes_as_it_finds_fluidsynths(tmp_path: Path) -> None:
    """At least 0.95 of the F1 that it reaches on the same MIDI played by fluidsynth."""
    if shutil.which("fluidsynth") is None or not SOUNDFONT.exists():
        pytest.fail("fluidsynth and fluid-soundfont-gm are needed; install them with apt")
    midi, automation = piece()
    ours = tmp_path / "ours.wav"
    xtask("render", "--midi", str(midi), "--automation", str(automation), "--out", str(ours))
    yardstick = tmp_path / "yardstick.wav"
    subprocess.run(
        ["fluidsynth", "-ni", "-r", "48000", "-F", str(yardstick), str(SOUNDFONT), str(midi)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    notes = read_notes(midi)
    found = transcribe(read_mono(ours), notes)["f1"]
    reachable = transcribe(read_mono(yardstick), notes)["f1"]
    print(f"F1 {found:.3f}, fluidsynth {reachable:.3f}")
    assert found >= SHARE_OF_YARDSTICK * reachable, f"F1 {found:.3f}, fluidsynth reaches {reachable:.3f}"
