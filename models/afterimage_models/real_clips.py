"""Real sounds of many kinds to judge an inverse by: spoken, played, struck, blown, noisy.

Nothing is committed. Speech comes out of Debian's alsa-utils, loops and ambiences out of the npm package
supersonic-scsynth-samples (CC0), and fluidsynth plays the committed piece.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from .midi_file import Note, note_events, read_notes, write_events
from .soundfonts import font_path

PIECE = Path(__file__).resolve().parents[1] / "pieces" / "jesu-meine-freude.mid"
SAMPLES = "supersonic-scsynth-samples@0.84.2"
SPEECH_FOLDER = Path("/usr/share/sounds/alsa")
LENGTH_S = 2.5
PEAK = 0.5
TAIL_SAMPLES = 1024  # silence after a clip, so that its last frames are whole
DRUM_CHANNEL, BASS_CHANNEL = 9, 1
PIANO, ORGAN, GUITAR, BASS, STRINGS = 0, 19, 27, 33, 48
KICK, SNARE, HAT = 36, 38, 42

SPEECH = {f"speech {name.lower().replace('_', ' ')}": name for name in ("Front_Center", "Rear_Left", "Side_Right")}
LOOPS = {
    "drums amen": "loop_amen",
    "tabla": "loop_tabla",
    "synth garzul": "loop_garzul",
    "guitar em9": "guit_em9",
    "bass voxy": "bass_voxy_c",
    "choir": "ambi_choir",
    "lunar land": "ambi_lunar_land",
    "bell": "perc_bell",
    "pad": "tbd_pad_1",
}
PROGRAMS = {"piano": PIANO, "organ": ORGAN, "strings": STRINGS}


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _speech(cache: Path, name: str) -> tuple[np.ndarray, int]:
    folder = SPEECH_FOLDER
    if not folder.exists():
        folder = cache / "alsa-utils" / "usr" / "share" / "sounds" / "alsa"
    if not folder.exists():
        _run(["apt-get", "download", "alsa-utils"], cache)
        (package,) = cache.glob("alsa-utils_*.deb")
        _run(["dpkg-deb", "-x", package.name, "alsa-utils"], cache)
    return soundfile.read(folder / f"{name}.wav")


def sample_folder(cache: Path) -> Path:
    """The folder of the npm package's samples (.flac), fetched into `cache` where it is missing."""
    folder = cache / "package" / "samples"
    if not folder.exists():
        _run(["npm", "pack", "--silent", SAMPLES], cache)
        (archive,) = cache.glob("supersonic-scsynth-samples-*.tgz")
        _run(["tar", "xzf", archive.name], cache)
    return folder


def _loop(cache: Path, name: str) -> tuple[np.ndarray, int]:
    return soundfile.read(sample_folder(cache) / f"{name}.flac")


def _played(cache: Path, events: list[tuple[float, bytes]]) -> tuple[np.ndarray, int]:
    midi, wav = cache / "played.mid", cache / "played.wav"
    write_events(midi, events)
    command = ["fluidsynth", "-ni", "-q", "-r", "44100", "-g", "0.6", "-T", "wav", "-F", wav.name]
    _run([*command, str(font_path("fluid")), midi.name], cache)
    return soundfile.read(wav)


def _piece(cache: Path, program: int) -> tuple[np.ndarray, int]:
    return _played(cache, [(0.0, bytes([0xC0, program])), *note_events(read_notes(PIECE))])


def _band(cache: Path) -> tuple[np.ndarray, int]:
    notes = read_notes(PIECE)
    bass = [Note(n.start_s, n.end_s, n.key - 12, 100) for n in notes if n.key < 56]
    beat = [Note(0.25 * n, 0.25 * n + 0.1, (KICK, HAT, SNARE, HAT)[n % 4], 100) for n in range(20)]
    programs = [(0.0, bytes([0xC0, GUITAR])), (0.0, bytes([0xC0 | BASS_CHANNEL, BASS]))]
    parts = note_events(notes) + note_events(bass, BASS_CHANNEL) + note_events(beat, DRUM_CHANNEL)
    return _played(cache, programs + parts)


def sources() -> dict[str, Callable[[Path], tuple[np.ndarray, int]]]:
    """By name, what makes a clip: samples `[n]` or `[n, channels]` and their rate, given a folder to keep things in."""
    made = {name: partial(_speech, name=file) for name, file in SPEECH.items()}
    made |= {name: partial(_piece, program=program) for name, program in PROGRAMS.items()}
    return made | {"band": _band} | {name: partial(_loop, name=file) for name, file in LOOPS.items()}


def clips(cache: Path, rate: int) -> dict[str, np.ndarray]:
    """Mono clips of at most `LENGTH_S` at `rate` Hz, silence cut before and added after."""
    cache.mkdir(parents=True, exist_ok=True)
    out = {}
    for name, source in sources().items():
        samples, source_rate = source(cache)
        mono = samples if samples.ndim == 1 else samples.mean(axis=1)
        heard = np.flatnonzero(np.abs(mono) > 1e-3 * np.abs(mono).max())
        mono = mono[heard[0] :][: round(LENGTH_S * source_rate)]
        divisor = np.gcd(rate, source_rate)
        mono = resample_poly(mono, rate // divisor, source_rate // divisor)
        mono *= PEAK / np.abs(mono).max()
        out[name] = np.concatenate([mono, np.zeros(TAIL_SAMPLES)]).astype(np.float32).astype(np.float64)
    return out
