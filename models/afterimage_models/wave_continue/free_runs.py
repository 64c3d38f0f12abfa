"""Held-out sounds gone on from by the plugin's own kernel, and how many of the runs collapsed. Without torch."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ..judges import free_run
from .network import SAMPLE_RATE
from .sound_set import Clip, SoundSet

HEARD_S, RUN_S = 4.0, 8.0
RUNS, SEED = 50, 5
ROW = r"^\s+(.+): a sample in ([\d.]+) us, p99.9 ([\d.]+);"  # what `check-model` prints of a runtime
QUIETEST_PROMPT = 1e-3  # root mean square: silence is no prompt


class Run(NamedTuple):
    """One continuation at SAMPLE_RATE: what was heard, what was made."""

    label: str
    name: str
    prompt: np.ndarray
    made: np.ndarray


def prompts(sounds: SoundSet) -> list[tuple[Clip, int]]:
    """RUNS clips and the samples that their prompts begin at: labels in turn, clips in turn, random places."""
    rng = np.random.default_rng(SEED)
    heard = round(HEARD_S * SAMPLE_RATE)
    long = [clip for clip in sounds.clips if len(clip.sound) > heard]
    by_label = [[c for c in long if c.label == k] for k in range(len(sounds.labels))]
    by_label = [clips for clips in by_label if clips]
    chosen: list[tuple[Clip, int]] = []
    turn = 0
    while len(chosen) < RUNS:
        clips = by_label[turn % len(by_label)]
        clip = clips[turn // len(by_label) % len(clips)]
        first = int(rng.integers(0, len(clip.sound) - heard))
        if np.sqrt(np.mean(clip.sound[first : first + heard] ** 2)) > QUIETEST_PROMPT:
            chosen.append((clip, first))
        turn += 1
    return chosen


def named_prompts(sounds: SoundSet) -> list[tuple[str, Clip, int]]:
    """The prompts with the names of their files."""
    return [(f"{n:02d}-{Path(clip.name).stem}", clip, first) for n, (clip, first) in enumerate(prompts(sounds))]


def render(sounds: SoundSet, pack: Path, work: Path, xtask: str) -> tuple[list[Run], list[str]]:
    """Every prompt continued with its label by `check-model`, and what it printed, a call for each label."""
    heard, runs, said = round(HEARD_S * SAMPLE_RATE), [], []
    chosen = named_prompts(sounds)
    for label_number in sorted({clip.label for _, clip, _ in chosen}):
        label = sounds.labels[label_number]
        heard_folder, made_folder = work / "heard" / label, work / "made" / label
        heard_folder.mkdir(parents=True, exist_ok=True)
        own = [(name, clip, first) for name, clip, first in chosen if clip.label == label_number]
        for name, clip, first in own:
            part = clip.sound[first : first + heard]
            soundfile.write(heard_folder / f"{name}.wav", part, SAMPLE_RATE, subtype="FLOAT")
        options = {
            "--heard": heard_folder.resolve(), "--out": made_folder.resolve(), "--hear": HEARD_S,
            "--seconds": RUN_S, "--seed": SEED, "--label": label,
        }  # fmt: skip
        words = [*shlex.split(xtask), "check-model", str(pack.resolve())]
        words += [str(word) for option in options.items() for word in option]
        said.append(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        for name, _, _ in own:
            whole, _ = soundfile.read(made_folder / f"{name}.wav", dtype="float32")
            runs.append(Run(label, name, whole[:heard], whole[heard:]))
    return runs, said


def judged(run: Run) -> str | None:
    """Why the run counts as collapsed, as `judges.free_run` has it; None where it does not."""
    prompt, made = (
        resample_poly(part, free_run.RATE // 50, SAMPLE_RATE // 50).astype(np.float32)
        for part in (run.prompt, run.made)
    )
    return free_run.collapsed(prompt, made)


def measure(runs: list[Run]) -> dict[str, Any]:
    """How many runs collapsed, which and why."""
    reasons = {f"{run.label} {run.name}": judged(run) for run in runs}
    return {"runs": len(runs), "collapsed": {name: reason for name, reason in reasons.items() if reason}}


def speeds(said: list[str]) -> dict[str, dict[str, float]]:
    """Microseconds a sample, median and p99.9, of the kernel and of the graph on each runtime.

    Each of the call that was disturbed least: other programs make a sample dearer, never cheaper.
    """
    found: dict[str, dict[str, float]] = {}
    for text in said:
        for name, median, late in re.findall(ROW, text, re.MULTILINE):
            row = {"median_us": float(median), "p99.9_us": float(late)}
            found[name] = min(found.get(name, row), row, key=lambda row: row["median_us"])
    return found
