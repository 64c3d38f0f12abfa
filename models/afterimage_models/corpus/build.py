"""Writes the corpus: one OGG a recording and an index with labels, tempo, downbeat, source and licence."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ..events.piece import Piece
from ..midi_file import Note, note_events, write_events
from ..real_clips import sample_folder
from ..soundfonts import font_path
from ..tune_lstm import corpus as scores
from ..tune_lstm.split import HELD_OUT, TRAIN, split
from . import performance, rhythm, textures
from .style import DRUMS, STYLES, TEXTURE, Style

SAMPLE_RATE = 22050
PEAK = 0.7
LONGEST_S, SHORTEST_S = 40.0, 20.0
TRAIN_S, TEST_S = 420.0, 80.0  # of each label
DRUM_CHANNEL = 9
DRUM_KITS = (0, 8, 16, 24, 25, 32, 40)
FONTS = ("fluid", "musescore")
LOOPS = (
    "arovane_beat_a", "arovane_beat_b", "arovane_beat_c", "arovane_beat_d", "arovane_beat_e", "loop_amen_full",
    "loop_breakbeat", "loop_compus", "loop_electric", "loop_industrial", "loop_mika", "loop_perc1", "loop_perc2",
    "loop_safari", "loop_tabla", "loop_weirdo", "loop_3d_printer",
)  # fmt: skip
HELD_OUT_SAMPLES = {"arovane_beat_c", "loop_breakbeat", "loop_tabla", "loop_mika", "ambi_lunar_land", "ambi_glass_hum",
                    "tbd_pad_3", "ambi_choir"}  # fmt: skip
FONT_LICENCE, CC0, FOLK = "MIT", "CC0-1.0", "public domain scores (music21 corpus)"


@dataclass(frozen=True)
class Recording:
    """A line of the index. Seconds from the file's start; `key` is not known to the scores, so it stays empty."""

    file: str
    label: str
    split: str
    tempo_bpm: float | None
    downbeat_s: float | None
    key: str | None
    seconds: float
    source: str
    license: str


def synthesise(notes: list[Note], program: int, font: str, channel: int = 0) -> np.ndarray:
    """Mono samples at `SAMPLE_RATE`, dry, from the first message."""
    events = [(0.0, bytes([0xC0 | channel, program])), *note_events(notes, channel)]
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        write_events(midi, events)
        command = ["fluidsynth", "-ni", "-q", "-r", str(SAMPLE_RATE), "-g", "0.5", "-R", "0", "-C", "0"]
        command += ["-o", "synth.dynamic-sample-loading=1"]  # a font is not decoded whole for one preset
        command += ["-T", "wav", "-O", "float", "-F", str(wav), str(font_path(font)), str(midi)]
        subprocess.run(command, check=True, capture_output=True)
        samples, _ = soundfile.read(wav, dtype="float32")
    return samples.mean(axis=1)


def _normalised(samples: np.ndarray) -> np.ndarray:
    return (samples * (PEAK / max(float(np.abs(samples).max()), 1e-6))).astype(np.float32)


class Writer:
    """Puts recordings and their index into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index: list[Recording] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, samples: np.ndarray, label: str, part: str, source: str, licence: str, tempo: float | None) -> float:
        """Write one recording; its length in seconds."""
        name = f"{len(self.index):03d}-{label}.ogg"
        soundfile.write(self.folder / name, _normalised(samples), SAMPLE_RATE, format="OGG", subtype="VORBIS")
        seconds = round(len(samples) / SAMPLE_RATE, 3)
        downbeat = None if tempo is None else 0.0
        self.index.append(Recording(name, label, part, tempo, downbeat, None, seconds, source, licence))
        return seconds

    def finish(self) -> None:
        """Write the index."""
        text = json.dumps([asdict(r) for r in self.index], indent=1)
        (self.folder / "index.json").write_text(text + "\n")


def _melodic(
    writer: Writer, style: Style, pieces: list[Piece], part: str, wanted_s: float, rng: np.random.Generator
) -> None:
    order = rng.permutation(len(pieces))
    total, turn = 0.0, 0
    while total < wanted_s:
        piece = pieces[order[turn % len(pieces)]]
        tempo = round(float(rng.uniform(*style.quarters_per_minute)), 1)
        length = float(rng.uniform(SHORTEST_S, LONGEST_S))
        seed, font = int(rng.integers(1 << 31)), FONTS[turn % 2]
        notes = performance.perform(piece, tempo, seed, length, int(rng.integers(-3, 4)))
        samples = synthesise(notes, style.program, font)[: round(length * SAMPLE_RATE)]
        source = f"{piece.source} {piece.title}, {font} preset {style.program}"
        total += writer.add(samples, style.label, part, source, f"{FOLK}; {FONT_LICENCE}", tempo)
        turn += 1


def _drums(writer: Writer, part: str, wanted_s: float, rng: np.random.Generator) -> None:
    total, turn = 0.0, 0
    while total < wanted_s:
        tempo, length = round(float(rng.uniform(78, 150)), 1), float(rng.uniform(SHORTEST_S, LONGEST_S))
        kit, seed = int(rng.choice(DRUM_KITS)), int(rng.integers(1 << 31))
        font = FONTS[turn % 2]
        samples = synthesise(rhythm.play(seed, tempo, length), kit, font, DRUM_CHANNEL)[: round(length * SAMPLE_RATE)]
        total += writer.add(samples, DRUMS, part, f"drum pattern {seed}, {font} kit {kit}", FONT_LICENCE, tempo)
        turn += 1


def _textures(writer: Writer, part: str, wanted_s: float, rng: np.random.Generator) -> None:
    total, turn = 0.0, int(part == "test")
    while total < wanted_s:
        program = textures.PROGRAMS[turn % len(textures.PROGRAMS)]
        length, seed = float(rng.uniform(SHORTEST_S, LONGEST_S)), int(rng.integers(1 << 31))
        font = FONTS[turn % 2]
        samples = synthesise(textures.play(seed, length), program, font)[: round(length * SAMPLE_RATE)]
        total += writer.add(samples, TEXTURE, part, f"pad {seed}, {font} preset {program}", FONT_LICENCE, None)
        turn += 1


def _samples(cache: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Label, name and samples of the package's loops and ambiences."""
    folder = sample_folder(cache)
    for label, names in ((DRUMS, LOOPS), (TEXTURE, textures.AMBIENCES)):
        for name in names:
            samples, rate = soundfile.read(folder / f"{name}.flac", dtype="float32")
            mono = samples if samples.ndim == 1 else samples.mean(axis=1)
            divisor = int(np.gcd(rate, SAMPLE_RATE))
            yield label, name, resample_poly(mono, SAMPLE_RATE // divisor, rate // divisor)


def build(folder: Path, tunes: Path, cache: Path, seed: int = 5) -> None:
    """Write the whole corpus into `folder`; the scores under `tunes` are read, or made there first.

    Raises FileNotFoundError where fluidsynth or a sound font is missing.
    """
    scores.build(tunes)
    cache.mkdir(parents=True, exist_ok=True)
    pieces = scores.load(tunes)
    parts = split(pieces)
    writer, rng = Writer(folder), np.random.default_rng(seed)
    for part, place, wanted in (("train", TRAIN, TRAIN_S), ("test", HELD_OUT, TEST_S)):
        for style in STYLES:
            plays = [p for p, of in zip(pieces, parts, strict=True) if of == place and style.plays(p)]
            _melodic(writer, style, plays, part, wanted, rng)
            print(f"{part} {style.label}: {len(plays)} pieces", flush=True)
        _drums(writer, part, wanted, rng)
        _textures(writer, part, wanted, rng)
    for label, name, samples in _samples(cache):
        part = "test" if name in HELD_OUT_SAMPLES else "train"
        writer.add(samples, label, part, f"supersonic-scsynth-samples {name}", CC0, None)
    writer.finish()
