"""Held-out sounds to go on from, and what the plugin's code makes of them."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from .layout import SAMPLE_RATE
from .sounds import Sound

HEARD_S, CONTINUED_S = 6.0, 16.0
LEVEL_FLOOR = 1e-3  # a stretch that is silent is no prompt


class Run(NamedTuple):
    """One continuation: what was heard, what was made, what really followed."""

    name: str
    label: int
    prompt: np.ndarray
    made: np.ndarray
    truth: np.ndarray


class Prompt(NamedTuple):
    """A stretch of HEARD_S of a sound, from sample `first` on."""

    name: str
    sound: Sound
    first: int


def choose(sounds: list[Sound], count: int, seed: int) -> list[Prompt]:
    """`count` prompts; sounds in turn, each time from another place."""
    rng = np.random.default_rng(seed)
    heard = round(HEARD_S * SAMPLE_RATE)
    out: list[Prompt] = []
    turn = 0
    while len(out) < count:
        sound = sounds[turn % len(sounds)]
        turn += 1
        first = int(rng.integers(0, max(len(sound.samples) - heard - SAMPLE_RATE, 1)))
        part = sound.samples[first : first + heard].astype(np.float32)
        if len(part) == heard and np.sqrt(np.mean(part**2)) > LEVEL_FLOOR:
            out.append(Prompt(f"{len(out):02d}-{Path(sound.name).stem}", sound, first))
    return out


def render(
    pack: Path, chosen: list[tuple[str, Sound, int]], folder: Path, xtask: str, seed: int
) -> tuple[list[Run], str]:
    """Every prompt gone on from by `check-model`, and what that printed."""
    heard_folder, out = folder / "heard", folder / "made"
    heard_folder.mkdir(parents=True, exist_ok=True)
    heard = round(HEARD_S * SAMPLE_RATE)
    for name, sound, first in chosen:
        part = sound.samples[first : first + heard].astype(np.float32)
        soundfile.write(heard_folder / f"{name}.wav", part, SAMPLE_RATE)
    options = {
        "--heard": heard_folder.resolve(), "--out": out.resolve(), "--hear": HEARD_S, "--seconds": CONTINUED_S,
        "--seed": seed,
    }  # fmt: skip
    words = [*shlex.split(xtask), "check-model", str(pack.resolve())]
    words += [str(word) for option in options.items() for word in option]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [_run(name, sound, first, out) for name, sound, first in chosen], said


def _run(name: str, sound: Sound, first: int, out: Path) -> Run:
    heard = round(HEARD_S * SAMPLE_RATE)
    whole, _ = soundfile.read(out / f"{name}.wav", dtype="float32")
    truth = sound.samples[first + heard :].astype(np.float32)
    return Run(name, sound.label, whole[:heard], whole[heard:], truth)


def speeds(said: str) -> dict[str, tuple[float, float]]:
    """Seconds played and heard in a second, by runtime, as `check-model` printed them."""
    found = re.findall(r"^\s+(.+): ready in .* plays ([\d.]+) s and hears ([\d.]+) s", said, re.MULTILINE)
    return {name: (float(played), float(heard)) for name, played, heard in found}
