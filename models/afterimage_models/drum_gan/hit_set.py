"""The training set in memory, and batches of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from ..spectrum import SAMPLE_RATE
from .descriptors import Scale
from .frames import LENGTH, unpack_frames
from .kit import LABELS

TRAIN, HELD_OUT = 0, 1
RECORDINGS, RECORDINGS_TABLE = "recordings.flac", "recordings.npy"
HEADROOM = 4.0  # hits of one loudness may peak over full scale


@dataclass(frozen=True)
class Batch:
    """Hits: `level` [batch, knots, BINS] in dB, `noisiness` [batch, knots, bands], `label` [batch], `knobs`
    [batch, descriptors] about 0 to 1.
    """

    level: Tensor
    noisiness: Tensor
    label: Tensor
    knobs: Tensor


class HitSet:
    """What `hit_data` and `regression` wrote into a data folder."""

    def __init__(self, folder: Path) -> None:
        self.levels = np.load(folder / "levels.npy", mmap_mode="r")
        self.noisiness = np.load(folder / "noisiness.npy")
        self.table = np.load(folder / "table.npy")
        self.values = np.load(folder / "values.npy")
        self.scale = Scale.load(dict(np.load(folder / "scale.npz")))
        self.label, self.split, self.varied = self.table.T.astype(np.int64)
        self.knobs = self.scale.to_knobs(self.values, self.label).clip(-0.25, 1.25).astype(np.float32)
        count = np.bincount(self.label[self.split == TRAIN], minlength=len(LABELS))
        # Between the classes' own shares and equal ones: a rare class is not repeated until it is known by heart.
        weight = np.where(self.split == TRAIN, count[self.label] ** -0.5, 0.0)
        self.chance = weight / weight.sum()

    def rows(self, split: int, varied: bool = False) -> np.ndarray:
        """Indices of the recorded hits (or of the variants) of a split."""
        return np.flatnonzero((self.split == split) & (self.varied == int(varied)))

    def whole(self, rows: np.ndarray) -> Batch:
        """The hits of some rows."""
        level = torch.from_numpy(unpack_frames(self.levels[rows]))
        noisiness = torch.from_numpy(self.noisiness[rows].astype(np.float32) / 255.0)
        return Batch(level, noisiness, torch.from_numpy(self.label[rows]), torch.from_numpy(self.knobs[rows]))

    def batch(self, count: int, rng: np.random.Generator) -> Batch:
        """Random training hits."""
        return self.whole(np.sort(rng.choice(len(self.label), count, p=self.chance)))


def write_recordings(folder: Path, out: Path) -> None:
    """The recorded hits of a data folder, as training reads them: one FLAC, hit after hit, and [hits, 2] of class and
    split beside it.
    """
    table = np.load(folder / "table.npy")
    rows = np.flatnonzero(table[:, 2] == 0)
    sounds = np.load(folder / "hits.npy", mmap_mode="r")[rows].astype(np.float32)
    soundfile.write(out / RECORDINGS, sounds.ravel() / HEADROOM, SAMPLE_RATE, subtype="PCM_16")
    np.save(out / RECORDINGS_TABLE, table[rows, :2])


def read_recordings(folder: Path, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Sounds [hits, LENGTH] and classes [hits] of a split."""
    table = np.load(folder / RECORDINGS_TABLE).astype(np.int64)
    sounds, _ = soundfile.read(folder / RECORDINGS, dtype="float32")
    rows = table[:, 1] == split
    return HEADROOM * sounds.reshape(-1, LENGTH)[rows], table[rows, 0]
