"""What lies in a user's folder of drum hits: which files are usable, and which drum each is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..drum_gan.preparation import cut, normalise
from ..own_sounds.errors import FolderError, SoundError
from ..own_sounds.folder import audio_files, read_whole
from .names import label_of

MIN_HITS = 4
LONGEST_S = 20.0
BY_NAME, BY_EAR = "name", "ear"

Ear = Callable[[list[np.ndarray]], list[int]]
"""Hits [LENGTH] to the classes that they sound most like."""


@dataclass(frozen=True)
class OwnHit:
    """A usable file. `file`: path inside the folder; `label`: index of its class; `told_by`: BY_NAME or BY_EAR;
    `audio`: [LENGTH] at 48 kHz from the onset, as loud as the training set.
    """

    file: str
    label: int
    told_by: str
    audio: np.ndarray


def read_hit(path: Path) -> np.ndarray:
    """A hit [LENGTH] from its onset. Raises SoundError."""
    audio = normalise(cut(read_whole(path, LONGEST_S, "cut single hits out of it")))
    if audio is None:
        raise SoundError(f"{path} is all but silent after its first second: cut the hit out of it")
    return audio


def named_label(folder: Path, path: Path) -> int | None:
    """The class that the file's name tells, or the nearest folder's that tells one."""
    inside = path.relative_to(folder)
    told = (label_of(part) for part in (inside.stem, *reversed(inside.parent.parts)))
    return next((label for label in told if label is not None), None)


def scan(folder: Path, ear: Ear) -> list[OwnHit]:
    """The usable hits of a folder; prints a sentence for each that is not. Raises FolderError if too few are."""
    files, read, refused = audio_files(folder), [], []
    for path in files:
        try:
            read.append((path, read_hit(path), named_label(folder, path)))
        except SoundError as error:
            refused.append(str(error))
    for sentence in refused:
        print(f"left out: {sentence}", flush=True)
    if len(read) < MIN_HITS:
        why = f"; the first that was left out: {refused[0]}" if refused else ""
        raise FolderError(
            f"{folder} has {len(read)} usable sounds of {len(files)}, and {MIN_HITS} are the least: "
            f"add single hits of your drums{why}"
        )
    heard = iter(ear([audio for _, audio, label in read if label is None]))
    return [
        OwnHit(
            path.relative_to(folder).as_posix(), next(heard) if label is None else label,
            BY_EAR if label is None else BY_NAME, audio,
        )
        for path, audio, label in read
    ]  # fmt: skip
