"""Scores to sound through the built bundle, and only whole: a late frame would be blamed on the model."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ..spectrum import SAMPLE_RATE

REPOSITORY = Path(__file__).resolve().parents[3]
RENDERS = 3  # tries until no frame is late, on a machine that does other things too


def render_plugin(xtask: list[str], pack: Path, automation: Path, seconds: float, wav: Path) -> None:
    """Play a score through the built bundle, again where frames were late.

    `xtask`: the words that start it, `cargo xtask`, or one that is built already. Raises RuntimeError when frames are
    late every time, CalledProcessError when a render fails.
    """
    command = [*xtask, "render", "--pack", str(pack.resolve()), "--automation", str(automation.resolve())]
    command += ["--seconds", f"{seconds:.1f}", "--rate", str(SAMPLE_RATE), "--block", "512"]
    command += ["--out", str(wav.resolve())]
    for _ in range(RENDERS):
        done = subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        late = late_frames(done.stdout)
        print(f"{wav.name}: {late} late frames", flush=True)
        if late == 0:
            return
    raise RuntimeError(f"{wav}: late frames in each of {RENDERS} renders; try again when the machine is idle")


def late_frames(report: str) -> int:
    """The count in the report of `cargo xtask render`."""
    found = re.search(r"late frames\s+(\d+)", report)
    if found is None:
        raise ValueError(f"no count of late frames in the report of the render:\n{report}")
    return int(found.group(1))
