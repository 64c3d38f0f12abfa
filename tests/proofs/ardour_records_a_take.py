"""Ardour records a continuation of its input to a new track: the file holds what the take holds.

A proof and no test: it runs in real time, a quarter of a minute, and needs Ardour 7 (`apt-get install ardour`).

    python tests/proofs/ardour_records_a_take.py target/bundled/Afterimage.vst3
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

ARDOUR = Path("/usr/lib/ardour7")
SCRIPT = Path(__file__).with_suffix(".lua")
RATE_HZ = 48_000
# Half of the switch: there the input fades into the take.
SWITCH = RATE_HZ // 100
Samples = NDArray[np.float32]


def record(bundle: Path, folder: Path) -> tuple[Samples, Path]:
    """Runs Ardour with a home of its own; the recording and the folder of the take."""
    plugins, takes, session = folder / ".vst3", folder / "takes", folder / "session"
    plugins.mkdir()
    linked = plugins / bundle.name
    linked.symlink_to(bundle.resolve())
    environment = os.environ | {
        "HOME": str(folder),
        "LD_LIBRARY_PATH": str(ARDOUR),
        "AFTERIMAGE_TAKES_FOLDER": str(takes),
        "SESSION": str(session),
        "DEVICE": "Sine Sweep Swell",
    }
    scanner = [str(ARDOUR / "ardour-vst3-scanner"), "-f", str(linked)]
    subprocess.run(scanner, env=environment, check=True, capture_output=True, timeout=300)
    subprocess.run(["ardour7-lua", str(SCRIPT)], env=environment, check=True, capture_output=True, timeout=300)
    (left,) = session.glob("interchange/*/audiofiles/*%L.wav")
    (take,) = takes.iterdir()
    return soundfile.read(left, dtype="float32")[0], take


def place_of(part: Samples, whole: Samples) -> int:
    """Where the very samples of `part` begin in `whole`; -1 where they do not."""
    starts = np.flatnonzero(whole[: len(whole) - len(part)] == part[0])
    found = (int(start) for start in starts if np.array_equal(whole[start : start + len(part)], part))
    return next(found, -1)


def main() -> None:
    """Prints how much of the take lies in the recording, sample for sample."""
    with tempfile.TemporaryDirectory() as name:
        recording, take = record(Path(sys.argv[1]), Path(name))
        known = json.loads((take / "take.json").read_text())
        sound = soundfile.read(take / "sound.wav", dtype="float32", always_2d=True)[0][:, 0]
    second = sound[RATE_HZ : 2 * RATE_HZ]
    begins = place_of(second, recording) - RATE_HZ
    if begins < 0:
        sys.exit("the recording holds nothing of the take")
    heard = recording[begins : begins + len(sound)]
    different = np.flatnonzero(heard != sound[: len(heard)])
    same = len(heard) - len(different)
    print(f"the take: {known['pack']}, seed {known['seed']}, {len(sound) / RATE_HZ:.2f} s, ended: {known['ended']}")
    print(f"in the recording from sample {begins} on: {same} of {len(sound)} samples, bit for bit")
    if np.any((different > SWITCH) & (different < len(heard) - SWITCH)):
        sys.exit("they differ beyond the switch")


if __name__ == "__main__":
    main()
