"""Hits as frames: what the pack's graph draws of them, how far that is from the recordings, and pictures of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..drum_gan.export import PackGenerator
from ..drum_gan.frames import FRAMES, HOP, N_FFT
from ..drum_gan.network import DESCRIPTORS, Leveller
from ..spectrum import GATE_DB, SAMPLE_RATE

SMOOTHED = 8  # frames, 43 ms: forgives the random fine grain of noise
LOW_HZ, ROWS = 40.0, 160
RANGE_DB = (-85.0, -5.0)
SHOWN_FRAMES = 130


@torch.no_grad()
def drawn(graph: PackGenerator, knobs: np.ndarray, label: Tensor) -> list[np.ndarray]:
    """Frames [FRAMES, BINS] in dB of hits at `knobs` [hits, LATENT] of classes `label` [hits], descriptors at rest."""
    rest = torch.full((len(label), DESCRIPTORS), 0.5)
    places = torch.from_numpy(knobs.astype(np.float32))
    parts = torch.arange(len(label)).split(16)
    return [
        frames.numpy()
        for p in parts
        for frames in graph(places[p], torch.zeros(len(p), 1), label[p].unsqueeze(1), rest[p])
    ]


def distance_db(reference: np.ndarray, test: np.ndarray) -> float:
    """Log-spectral distance of frames [FRAMES, BINS] in dB, on power averaged over SMOOTHED frames: root mean square
    over bins, averaged over time. One gain brings both to one loudness.
    """
    smooth = []
    leveller = Leveller(np.arange(FRAMES))
    for frames in (reference, test):
        levels = torch.from_numpy(frames)[None]
        level = np.maximum((levels + leveller(levels))[0].numpy(), GATE_DB)
        total = np.cumsum(np.vstack([np.zeros((1, level.shape[1])), 10.0 ** (level / 10.0)]), axis=0)
        smooth.append(10.0 * np.log10((total[SMOOTHED:] - total[:-SMOOTHED]) / SMOOTHED))
    return float(np.sqrt(np.mean((smooth[0] - smooth[1]) ** 2, axis=1)).mean())


def _log_rows(frames: np.ndarray) -> np.ndarray:
    """[n, BINS] to [ROWS, n] on a log frequency axis; where bins are dense, the loudest of a row."""
    edges = np.geomspace(LOW_HZ, SAMPLE_RATE / 2, ROWS + 1) * N_FFT / SAMPLE_RATE
    low = np.floor(edges[:-1] + 0.5).astype(int)
    high = np.maximum(np.floor(edges[1:] + 0.5).astype(int), low + 1)
    return np.stack([frames[:, a:b].max(axis=1) for a, b in zip(low, high, strict=True)])


def draw(content: list[tuple[str, np.ndarray]], path: Path, columns: int = 6) -> None:
    """Write panels of titles and frames as one PNG: one dB scale, log frequency."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(content) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 1.5 * rows), squeeze=False)
    for axis in axes.ravel()[len(content) :]:
        axis.axis("off")
    for axis, (title, frames) in zip(axes.ravel(), content, strict=False):
        seconds = SHOWN_FRAMES * HOP / SAMPLE_RATE
        axis.imshow(
            _log_rows(frames[:SHOWN_FRAMES]), origin="lower", aspect="auto", extent=(0.0, seconds, 0.0, float(ROWS)),
            vmin=RANGE_DB[0], vmax=RANGE_DB[1], cmap="magma",
        )  # fmt: skip
        axis.set_title(title, fontsize=7, pad=2)
        places = [ROWS * np.log(t / LOW_HZ) / np.log(SAMPLE_RATE / 2 / LOW_HZ) for t in (100, 1000, 10_000)]
        axis.set_yticks(places, ["100", "1k", "10k"], fontsize=5)
        axis.tick_params(labelsize=5)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=75)
    plt.close(figure)
