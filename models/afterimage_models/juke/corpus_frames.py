"""The shared corpus as mel frames on one device: all pieces one after another, played at several speeds.

A speed moves pitch and tempo together; a stretch of the frames afterwards moves the tempo alone.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from .codec import GROUP, HEARD_BEFORE
from .frames import BANDS, FLOOR_DB, HOP, SAMPLE_RATE, mel_frames

READERS = 12
SPEEDS = tuple(Fraction(*r) for r in ((1, 1), (4, 5), (5, 6), (8, 9), (15, 16), (16, 15), (9, 8), (6, 5), (5, 4)))
ANY_LABEL = "any"
STACKED = 16  # pieces whose speed is changed together
FFT_BLOCK = 256  # lengths are multiples of it, so that they have small factors


@dataclass(frozen=True)
class Piece:
    """One piece of the corpus. `samples`: mono at SAMPLE_RATE."""

    label: str
    samples: np.ndarray
    row: dict


def read_pieces(corpus: Path, split: str, most: int | None = None) -> list[Piece]:
    """The pieces of a split, at most `most` of each label."""
    rows, counts = [], {}
    for row in json.loads((corpus / "index.json").read_text()):
        counts[row["label"]] = counts.get(row["label"], 0) + (row["split"] == split)
        if row["split"] == split and (most is None or counts[row["label"]] <= most):
            rows.append(row)

    def read(row: dict) -> Piece:
        samples, rate = soundfile.read(corpus / row["file"], dtype="float32")
        if rate != SAMPLE_RATE or samples.ndim != 1:
            raise ValueError(f"{row['file']} is {rate} Hz, {samples.ndim} axes: give mono at {SAMPLE_RATE} Hz")
        return Piece(row["label"], samples, row)

    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(read, rows))


@dataclass(frozen=True)
class FlatFrames:
    """Frames of pieces one after another, [frames, BANDS] dB, with the start and length of each piece."""

    frames: Tensor
    starts: list[int]
    lengths: list[int]

    def stretched(self, speed: float, gain_db: float) -> FlatFrames:
        """Each piece `speed` times as fast and louder by `gain_db`, after HEARD_BEFORE frames of silence.

        Starts and lengths are whole groups, so that one convolution over all of it encodes every piece.
        """
        device = self.frames.device
        places, starts, lengths, total = [], [], [], 0
        for start, length in zip(self.starts, self.lengths, strict=True):
            frames = int((length - 1) / speed) // GROUP * GROUP
            places.append(torch.full((HEARD_BEFORE,), -1.0, device=device))
            places.append(start + speed * torch.arange(frames, device=device))
            starts.append(total + HEARD_BEFORE)
            lengths.append(frames)
            total += HEARD_BEFORE + frames
        place = torch.cat(places)
        mixed = interpolated(self.frames, place.clamp(min=0.0)) + gain_db
        mixed = torch.where((place < 0.0).unsqueeze(1), FLOOR_DB, mixed).clamp(min=FLOOR_DB)
        return FlatFrames(mixed, starts, lengths)


def interpolated(frames: Tensor, place: Tensor) -> Tensor:
    """Frames [..., BANDS] at fractional places [...] of [frames, BANDS]."""
    low = place.floor().clamp(max=len(frames) - 2)
    share = (place - low).unsqueeze(-1)
    index = low.long()
    return torch.lerp(frames[index].float(), frames[index + 1].float(), share)


def sped_up(audio: Tensor, speed: Fraction) -> Tensor:
    """Whole signals [..., samples] played `speed` times as fast: their spectra, cut off or filled up with nothing."""
    blocks = -(-audio.shape[-1] // (speed.numerator * FFT_BLOCK)) * FFT_BLOCK
    samples = blocks * speed.denominator
    spectrum = torch.fft.rfft(audio, blocks * speed.numerator)[..., : samples // 2 + 1]
    return torch.fft.irfft(spectrum, samples) / float(speed)


def flat_frames(pieces: list[Piece], speed: Fraction, device: torch.device) -> FlatFrames:
    """Frames of all pieces played `speed` times as fast, kept in half the bytes."""
    parts, starts, lengths, total = [], [], [], 0
    for at in range(0, len(pieces), STACKED):
        batch = pieces[at : at + STACKED]
        longest = max(len(piece.samples) for piece in pieces)  # of all: transforms of many sizes take long to plan
        stack = torch.zeros(len(batch), longest)
        for row, piece in zip(stack, batch, strict=True):
            row[: len(piece.samples)] = torch.from_numpy(piece.samples)
        stack = stack.to(device)
        played = stack if speed == 1 else sped_up(stack, speed)
        for row, piece in zip(played, batch, strict=True):
            frames = mel_frames(row[: int(len(piece.samples) / speed)]).half()
            parts.append(frames)
            starts.append(total)
            lengths.append(len(frames))
            total += len(frames)
    parts.append(torch.full((1, BANDS), FLOOR_DB, device=device, dtype=torch.float16))
    return FlatFrames(torch.cat(parts), starts, lengths)


def seconds(frames: int) -> float:
    """Length of frames in seconds."""
    return frames * HOP / SAMPLE_RATE
