"""Where the bundle lies, and one event list that every host plays."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
RATE_HZ = 48_000
SECONDS = 3.0


@dataclass(frozen=True)
class Note:
    """One note of the common event list, times in seconds."""

    on_s: float
    off_s: float
    key: int
    velocity: int


NOTES = (
    Note(0.10, 0.70, 57, 100),
    Note(0.90, 1.50, 64, 80),
    Note(1.70, 2.40, 45, 110),
)


def bundles() -> Path:
    """Folder of the release bundles."""
    return Path(os.environ.get("AFTERIMAGE_BUNDLES", TARGET / "bundled"))


def xtask(*arguments: str) -> str:
    """Runs a project task and returns what it printed."""
    given = os.environ.get("AFTERIMAGE_XTASK")
    command = [given] if given else ["cargo", "run", "--quiet", "--package", "xtask", "--"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stderr}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="session")
def vst3() -> Path:
    """The VST3 bundle."""
    path = bundles() / "Afterimage.vst3"
    assert path.exists(), f"{path} does not exist; build it with: cargo xtask bundle"
    return path


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.float32]:
    """The event list played by the CLAP bundle in the workspace's own host: [2, samples]."""
    folder = tmp_path_factory.mktemp("reference")
    notes = [[note.on_s, note.off_s, note.key, note.velocity / 127, 0.0] for note in NOTES]
    events = folder / "events.json"
    # Drift is drawn by the note's place on the host's timeline, which not every host has.
    events.write_text(json.dumps({"notes": notes, "parameters": {"drift": [[0.0, 0.0]]}}))
    out = folder / "reference.wav"
    xtask("render", "--automation", str(events), "--seconds", str(SECONDS), "--rate", str(RATE_HZ), "--out", str(out))
    audio, rate_hz = soundfile.read(out, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    return audio.T


def pitch_hz(samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> float:
    """Fundamental by autocorrelation, refined by a parabola; 0 when silent."""
    samples = samples.astype(np.float64) - samples.mean()
    if np.sqrt(np.mean(samples**2)) < 1e-5:
        return 0.0
    spectrum = np.fft.rfft(samples, 2 * len(samples))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(samples)]
    correlation /= np.arange(len(samples), 0, -1)
    shortest, longest = rate_hz // 1500, rate_hz // 60
    window = correlation[shortest:longest]
    peaks = np.flatnonzero((window[1:-1] >= window[:-2]) & (window[1:-1] >= window[2:])) + 1
    best = peaks[window[peaks] >= 0.9 * window[peaks].max()][0]
    before, at, after = window[best - 1 : best + 2]
    shift = 0.5 * (before - after) / (before - 2 * at + after)
    return rate_hz / (shortest + best + shift)


def steady(audio: NDArray[np.float32], note: Note) -> NDArray[np.float32]:
    """The middle of a note, both channels mixed."""
    start, end = note.on_s + 0.15, note.off_s - 0.08
    return audio[:, int(start * RATE_HZ) : int(end * RATE_HZ)].mean(axis=0)


def level_db(samples: NDArray[np.float32]) -> float:
    """Root mean square in dB of full scale."""
    return float(20 * np.log10(max(np.sqrt(np.mean(np.square(samples, dtype=np.float64))), 1e-9)))
