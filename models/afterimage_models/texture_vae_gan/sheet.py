"""The contact sheet: held-out textures and themselves again, presets, what lies between them, and draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..drum_gan.sheet import log_rows
from ..spectrum import SAMPLE_RATE, spectrogram
from .drone_score import DroneScore
from .evaluation import Stage
from .network import LATENT

SHOWN_S, COLUMNS = 6.0, 4
HOP = 512
RANGE_DB = (-105.0, -25.0)
SEED = 4


def panels(
    stage: Stage, originals: list[tuple[str, np.ndarray, np.ndarray]], presets: dict[str, list[float]]
) -> list[tuple[str, np.ndarray]]:
    """Titles and sounds [samples]. `originals`: name, sound and knobs of held-out textures."""
    rng, score, titles = np.random.default_rng(SEED), DroneScore(SHOWN_S), []

    def add(title: str, knobs: np.ndarray) -> None:
        titles.append(title)
        score.add(knobs)

    for name, _, knobs in originals:
        add(f"{name}: again", knobs)
    for (first, a), (second, b) in zip(list(presets.items())[1:-1:2], list(presets.items())[2::2], strict=False):
        for title, share in ((first, 0.0), (f"{first} to {second}", 0.5), (second, 1.0)):
            add(title, (1.0 - share) * np.array(a) + share * np.array(b))
        add("prior", rng.standard_normal(LATENT))
    made = list(zip(titles, stage.play(score, "sheet"), strict=True))
    out = []
    for (name, sound, _), again in zip(originals, made, strict=False):
        out += [(f"{name}: held out", sound), again]
    return out + made[len(originals) :]


def draw(content: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Write the panels as one PNG: one dB scale, log frequency."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(content) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(3.6 * COLUMNS, 1.6 * rows), squeeze=False)
    for axis, (title, sound) in zip(axes.ravel(), content, strict=False):
        shown = log_rows(spectrogram(sound[: int(SHOWN_S * SAMPLE_RATE)], HOP))
        axis.imshow(shown, origin="lower", aspect="auto", extent=(0.0, len(sound) / SAMPLE_RATE, 0.0, len(shown)),
                    vmin=RANGE_DB[0], vmax=RANGE_DB[1], cmap="magma")  # fmt: skip
        axis.set_title(title, fontsize=7, pad=2)
        axis.set_yticks([])
        axis.set_xlim(0.0, SHOWN_S)
        axis.tick_params(labelsize=5)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=75)
    plt.close(figure)
