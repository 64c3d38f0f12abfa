"""The contact sheet of a pack of own textures: each recording, the shipped pack's, and this one's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..texture_vae_gan.frames import FRAMES_A_SECOND

RANGE_DB = (-95.0, -25.0)
SHOWN_FRAMES = 376


def draw(content: list[tuple[str, np.ndarray]], path: Path, columns: int = 3) -> None:
    """Write panels of titles and levels [frames, BANDS] in dB as one PNG: one scale, mel bands upwards."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(content) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 1.6 * rows), squeeze=False)
    for axis in axes.ravel()[len(content) :]:
        axis.axis("off")
    for axis, (title, level) in zip(axes.ravel(), content, strict=False):
        shown = level[:SHOWN_FRAMES].T
        extent = (0.0, shown.shape[1] / FRAMES_A_SECOND, 0.0, float(len(shown)))
        axis.imshow(
            shown, origin="lower", aspect="auto", extent=extent, vmin=RANGE_DB[0], vmax=RANGE_DB[1], cmap="magma"
        )
        axis.set_title(title, fontsize=8, pad=2)
        axis.tick_params(labelsize=6)
    figure.tight_layout(pad=0.4)
    figure.savefig(path, dpi=75)
    plt.close(figure)
