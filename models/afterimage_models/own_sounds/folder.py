"""What lies in a user's folder: which sounds, of which timbres, which notes, played how hard."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from ..judges.layout import read_mono
from ..loudness import max_momentary_lufs
from ..pitch import measure_note
from ..spectrum import SAMPLE_RATE
from .detection import nominal_pitch
from .errors import FolderError, SoundError
from .names import HIGHEST, LOWEST, NameParts, parse

ENDINGS = (".wav", ".flac", ".ogg", ".aiff", ".aif")
MIN_SOUNDS = 4
RATES_HZ = (8_000, 384_000)
LONGEST_S, SHORTEST_S = 60.0, 0.15
KEPT_S = 4.5  # of a note; the decoder carries its decay on from 2.2 s
SILENT = 1e-4
ONSET_DB, ONSET_BLOCK = -40.0, 96  # 2 ms
SAME_SEMITONES = 1.0
SOFT, LOUD = 0.4, 0.9  # velocities of the softest and the loudest of several sounds of one note
ONLY = 100 / 127  # of a sound that is alone with its note, as of the loud notes of the shipped training set
MAX_LAYERS = 16  # numbers after "v" no larger than this count layers


@dataclass(frozen=True)
class Sound:
    """One usable file. `file`: path inside the folder. `pitch`: measured, MIDI. `velocity`: 0..1."""

    file: str
    timbre: str
    pitch: float
    velocity: float

    @property
    def key(self) -> int:
        """The nearest key."""
        return round(self.pitch)


@dataclass(frozen=True)
class _Heard:
    """A file after listening. `heard`: its note by ear, or None. `name`: what the name says."""

    file: str
    group: str
    name: NameParts
    heard: float | None
    loudness: float
    audio: np.ndarray


def audio_files(folder: Path) -> list[Path]:
    """Sound files of a folder and its subfolders, sorted. Raises FolderError if there are none to look at."""
    if not folder.exists():
        raise FolderError(f"{folder} does not exist: say with --data where the folder of your sounds lies")
    if not folder.is_dir():
        raise FolderError(f"{folder} is a file: put your sounds into a folder, and give that with --data")
    found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in ENDINGS and p.is_file()]
    found = [p for p in found if not p.name.startswith(".")]
    if not found:
        raise FolderError(f"{folder} holds no sounds: put files there that end in {', '.join(ENDINGS)}")
    return found


def read_whole(path: Path, longest_s: float, advice: str) -> np.ndarray:
    """Mono samples at 48 kHz of a whole file with a peak of 1. `advice`: on longer ones. Raises SoundError."""
    try:
        header = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SoundError(f"{path} cannot be read as audio: save it again as WAV or FLAC") from error
    if not RATES_HZ[0] <= header.samplerate <= RATES_HZ[1]:
        raise SoundError(f"{path} claims {header.samplerate} samples a second: resample it to 44100 or 48000")
    if header.duration > longest_s:
        raise SoundError(f"{path} lasts {header.duration:.0f} s: {advice}")
    try:
        mono = read_mono(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SoundError(f"{path} breaks off or is damaged: save it again as WAV or FLAC") from error
    if not np.isfinite(mono).all():
        raise SoundError(f"{path} holds values that are no numbers: save it again from your editor")
    peak = float(np.max(np.abs(mono), initial=0.0))
    if peak < SILENT:
        raise SoundError(f"{path} is silent: record it again or take it away")
    return mono / peak


def read_sound(path: Path) -> np.ndarray:
    """A note: mono samples at 48 kHz from the onset, at most KEPT_S. Raises SoundError."""
    mono = read_whole(path, LONGEST_S, "cut single notes out of it, of some seconds each")
    sound = mono[onset(mono) :][: int(KEPT_S * SAMPLE_RATE)]
    if len(sound) < SHORTEST_S * SAMPLE_RATE:
        raise SoundError(f"{path} is shorter than {SHORTEST_S} s from its onset: take a longer note")
    return sound


def onset(mono: np.ndarray) -> int:
    """Sample at which a sound [samples] begins: a block before the first louder than ONSET_DB of the loudest."""
    blocks = mono[: len(mono) // ONSET_BLOCK * ONSET_BLOCK].reshape(-1, ONSET_BLOCK)
    power = (blocks.astype(np.float64) ** 2).mean(1)
    if not len(power):
        return 0
    first = int(np.argmax(power >= power.max() * 10.0 ** (ONSET_DB / 10.0)))
    return max(first - 1, 0) * ONSET_BLOCK


def scan(folder: Path) -> list[Sound]:
    """The usable sounds of a folder; prints one sentence for each that is not. Raises FolderError if too few are."""
    files, heard, refused = audio_files(folder), [], []
    for path in files:
        try:
            heard.append(_listen(folder, path))
        except SoundError as error:
            refused.append(str(error))
    octaves = _octaves([h for h in heard if h.name.key is not None])
    velocities = _velocities(heard)
    sounds = []
    for one, velocity in zip(heard, velocities, strict=True):
        try:
            sounds.append(_placed(folder, one, velocity, octaves))
        except SoundError as error:
            refused.append(str(error))
    for sentence in refused:
        print(f"left out: {sentence}", flush=True)
    if len(sounds) < MIN_SOUNDS:
        why = f"; the first that was left out: {refused[0]}" if refused else ""
        raise FolderError(
            f"{folder} has {len(sounds)} usable sounds of {len(files)}, and {MIN_SOUNDS} are the least: "
            f"add single notes of your instrument{why}"
        )
    return _named_apart(folder, sounds)


def _listen(folder: Path, path: Path) -> _Heard:
    audio = read_sound(path)
    inside = path.relative_to(folder)
    group = " ".join(inside.parent.parts)
    return _Heard(
        inside.as_posix(), group, parse(path.stem), nominal_pitch(audio), max_momentary_lufs(audio), audio
    )  # fmt: skip


def _semitones_apart(heard: float, key: int) -> float:
    """Distance of two notes if octaves did not count."""
    return abs((heard - key + 6.0) % 12.0 - 6.0)


def _octaves(named: list[_Heard]) -> int:
    """Octaves between names and sounds where most agree: some makers call middle C C3, or C5."""
    found = [
        round((h.heard - h.name.key) / 12.0)
        for h in named
        if h.heard is not None and _semitones_apart(h.heard, h.name.key) <= SAME_SEMITONES
    ]
    if not found:
        return 0
    octaves, count = Counter(found).most_common(1)[0]
    return octaves if abs(octaves) == 1 and 2 * count > len(found) else 0


def _placed(folder: Path, one: _Heard, velocity: float, octaves: int) -> Sound:
    """Decide between name and ear. A note name counts unless the ear clearly hears another note of the scale."""
    name, near, timbre = one.name, one.heard, one.name.numbered
    if name.key is not None and (near is None or _semitones_apart(near, name.key) <= SAME_SEMITONES):
        key = name.key + 12 * octaves
        near = key if near is None or abs(near - key) > SAME_SEMITONES else near
    elif name.number is not None and near is not None and abs(near - name.number) <= SAME_SEMITONES:
        timbre = name.timbre
    path = folder / one.file
    if near is None:
        raise SoundError(f"{path} has no one pitch: take a sound of one note, or write its note into the name, as C#3")
    settled = one.audio[SAMPLE_RATE // 40 : int(1.2 * SAMPLE_RATE)]
    pitch = measure_note(settled, near)
    if not np.isfinite(pitch) or not LOWEST <= round(pitch) <= HIGHEST:
        raise SoundError(f"{path} lies outside the keys {LOWEST} to {HIGHEST}: transpose it")
    return Sound(one.file, one.group or timbre, pitch, velocity)


def _velocities(heard: list[_Heard]) -> list[float]:
    """From names; else, where one timbre has several sounds of a note, from the order of their loudness."""
    written = [h.name.velocity for h in heard if h.name.velocity]
    top = max(written, default=127)
    scale = top if top <= MAX_LAYERS else 127
    rivals: dict[tuple, list[float]] = defaultdict(list)
    for one in heard:
        rivals[_note_of(one)].append(one.loudness)
    out = []
    for one in heard:
        if one.name.velocity:
            out.append(min(one.name.velocity / scale, 1.0))
            continue
        order = sorted(rivals[_note_of(one)])
        if len(order) == 1:
            out.append(ONLY)
        else:
            out.append(SOFT + (LOUD - SOFT) * order.index(one.loudness) / (len(order) - 1))
    return out


def _note_of(one: _Heard) -> tuple:
    key = one.name.key if one.name.key is not None else (None if one.heard is None else round(one.heard))
    return one.group or one.name.timbre, key


def _named_apart(folder: Path, sounds: list[Sound]) -> list[Sound]:
    """Sounds that have no name but their note are called after the folder."""
    return [replace(s, timbre=s.timbre or folder.resolve().name) for s in sounds]
