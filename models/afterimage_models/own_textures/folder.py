"""What lies in a user's folder of textures: rain, rooms, machines, held chords, each some seconds long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..own_sounds.errors import FolderError, SoundError
from ..own_sounds.folder import audio_files, read_whole
from ..spectrum import SAMPLE_RATE
from ..texture_vae_gan.data import HELD_OUT, SILENT_LUFS, TARGET_LUFS, TRAIN, TextureSet, mean_lufs
from ..texture_vae_gan.frames import BYTE_STEP_DB, FRAMES_A_SECOND, SEGMENT, mel_frames

LEAST_S, LONGEST_S, KEPT_S = 2.5, 900.0, 60.0
MIN_TOTAL_S = 12.0  # of all together
HELD_OUT_FROM_S = 7.0  # the last third of a longer texture is kept from training


@dataclass(frozen=True)
class OwnTexture:
    """A usable file. `file`: path inside the folder; `name`: of its preset; `level`: [frames, BANDS] in dB."""

    file: str
    name: str
    level: np.ndarray


def read_texture(path: Path) -> np.ndarray:
    """Samples at 48 kHz as loud as the training set, the middle KEPT_S of a longer file. Raises SoundError."""
    mono = read_whole(path, LONGEST_S, "cut some stretches out of it")
    if len(mono) < LEAST_S * SAMPLE_RATE:
        raise SoundError(f"{path} lasts {len(mono) / SAMPLE_RATE:.1f} s: a texture takes {LEAST_S} s at least")
    spare = max(len(mono) - int(KEPT_S * SAMPLE_RATE), 0)
    mono = mono[spare // 2 : len(mono) - (spare - spare // 2)]
    loudness = mean_lufs(mono)
    if loudness < SILENT_LUFS:
        raise SoundError(f"{path} is all but silent: cut out the stretch where something sounds")
    return mono * 10.0 ** ((TARGET_LUFS - loudness) / 20.0)


def scan(folder: Path) -> list[OwnTexture]:
    """The usable textures of a folder; prints a sentence for each that is not. Raises FolderError if too little is."""
    files, out, refused = audio_files(folder), [], []
    for path in files:
        try:
            level = mel_frames(read_texture(path))
        except SoundError as error:
            refused.append(str(error))
            continue
        inside = path.relative_to(folder)
        out.append(OwnTexture(inside.as_posix(), " ".join(inside.with_suffix("").parts).replace("_", " "), level))
    for sentence in refused:
        print(f"left out: {sentence}", flush=True)
    seconds = sum(len(texture.level) for texture in out) / FRAMES_A_SECOND
    if seconds < MIN_TOTAL_S:
        why = f"; the first that was left out: {refused[0]}" if refused else ""
        raise FolderError(
            f"{folder} holds {seconds:.0f} s of texture in {len(out)} of {len(files)} files, and {MIN_TOTAL_S:.0f} s "
            f"are the least: add longer recordings{why}"
        )
    return out


def cut(texture: OwnTexture) -> int:
    """Frames of a texture that training sees; the others are held out."""
    frames = len(texture.level)
    return frames if frames < HELD_OUT_FROM_S * FRAMES_A_SECOND else frames * 2 // 3


def texture_set(textures: list[OwnTexture]) -> TextureSet:
    """The training set of the networks: what is held out of long textures, or all of them again where none is long."""
    rows: list[list[int]] = []
    for texture in textures:
        first = sum(row[1] for row in rows)
        kept = cut(texture)
        rows.append([first, kept, 0, TRAIN])
        if kept < len(texture.level):
            rows.append([first + kept, len(texture.level) - kept, 0, HELD_OUT])
    if all(row[3] == TRAIN for row in rows):
        rows += [[first, count, 0, HELD_OUT] for first, count, _, _ in rows]
    levels = np.concatenate([texture.level for texture in textures])
    return TextureSet((np.round(levels / BYTE_STEP_DB) * BYTE_STEP_DB).astype(np.float32), np.array(rows, np.int64))


def segments(texture: OwnTexture) -> np.ndarray:
    """Whole segments [n, SEGMENT, BANDS] of a texture, one after the other."""
    count = len(texture.level) // SEGMENT
    return texture.level[: count * SEGMENT].reshape(count, SEGMENT, -1)
