"""Notes of General MIDI presets, rendered with fluidsynth from two freely licensed sound fonts."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from .midi_file import write_events
from .spectrum import SAMPLE_RATE

FONTS = {
    "fluid": ("fluid-soundfont-gm", Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")),
    "musescore": ("musescore-general-soundfont", Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3")),
}
MUSESCORE_FALLBACK = Path("/usr/share/sounds/sf3/MuseScore_General.sf3")
# Left out: orchestra hit, drums and effects (no pitch), the noise-like synth effects, fret and breath noises.
SKIPPED_PROGRAMS = {47, 55, 96, 97, 98, 100, 101, 102, 103}
ONSET_DELAY_SAMPLES = 64  # fluidsynth's note-on sounds one synthesis block late, measured on a xylophone
PROGRAMS = [p for p in range(112) if p not in SKIPPED_PROGRAMS]


@dataclass(frozen=True)
class Strike:
    """One rendered note: MIDI key, velocity, held and recorded length in seconds."""

    key: int
    velocity: int
    hold_s: float
    length_s: float


def install() -> None:
    """Install fluidsynth and the sound fonts with apt where they are missing."""
    wanted = [package for package, path in FONTS.values() if not path.exists()]
    if subprocess.run(["which", "fluidsynth"], capture_output=True, check=False).returncode:
        wanted.append("fluidsynth")
    if wanted:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", *wanted], check=True)


def font_path(font: str) -> Path:
    """File of a sound font by its short name."""
    path = FONTS[font][1]
    if font == "musescore" and not path.exists():
        return MUSESCORE_FALLBACK
    return path


def play_events(font: str, midi: Path, wav: Path) -> np.ndarray:
    """What a MIDI file sounds like, dry and mono [samples] at 48 kHz; `wav`: where it may write."""
    options = ["-o", "synth.dynamic-sample-loading=1", "-o", "synth.polyphony=64"]
    command = ["fluidsynth", "-ni", "-q", "-r", str(SAMPLE_RATE), "-g", "0.6", "-R", "0", "-C", "0", *options]
    command += ["-T", "wav", "-O", "float", "-F", str(wav), str(font_path(font)), str(midi)]
    subprocess.run(command, check=True, capture_output=True)
    audio, _ = soundfile.read(wav, dtype="float32")
    return audio.mean(axis=1)


def render_strikes(font: str, program: int, strikes: list[Strike], channel: int = 0) -> list[np.ndarray]:
    """Mono recordings [samples] at 48 kHz of each strike, dry, from note-on to its recorded length.

    `channel`: 9 plays drum kits, every other one melodic presets.
    """
    events: list[tuple[float, bytes]] = [(0.0, bytes([0xC0 | channel, program]))]
    starts, at = [], 0.2
    for strike in strikes:
        at = np.ceil(at / 0.016) * 0.016  # 768 samples = 12 synthesis blocks: note-ons fall on a block
        starts.append(at)
        events.append((at, bytes([0x90 | channel, strike.key, strike.velocity])))
        events.append((at + strike.hold_s, bytes([0x80 | channel, strike.key, 0])))
        at += strike.length_s + 0.04
        events.append((at - 0.01, bytes([0xB0 | channel, 0x78, 0])))
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        write_events(midi, events)
        audio = play_events(font, midi, wav)
    mono = np.concatenate([audio, np.zeros(SAMPLE_RATE * 4, np.float32)])
    first = [round(s * SAMPLE_RATE) + ONSET_DELAY_SAMPLES for s in starts]
    return [mono[a : a + round(s.length_s * SAMPLE_RATE)] for a, s in zip(first, strikes, strict=True)]
