"""Held-out pieces to go on from, and what the plugin's own code makes of them, or of nothing."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from .corpus_frames import Piece
from .frames import SAMPLE_RATE

HEARD_S, CONTINUED_S = 4.0, 8.0
HEARD, CONTINUED = round(HEARD_S * SAMPLE_RATE), round(CONTINUED_S * SAMPLE_RATE)
LEAST_LEVEL = 1e-3  # a stretch that is silent is no prompt


class Prompt(NamedTuple):
    """A stretch of a held-out piece, what truly follows it, and its label."""

    name: str
    label: str
    heard: np.ndarray
    truth: np.ndarray


def choose(pieces: Sequence[Piece], label: str, count: int, seed: int) -> list[Prompt]:
    """`count` prompts of a label, evenly from its pieces, each with as much after it as will be continued."""
    own = [piece for piece in pieces if piece.label == label and len(piece.samples) > HEARD + CONTINUED]
    rng = np.random.default_rng([seed, *label.encode()])
    prompts: list[Prompt] = []
    while len(prompts) < count:
        piece = own[len(prompts) % len(own)]
        first = int(rng.integers(0, len(piece.samples) - HEARD - CONTINUED))
        heard, truth = piece.samples[first : first + HEARD], piece.samples[first + HEARD :][:CONTINUED]
        if min(np.sqrt(np.mean(heard**2)), np.sqrt(np.mean(truth**2))) > LEAST_LEVEL:
            prompts.append(Prompt(f"{label}-{len(prompts)}", label, heard, truth))
    return prompts


def continued(
    pack: Path, prompts: Sequence[Prompt], folder: Path, xtask: str, options: Sequence[object] = ()
) -> tuple[list[np.ndarray], str]:
    """What follows each prompt, all of one label, and what `check-model` said."""
    heard, out = folder / "heard", folder / "made"
    heard.mkdir(parents=True, exist_ok=True)
    for prompt in prompts:
        soundfile.write(heard / f"{prompt.name}.wav", prompt.heard, SAMPLE_RATE, subtype="FLOAT")
    words = ["--heard", heard.resolve(), "--hear", HEARD_S, "--label", prompts[0].label, *options]
    said = _check_model(pack, out, xtask, words)
    return [_after(out / f"{prompt.name}.wav", HEARD) for prompt in prompts], said


def _check_model(pack: Path, out: Path, xtask: str, words: Sequence[object]) -> str:
    common = ["check-model", pack.resolve(), "--out", out.resolve(), "--seconds", CONTINUED_S]
    command = [*shlex.split(xtask), *(str(word) for word in [*common, *words])]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _after(path: Path, first: int) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="float32")
    return samples[first:]


def speeds(said: str) -> dict[str, dict[str, float]]:
    """Seconds played and heard in a second, by runtime, as `check-model` printed them: of several runs the most.

    A busy machine only ever takes away.
    """
    most: dict[str, dict[str, float]] = {}
    rows = re.findall(r"^\s+(.+): ready in .* plays ([\d.]+) s and hears ([\d.]+) s", said, re.MULTILINE)
    for name, *numbers in rows:
        own = most.setdefault(name, {"plays": 0.0, "hears": 0.0})
        for what, number in zip(own, numbers, strict=True):
            own[what] = max(own[what], float(number))
    return most
