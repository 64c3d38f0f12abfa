"""A judge written elsewhere hears the demo's notes: basic-pitch, against fluidsynth as a yardstick."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, xtask

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
ONSET_TOLERANCE_S = 0.08
SHARE_OF_YARDSTICK = 0.95


def piece() -> tuple[Path, Path]:
    """The demo's MIDI file and its automation."""
    for midi in sorted((ROOT / "models" / "pieces").glob("*.mid")):
        automation = midi.with_suffix(".automation.json")
        if automation.exists():
            return midi, automation
    pytest.fail("models/pieces holds no piece with an automation")


def note_f1(wav: Path, midi: Path) -> float:
    """F1 of the notes (onset and pitch) that basic-pitch finds in `wav` against `midi`."""
    import mir_eval
    import pretty_midi
    from basic_pitch import ICASSP_2022_MODEL_PATH
    from basic_pitch.inference import predict

    _, _, found = predict(str(wav), ICASSP_2022_MODEL_PATH)
    wanted = [note for track in pretty_midi.PrettyMIDI(str(midi)).instruments for note in track.notes]
    # A key that two parts hold at once is one note to the ear and to the instrument's voices.
    unique = {(round(note.start, 3), note.pitch): note for note in wanted}.values()

    def table(starts_ends_keys: list[tuple[float, float, int]]) -> tuple[np.ndarray, np.ndarray]:
        rows = np.array(starts_ends_keys, dtype=np.float64)
        return rows[:, :2], 440.0 * 2 ** ((rows[:, 2] - 69) / 12)

    intervals, pitches = table([(note.start, note.end, note.pitch) for note in unique])
    heard, heard_pitches = table([(event[0], event[1], event[2]) for event in found])
    _, _, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        intervals, pitches, heard, heard_pitches, onset_tolerance=ONSET_TOLERANCE_S, offset_ratio=None
    )
    return f1


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
    found, reachable = note_f1(ours, midi), note_f1(yardstick, midi)
    print(f"F1 {found:.3f}, fluidsynth {reachable:.3f}")
    assert found >= SHARE_OF_YARDSTICK * reachable, f"F1 {found:.3f}, fluidsynth reaches {reachable:.3f}"
