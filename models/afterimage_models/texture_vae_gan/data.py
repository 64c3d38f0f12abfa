"""Builds the training set: mel frames of every texture, one after the other, at one loudness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..loudness import k_weighted
from ..soundfonts import install
from .frames import SEGMENT, mel_frames, pack_levels, unpack_levels
from .sources import textures

TARGET_LUFS = -26.0
SILENT_LUFS = -60.0
FRAMES_FILE, TABLE_FILE, SOURCES_FILE, SOUNDS_FILE = "frames.npz", "table.npy", "sources.txt", "sounds.npz"
TRAIN, HELD_OUT = 0, 1
AMBIENCE = 2  # column of the table


def mean_lufs(audio: np.ndarray) -> float:
    """Ungated loudness of a whole sound [samples] at 48 kHz, BS.1770-4."""
    return float(-0.691 + 10.0 * np.log10(np.mean(k_weighted(audio) ** 2) + 1e-12))


def build(folder: Path) -> None:
    """Writes three files.

    frames.npz: bytes [BANDS, all frames], which compress better than frame by frame. table.npy [textures, 4]: first
    frame, frames, ambience or not, split. sounds.npz: all of them as 16 bits, by their number.
    """
    install()
    folder.mkdir(parents=True, exist_ok=True)
    frames, rows, names, kept = [], [], [], {}
    for texture in textures(folder / "packages"):
        loudness = mean_lufs(texture.audio)
        if loudness < SILENT_LUFS:
            continue
        audio = texture.audio * 10.0 ** ((TARGET_LUFS - loudness) / 20.0)
        made = pack_levels(mel_frames(audio))
        if len(made) < SEGMENT:
            continue
        ambience = " chord " not in texture.source
        rows.append([sum(map(len, frames)), len(made), ambience, texture.held_out])
        kept[str(len(frames))] = np.round(8192.0 * audio).clip(-32768, 32767).astype(np.int16)
        frames.append(made)
        names.append(texture.source)
    np.savez_compressed(folder / FRAMES_FILE, frames=np.concatenate(frames).T)
    np.savez_compressed(folder / SOUNDS_FILE, **kept)
    np.save(folder / TABLE_FILE, np.array(rows, np.int64))
    (folder / SOURCES_FILE).write_text("".join(f"{name}\n" for name in names))


@dataclass(frozen=True)
class TextureSet:
    """Frames of all textures in dB [frames, BANDS] and the rows of `build`'s table."""

    levels: np.ndarray
    table: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> TextureSet:
        """From what `build` wrote."""
        return cls(unpack_levels(np.load(folder / FRAMES_FILE)["frames"].T), np.load(folder / TABLE_FILE))

    def rows(self, split: int) -> np.ndarray:
        """Table rows of a split."""
        return self.table[self.table[:, 3] == split]

    def cut(self, row: np.ndarray) -> np.ndarray:
        """Whole segments [n, SEGMENT, BANDS] of a texture, one after the other."""
        first, count = row[:2]
        return np.stack([self.levels[first + at :][:SEGMENT] for at in range(0, count - SEGMENT + 1, SEGMENT)])

    def segments(self, split: int) -> np.ndarray:
        """Whole segments of all textures of a split."""
        return np.concatenate([self.cut(row) for row in self.rows(split)])


def sounds(folder: Path, split: int) -> list[np.ndarray]:
    """The textures of a split as they sound, mono at 48 kHz and TARGET_LUFS."""
    kept, table = np.load(folder / SOUNDS_FILE), np.load(folder / TABLE_FILE)
    return [kept[str(row)].astype(np.float32) / 8192.0 for row in np.flatnonzero(table[:, 3] == split)]
