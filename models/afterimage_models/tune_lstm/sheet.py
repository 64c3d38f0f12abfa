"""The contact sheet: piano rolls of held-out pieces, of what the model makes of their first bars, and imagined ones."""

from __future__ import annotations

from pathlib import Path

from ..events.piece import TICKS_PER_QUARTER
from .samples import Sample

QUARTERS_SHOWN = 64
GIVEN, MADE, REAL = "#7a7a7a", "#c2452d", "#2d5d8f"


def draw(samples: list[Sample], path: Path, columns: int = 2) -> None:
    """Write the samples as one PNG: ticks across, MIDI notes up, a line at each bar."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(samples) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(7.5 * columns, 2.1 * rows), squeeze=False)
    for axis, sample in zip(axes.ravel(), samples, strict=False):
        shown = QUARTERS_SHOWN * TICKS_PER_QUARTER
        for start, length, key in sample.piece.notes.tolist():
            if start < shown:
                real = REAL if sample.piece.source != "drawn" else GIVEN if start < sample.prompt_end_tick else MADE
                axis.barh(key, length - 1, left=start, height=0.9, color=real)
        for bar in sample.piece.bars:
            axis.axvline(bar, color="#dddddd", linewidth=0.6, zorder=0)
        axis.set_xlim(0, shown)
        axis.set_title(sample.title, fontsize=8, pad=2)
        axis.tick_params(labelsize=6)
        ticks = range(0, shown + 1, 8 * TICKS_PER_QUARTER)
        axis.set_xticks(ticks, [str(t // TICKS_PER_QUARTER) for t in ticks])
    figure.supxlabel("quarter notes; blue: held out, grey: given, red: the model", fontsize=7)
    figure.tight_layout(pad=0.5)
    figure.savefig(path, dpi=75)
    plt.close(figure)
