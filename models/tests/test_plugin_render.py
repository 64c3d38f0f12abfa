"""Renders of a score: late frames are counted, many are tried again, and never passed on."""

import subprocess
import sys
from pathlib import Path

import pytest

from afterimage_models.plugin_render import RENDERS, late_frames, render_plugin

# Stands for xtask: writes one call into a log and reports as many late frames as are left in a file.
PROGRAM = """
import pathlib, sys
left = pathlib.Path({left!r})
counts = left.read_text().split()
left.write_text(" ".join(counts[1:]))
if counts[0] == "fail":
    sys.exit(3)
print("    notes                        77")
print("    late frames                  " + counts[0])
"""


def stand_in(folder: Path, counts: str) -> tuple[list[str], Path]:
    left = folder / "left"
    left.write_text(counts)
    program = folder / "xtask.py"
    program.write_text(PROGRAM.format(left=str(left)))
    return [sys.executable, str(program)], left


def test_a_whole_render_runs_once(tmp_path):
    xtask, left = stand_in(tmp_path, "0 7 7")
    assert render_plugin(xtask, tmp_path, tmp_path / "a.json", 1.0, tmp_path / "a.wav") == 0
    assert left.read_text() == "7 7"


def test_a_few_late_frames_in_a_long_render_are_counted(tmp_path):
    xtask, left = stand_in(tmp_path, "9 0")
    assert render_plugin(xtask, tmp_path, tmp_path / "a.json", 100.0, tmp_path / "a.wav") == 9
    assert left.read_text() == "0"


def test_a_render_with_many_late_frames_is_repeated(tmp_path):
    xtask, left = stand_in(tmp_path, "655 3 0 9")
    render_plugin(xtask, tmp_path, tmp_path / "a.json", 1.0, tmp_path / "a.wav")
    assert left.read_text() == "9"


def test_frames_late_every_time_are_an_error(tmp_path):
    xtask, _ = stand_in(tmp_path, " ".join(["1"] * RENDERS))
    with pytest.raises(RuntimeError, match="late frames"):
        render_plugin(xtask, tmp_path, tmp_path / "a.json", 1.0, tmp_path / "a.wav")


def test_a_failed_render_is_an_error(tmp_path):
    xtask, _ = stand_in(tmp_path, "fail")
    with pytest.raises(subprocess.CalledProcessError):
        render_plugin(xtask, tmp_path, tmp_path / "a.json", 1.0, tmp_path / "a.wav")


def test_a_report_without_the_count_is_an_error():
    with pytest.raises(ValueError, match="no count"):
        late_frames("peak 0.5")
