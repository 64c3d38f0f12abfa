"""Recordings to hits that can be compared: cut at the onset, of one length and loudness, without repeats, split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

from ..loudness import max_momentary_lufs
from ..spectrum import FLOOR_DB, SAMPLE_RATE
from .frames import BINS, KNOTS, LENGTH, hit_frames
from .sources import Recording

ONSET_SHARE = 0.02  # of the peak
BEFORE_ONSET_S, FADE_IN_S, FADE_OUT_S = 0.001, 0.0005, 0.2
TARGET_LUFS = -26.0
SILENT_LUFS = -70.0
SAME_DB, RELATED_DB = 0.9, 2.5
HELD_OUT_SHARE = 0.22
SEED = 20261122
BANDS, MOMENTS = 24, 12
SUMMARY_FLOOR_DB = -80.0


@dataclass(frozen=True)
class Hit:
    """A prepared hit: `audio` [LENGTH] at 48 kHz and TARGET_LUFS, its class, its source, whether it is held out."""

    audio: np.ndarray
    label: int
    source: str
    held_out: bool = False


def cut(audio: np.ndarray) -> np.ndarray:
    """A recording [samples] from just before its onset, [LENGTH], faded at both ends."""
    over = np.flatnonzero(np.abs(audio) > ONSET_SHARE * np.max(np.abs(audio), initial=1e-9))
    start = max(int(over[0]) - int(BEFORE_ONSET_S * SAMPLE_RATE), 0) if len(over) else 0
    out = np.zeros(LENGTH)
    part = audio[start : start + LENGTH]
    out[: len(part)] = part
    rise, fall = int(FADE_IN_S * SAMPLE_RATE), int(FADE_OUT_S * SAMPLE_RATE)
    out[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    out[-fall:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(fall) / fall)
    return out


def normalise(audio: np.ndarray) -> np.ndarray | None:
    """A hit at TARGET_LUFS, or None where there is nothing to hear."""
    loudness = max_momentary_lufs(audio)
    if loudness < SILENT_LUFS:
        return None
    return (audio * 10.0 ** ((TARGET_LUFS - loudness) / 20.0)).astype(np.float32)


def prepare(recordings: Iterable[Recording]) -> list[Hit]:
    """Cut and normalise all that can be heard."""
    out = []
    for recording in recordings:
        audio = normalise(cut(recording.audio))
        if audio is not None:
            out.append(Hit(audio, recording.label, recording.source))
    return out


def summary(frames: np.ndarray) -> np.ndarray:
    """Levels [MOMENTS * BANDS] in dB of bands of frames [FRAMES, BINS] at moments: what tells two hits apart."""
    power = 10.0 ** (np.maximum(frames, FLOOR_DB) / 10.0)
    edges = np.unique(np.round(np.geomspace(1, BINS, BANDS + 1)).astype(int))
    times = np.round(np.linspace(0, len(KNOTS) - 1, MOMENTS + 1)).astype(int)
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    moments = [bands[KNOTS[a] : KNOTS[b]].mean(axis=0) for a, b in zip(times[:-1], times[1:], strict=True)]
    return np.maximum(10.0 * np.log10(np.array(moments) + 1e-12), SUMMARY_FLOOR_DB).ravel()


def distances_db(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Root mean square difference in dB between every row of `a` [n, size] and of `b` [m, size]: [n, m]."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squares, 0.0) / a.shape[1])


def distinct(hits: list[Hit]) -> list[Hit]:
    """The hits of which no earlier one of the class is nearer than SAME_DB: velocity layers and fonts share samples."""
    kept: list[Hit] = []
    rows: list[np.ndarray] = []
    for hit in hits:
        row = summary(hit_frames(hit.audio))
        like = [r for r, k in zip(rows, kept, strict=True) if k.label == hit.label]
        if like and distances_db(row[None], np.array(like)).min() < SAME_DB:
            continue
        kept.append(hit)
        rows.append(row)
    return kept


def split(hits: list[Hit]) -> list[Hit]:
    """The hits with `held_out` set for a share of each class, whole families of related sounds at a time."""
    out = list(hits)
    rows = np.array([summary(hit_frames(hit.audio)) for hit in hits])
    rng = np.random.default_rng(SEED)
    for label in sorted({hit.label for hit in hits}):
        members = np.array([i for i, hit in enumerate(hits) if hit.label == label])
        near = distances_db(rows[members], rows[members]) < RELATED_DB
        count, family = connected_components(near, directed=False)
        wanted, held = HELD_OUT_SHARE * len(members), 0
        for chosen in rng.permutation(count):
            size = int((family == chosen).sum())
            # A family larger than what is wanted would take a class's sounds from training.
            if held + size > max(wanted, 1.0) + 1.0:
                continue
            for index in members[family == chosen]:
                out[index] = Hit(hits[index].audio, label, hits[index].source, True)
            held += size
    return out
