"""The contact sheet: for each class an original, itself again, two presets and between, a draw from the prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..spectrum import SAMPLE_RATE, spectrogram
from .evaluation import RealHits, Stage
from .hit_score import HitScore
from .kit import LABELS

HOP, N_FFT = 128, 2048
LOW_HZ, HIGH_HZ, ROWS = 40.0, 20_000.0, 200
RANGE_DB = (-95.0, -15.0)
SHOWN_S = 0.7
SEED = 3


def log_rows(frames: np.ndarray) -> np.ndarray:
    """[n, bins] to [ROWS, n] on a log frequency axis; where bins are dense, the loudest of a row."""
    edges = np.geomspace(LOW_HZ, HIGH_HZ, ROWS + 1) * N_FFT / SAMPLE_RATE
    out = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        first, last = int(np.floor(low + 0.5)), int(np.floor(high + 0.5))
        out.append(frames[:, first : max(last, first + 1)].max(axis=1))
    return np.stack(out)


def panels(
    stage: Stage, held_out: RealHits, latents: np.ndarray | None, presets: dict[str, list[float]]
) -> list[tuple[str, np.ndarray]]:
    """Titles and sounds [samples], six of each class.

    `latents`: of the held-out hits, in knob units; a model without an encoder has none, and draws once more instead.
    """
    rng, score, originals = np.random.default_rng(SEED), HitScore(), []
    (first, a), (second, b) = list(presets.items())[3:5]
    size = len(a)
    kits = [np.array(a), (np.array(a) + np.array(b)) / 2.0, np.array(b)]
    for own in range(len(LABELS)):
        row = int(np.flatnonzero(held_out.label == own)[0])
        originals.append(held_out.audio[row])
        again = rng.standard_normal(size) if latents is None else latents[row]
        score.add(own, again, held_out.knobs[row])
        for kit in kits:
            score.add(own, kit)
        score.add(own, rng.standard_normal(size), rng.uniform(0.2, 0.8, len(held_out.knobs[row])))
    played = [hit.audio for hit in stage.play(score, "sheet")]
    names = ("prior" if latents is None else "again", first, "between", second, "prior")
    out = []
    for own, label in enumerate(LABELS):
        out.append((f"{label}: held-out original", originals[own]))
        out += [(f"{label}: {name}", played[len(names) * own + i]) for i, name in enumerate(names)]
    return out


def draw(content: list[tuple[str, np.ndarray]], path: Path, columns: int = 6) -> None:
    """Write the panels as one PNG: one dB scale, log frequency."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(content) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 1.5 * rows), squeeze=False)
    ticks = [100, 1000, 10_000]
    for axis, (title, sound) in zip(axes.ravel(), content, strict=False):
        lead_in = np.zeros(int(0.03 * SAMPLE_RATE), np.float32)
        shown = spectrogram(np.concatenate([lead_in, sound[: int(SHOWN_S * SAMPLE_RATE)]]), HOP)
        axis.imshow(
            log_rows(shown), origin="lower", aspect="auto", extent=(-0.03, SHOWN_S, 0.0, float(ROWS)),
            vmin=RANGE_DB[0], vmax=RANGE_DB[1], cmap="magma",
        )  # fmt: skip
        axis.set_title(title, fontsize=7, pad=2)
        places = [ROWS * np.log(t / LOW_HZ) / np.log(HIGH_HZ / LOW_HZ) for t in ticks]
        axis.set_yticks(places, ["100", "1k", "10k"], fontsize=5)
        axis.tick_params(labelsize=5)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=75)
    plt.close(figure)
