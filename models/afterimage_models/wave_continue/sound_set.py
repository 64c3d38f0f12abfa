"""The corpus of labelled sound at the model's rate, in one flat array. Without torch."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

ANY = "any"  # label 0: what no label says; training puts it on a share of everything


@dataclass(frozen=True)
class Clip:
    """One piece of sound; `sound` [samples] float32."""

    name: str
    label: int
    sound: np.ndarray


@dataclass(frozen=True)
class SoundSet:
    """Labels, `any` first, and the clips of one split."""

    labels: list[str]
    clips: list[Clip]


def read_sound(path: Path, rate: int) -> np.ndarray:
    """Mono float32 at `rate`."""
    sound, own = soundfile.read(path, dtype="float32", always_2d=True)
    common = gcd(own, rate)
    return resample_poly(sound.mean(1), rate // common, own // common).astype(np.float32)


def load(corpus: Path, split: str, rate: int) -> SoundSet:
    """The clips of `split` in the corpus' order."""
    index = json.loads((corpus / "index.json").read_text())
    labels = [ANY, *sorted({entry["label"] for entry in index})]
    chosen = [entry for entry in index if entry["split"] == split]
    if not chosen:
        raise SystemExit(f"{corpus / 'index.json'} has no clip of split '{split}'; build the corpus again")
    with ThreadPoolExecutor() as pool:
        sounds = list(pool.map(lambda entry: read_sound(corpus / entry["file"], rate), chosen))
    clips = [
        Clip(entry["file"], labels.index(entry["label"]), sound)
        for entry, sound in zip(chosen, sounds, strict=True)
    ]  # fmt: skip
    return SoundSet(labels, clips)
