"""The contact sheet: original, reconstruction, between presets, sample from the prior; one dB scale, log frequency."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..note_data import RenderedNote, render_preset
from ..soundfonts import Strike
from ..spectrum import HOP, N_FFT, SAMPLE_RATE, spectrogram
from ..synth import note_audio
from .axes import Space
from .player import PackPlayer

SECONDS, HOLD_S = 3.0, 1.8
KEYS = (48, 60, 79)
VELOCITY = 100 / 127.0
LOW_HZ, HIGH_HZ, ROWS = 50.0, 20_000.0, 300
RANGE_DB = (-90.0, -10.0)
ORIGINALS = (("fluid", 0), ("fluid", 14), ("fluid", 52), ("fluid", 110))  # all held out


def _log_rows(frames: np.ndarray) -> np.ndarray:
    """[n, BINS] to [ROWS, n] on a log frequency axis; where bins are dense, the loudest of a row."""
    edges = np.geomspace(LOW_HZ, HIGH_HZ, ROWS + 1) * N_FFT / SAMPLE_RATE
    out = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        first, last = int(np.floor(low + 0.5)), int(np.floor(high + 0.5))
        out.append(frames[:, first : max(last, first + 1)].max(axis=1))
    return np.stack(out)


def heard(player: PackPlayer, knobs: np.ndarray, pitch: float, hold_s: float = HOLD_S) -> np.ndarray:
    """Spectrogram [n, BINS] in dB of SECONDS of a note as the stand-in plays it. `knobs`: [16]."""
    frames = player.frames(knobs, pitch, VELOCITY, hold_s, SECONDS)
    return spectrogram(note_audio(frames, pitch, seed=1)[: int(SECONDS * SAMPLE_RATE)])


def panels(
    encode: Callable[[RenderedNote], np.ndarray], space: Space, player: PackPlayer
) -> list[tuple[str, np.ndarray]]:
    """Titles and heard spectrograms [n, BINS] dB of the sheet, three keys in a row of panels."""
    out: list[tuple[str, np.ndarray]] = []
    for font, program in ORIGINALS:
        strikes = [Strike(k, 100, HOLD_S, SECONDS) for k in KEYS]
        notes = render_preset(font, program, strikes)
        out += [(f"original: {font} {program}, key {n.key}", spectrogram(n.audio)) for n in notes]
        for note in notes:
            knobs = space.to_knobs(encode(note)[None])[0]
            out.append((f"reconstruction, key {note.key}", heard(player, knobs, note.pitch)))
    names = list(player.presets)
    for a, b in ((names[0], names[1]), (names[1], names[2])):
        for share in (0.0, 0.5, 1.0):
            knobs = (1 - share) * player.presets[a] + share * player.presets[b]
            out.append((f"{a} to {b}: {share:.1f}", heard(player, knobs, 60.0)))
    rng = np.random.default_rng(3)
    out += [
        (f"prior sample {n + 1}, key {k}", heard(player, rng.standard_normal(16), float(k))) for n, k in enumerate(KEYS)
    ]
    return out


def draw(content: list[tuple[str, np.ndarray]], path: Path, columns: int = 3) -> None:
    """Write the panels as one PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(content) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5.2 * columns, 1.9 * rows), squeeze=False)
    for axis, (title, frames) in zip(axes.ravel(), content, strict=False):
        shown = _log_rows(frames[: int(SECONDS * SAMPLE_RATE / HOP)])
        extent = (0.0, SECONDS, 0.0, float(ROWS))
        axis.imshow(
            shown, origin="lower", aspect="auto", extent=extent, vmin=RANGE_DB[0], vmax=RANGE_DB[1], cmap="magma"
        )
        axis.set_title(title, fontsize=8, pad=2)
        ticks = [100, 1000, 10_000]
        axis.set_yticks(
            [ROWS * np.log(t / LOW_HZ) / np.log(HIGH_HZ / LOW_HZ) for t in ticks], ["100", "1k", "10k"], fontsize=6
        )
        axis.tick_params(labelsize=6)
    figure.tight_layout(pad=0.4)
    figure.savefig(path, dpi=75)
    plt.close(figure)
