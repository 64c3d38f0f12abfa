"""The contact sheet: a held-out piece of each label, what the codec keeps of it, and what the pack goes on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot

from .codec import AFTER_GROUPS, BEFORE_GROUPS, GROUP, HEARD_BEFORE, Codec
from .corpus_frames import Piece, flat_frames
from .evaluation import CPU, SPEEDS, Runs
from .frames import HOP, SAMPLE_RATE, mel_frames
from .prompts import HEARD_S, Prompt

LOWEST_DB, HIGHEST_DB = -85.0, -5.0
SHOWN_S = 12.0


def draw(codec: Codec, runs: Runs, path: Path) -> None:
    """Write a PNG of mel frames: four columns, a row for the first prompt of each label, a line at the seam."""
    firsts = [n for n, prompt in enumerate(runs.prompts) if prompt.label not in [p.label for p in runs.prompts[:n]]]
    figure, axes = pyplot.subplots(len(firsts), 4, figsize=(22, 2.0 * len(firsts)), sharex=True, sharey=True)
    for row, number in zip(axes, firsts, strict=True):
        prompt = runs.prompts[number]
        _panel(row[0], _frames(np.concatenate([prompt.heard, prompt.truth])), f"{prompt.label}: held out")
        _panel(row[1], coded(codec, prompt), f"{prompt.label}: by the codec")
        primed, unprimed = runs.after["primed"][number], runs.after["unprimed"][number]
        _panel(row[2], _frames(np.concatenate([prompt.heard, primed])), f"{prompt.label}: heard and gone on from")
        _panel(row[3], _frames(unprimed), f"{prompt.label}: imagined")
        for panel in (row[0], row[1], row[2]):
            panel.axvline(HEARD_S, color="white", linewidth=0.8)
    for panel in axes[-1]:
        panel.set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    pyplot.close(figure)


@torch.no_grad()
def coded(codec: Codec, prompt: Prompt) -> np.ndarray:
    """Frames [frames, BANDS] dB of a prompt and what follows it, through tokens and back."""
    piece = Piece(prompt.label, np.concatenate([prompt.heard, prompt.truth]), {})
    flat = flat_frames([piece], SPEEDS[0], CPU).stretched(1.0, 0.0)
    made = codec.decode(codec.encode(flat.frames.unsqueeze(0)))[0]
    before = torch.full((GROUP * BEFORE_GROUPS, made.shape[1]), LOWEST_DB)
    frames = torch.cat([before, made])
    return frames[: len(flat.frames) - HEARD_BEFORE - GROUP * AFTER_GROUPS].numpy()


def _frames(samples: np.ndarray) -> np.ndarray:
    return mel_frames(torch.from_numpy(np.ascontiguousarray(samples, np.float32))).numpy()


def _panel(axes: pyplot.Axes, frames: np.ndarray, title: str) -> None:
    shown = frames[: round(SHOWN_S * SAMPLE_RATE / HOP)].T
    extent = (0.0, shown.shape[1] * HOP / SAMPLE_RATE, 0.0, shown.shape[0])
    axes.imshow(shown, origin="lower", aspect="auto", vmin=LOWEST_DB, vmax=HIGHEST_DB, cmap="magma", extent=extent)
    axes.set_title(title, fontsize=9)
