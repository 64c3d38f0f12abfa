"""The contact sheet: held-out sounds with what really follows, and with what the pack makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import mlab, pyplot

from .layout import SAMPLE_RATE
from .prompts import HEARD_S, Run, choose, render
from .sounds import Corpus

SHOWN_AFTER_S = 6.0
RANGE_DB = 80.0
LOWEST_HZ = 50.0
SEED = 3


def draw(corpus: Corpus, pack: Path, work: Path, xtask: str) -> None:
    """Write contact-sheet.png: one held-out sound of each label; left the truth, right the pack, a line at the seam."""
    sounds = corpus.split("test")
    firsts = [next(s for s in sounds if s.label == number) for number in range(1, len(corpus.labels))]
    runs, _ = render(pack, choose(firsts, len(firsts), SEED), work, xtask, SEED)
    figure, axes = pyplot.subplots(len(runs), 2, figsize=(16, 2.1 * len(runs)), sharex=True, sharey=True)
    for row, run in zip(axes, runs, strict=True):
        _panel(row[0], run, run.truth, f"{corpus.labels[run.label]}: what really follows")
        _panel(row[1], run, run.made, f"{corpus.labels[run.label]}: what the pack plays")
    axes[-1][0].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(pack / "contact-sheet.png", dpi=56)


def _panel(axes: pyplot.Axes, run: Run, after: np.ndarray, title: str) -> None:
    after = after[: round(SHOWN_AFTER_S * SAMPLE_RATE)]
    sizes = {"NFFT": 2048, "Fs": SAMPLE_RATE, "noverlap": 1280}
    power, _, _ = mlab.specgram(run.prompt, **sizes)
    peak_db = 10.0 * np.log10(power.max())
    axes.specgram(np.concatenate([run.prompt, after]) + 1e-9, **sizes, vmin=peak_db - RANGE_DB, vmax=peak_db)
    axes.axvline(HEARD_S, color="white", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylim(LOWEST_HZ, SAMPLE_RATE / 2)
    axes.set_title(title, fontsize=9)
