"""Scores to sound through the built bundle, and as good as whole: late frames would be blamed on the model."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from .spectrum import HOP, SAMPLE_RATE

REPOSITORY = Path(__file__).resolve().parents[2]
RENDERS = 3  # tries, on a machine that does other things too
LATE_SHARE = 0.005  # of a render's hops; concealed frames below that move no mean, and their count is recorded


def render_plugin(xtask: list[str], pack: Path, automation: Path, seconds: float, wav: Path, *more: str) -> int:
    """Play a score through the built bundle, again where too many frames were late; returns how many still were.

    `xtask`: the words that start it, `cargo xtask`, or one that is built already. `more`: further words of the command.
    Raises RuntimeError when too
    many are late every time, CalledProcessError when a render fails.
    """
    command = [*xtask, "render", "--pack", str(pack.resolve()), "--automation", str(automation.resolve())]
    command += ["--seconds", f"{seconds:.1f}", "--rate", str(SAMPLE_RATE), "--block", "512"]
    command += ["--out", str(wav.resolve()), *more]
    for _ in range(RENDERS):
        done = subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        late = late_frames(done.stdout)
        print(f"{wav.name}: {late} late frames", flush=True)
        if late <= LATE_SHARE * seconds * SAMPLE_RATE / HOP:
            return late
    raise RuntimeError(f"{wav}: late frames in each of {RENDERS} renders; try again when the machine is idle")


def late_frames(report: str) -> int:
    """The count in the report of `cargo xtask render`."""
    found = re.search(r"late frames\s+(\d+)", report)
    if found is None:
        raise ValueError(f"no count of late frames in the report of the render:\n{report}")
    return int(found.group(1))


def told(report: str, name: str) -> int:
    """A whole number of a render's report. Raises ValueError where it is not told."""
    found = re.search(rf"^\s*{re.escape(name)}\s+(\d+)", report, re.MULTILINE)
    if found is None:
        raise ValueError(f"the report of the render does not tell '{name}':\n{report}")
    return int(found.group(1))
