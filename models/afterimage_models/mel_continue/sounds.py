"""The corpus of sounds on one device, and batches of frames drawn from it with other keys, tempi and levels."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from torch import Tensor

from .frames import Analysis
from .layout import CEILING_DB, FLOOR_DB, HOP, SAMPLE_RATE

ANY = "any"
EDGE_FRAMES = 3  # frames that reach over a crop's ends
SEMITONES = 2.0
RESAMPLED_SHARE = 0.6
HOPS = (224, 288)  # other hops are other tempi: the frames alone are seen
GAIN_DB = (-18.0, 3.0)
TILT_DB = 4.0
LABEL_KEPT = 0.7
ROWS_A_BATCH = 64


class Batch(NamedTuple):
    """`frames`: [rows, frames, BANDS] dB; `label`: [rows], 0 for any."""

    frames: Tensor
    label: Tensor


@dataclass(frozen=True)
class Sound:
    """One file: samples at SAMPLE_RATE, and its label's number."""

    name: str
    label: int
    samples: np.ndarray


class Corpus:
    """What `afterimage_models.corpus` wrote: index.json and the files that it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = json.loads((folder / "index.json").read_text())
        self.labels = [ANY, *sorted({row["label"] for row in self.rows})]

    def split(self, name: str) -> list[Sound]:
        """All sounds of `train` or `test`, decoded by several threads."""
        rows = [row for row in self.rows if row["split"] == name]
        with ThreadPoolExecutor() as pool:
            return list(pool.map(self._read, rows))

    def _read(self, row: dict) -> Sound:
        samples, rate = soundfile.read(self.folder / row["file"], dtype="float32")
        if rate != SAMPLE_RATE or samples.ndim != 1:
            raise ValueError(f"{row['file']}: {rate} Hz and {samples.ndim} axes, expected mono at {SAMPLE_RATE} Hz")
        return Sound(row["file"], self.labels.index(row["label"]), samples.astype(np.float16))


class Crops:
    """Random crops of training sounds, changed so that few sounds stand for many."""

    def __init__(self, sounds: list[Sound], device: torch.device, seed: int) -> None:
        self.device, self.analysis = device, Analysis(device)
        lengths = np.array([len(s.samples) for s in sounds])
        self.flat = torch.from_numpy(np.concatenate([s.samples for s in sounds])).to(device)
        self.starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.lengths = lengths
        self.label = np.array([s.label for s in sounds])
        # Between fair to sounds and fair to labels.
        share = np.array([lengths[self.label == label].sum() for label in self.label])
        self.chance = lengths / np.sqrt(share) / (lengths / np.sqrt(share)).sum()
        self.rng = np.random.default_rng(seed)

    def batch(self, rows: int, frames: int) -> Batch:
        """[rows, frames, BANDS] of as many crops, each with a ratio, a gain and a tilt of its own, all with one hop."""
        rng = self.rng
        hop = int(rng.integers(HOPS[0], HOPS[1] + 1)) if rng.random() < 0.7 else HOP
        taken = (frames + 2 * EDGE_FRAMES) * hop
        which = rng.choice(len(self.lengths), rows, p=self.chance)
        shift = rng.uniform(-SEMITONES, SEMITONES, rows) * (rng.random(rows) < RESAMPLED_SHARE)
        ratio = 2.0 ** (shift / 12.0)
        room = self.lengths[which] - taken * ratio - 4
        start = self.starts[which] + 1 + np.maximum(room, 0.0) * rng.random(rows)
        sound = self._resampled(start, ratio, self.starts[which] + self.lengths[which] - 3, taken)
        sound = sound * self._column(10.0 ** (rng.uniform(*GAIN_DB, rows) / 20.0))
        made = self.analysis(sound, hop)[:, EDGE_FRAMES : EDGE_FRAMES + frames]
        tilt = self._column(rng.uniform(-TILT_DB, TILT_DB, rows))[:, :, None]
        made = made + tilt * torch.linspace(-1.0, 1.0, made.shape[2], device=self.device)
        label = self.label[which] * (rng.random(rows) < LABEL_KEPT)
        return Batch(made.clamp(FLOOR_DB, CEILING_DB), torch.from_numpy(label).to(self.device))

    def _column(self, values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)[:, None]

    def _resampled(self, start: np.ndarray, ratio: np.ndarray, last: np.ndarray, count: int) -> Tensor:
        """[rows, count] from `start` on at `ratio` samples a sample, by Catmull-Rom splines; from `last` on silence."""
        first = torch.from_numpy(np.floor(start).astype(np.int64)).to(self.device)[:, None]
        steps = torch.arange(count, device=self.device, dtype=torch.float64)
        place = steps * torch.tensor(ratio, dtype=torch.float64, device=self.device)[:, None]
        whole = place.floor()
        t = (place - whole).float()
        at = first + whole.long()
        inside = at < torch.from_numpy(last).to(self.device)[:, None]
        at = at.clamp(max=len(self.flat) - 3)
        a, b, c, d = (self.flat[at + k].float() for k in (-1, 0, 1, 2))
        cubic = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        return cubic * inside


def whole_frames(sound: Sound, analysis: Analysis) -> Tensor:
    """[frames, BANDS] dB of a sound as it is, without the frames that reach over its ends."""
    samples = torch.from_numpy(sound.samples).float().to(analysis.bank.device)
    return analysis(samples[None])[0, EDGE_FRAMES:-EDGE_FRAMES]


def stretches(sounds: list[Sound], analysis: Analysis, frames: int, least: int) -> list[Batch]:
    """Sounds as they are, cut into rows of `frames`, in batches; what is left over counts from `least` frames on.

    Rows shorter than `frames` are batches of one.
    """
    full, batches = [], []
    for sound in sounds:
        for part in whole_frames(sound, analysis).split(frames):
            if len(part) == frames:
                full.append((part, sound.label))
            elif len(part) >= least:
                batches.append(_stacked([(part, sound.label)]))
    return batches + [_stacked(full[n : n + ROWS_A_BATCH]) for n in range(0, len(full), ROWS_A_BATCH)]


def _stacked(rows: list[tuple[Tensor, int]]) -> Batch:
    frames = torch.stack([row for row, _ in rows])
    return Batch(frames, torch.tensor([label for _, label in rows], device=frames.device))
