"""Writes the small WaveNet that the tests of the `neural` crate read, and what PyTorch says of a sound.

Run: `python -m afterimage_models.wave_continue.fixture`. The golden mixtures come from the parallel network; the crate
computes them sample by sample.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from ..onnx_manifest import write_manifest
from . import pack
from .export import export_onnx
from .mixture import on_grid
from .network import Shape, WaveNet

FOLDER = Path(__file__).resolve().parents[3] / "plugin/crates/neural/tests/fixtures/wave"
LABELS = ["any", "low", "high"]
SHAPE = Shape(labels=len(LABELS), channels=16, skip=16, short_cycle=3, long_cycle=5, taps=4, followed=12, mixtures=3)
SAMPLES, EVERY = 400, 10  # twelve times the longest delay, six fits of the taps; every tenth is kept


def network() -> WaveNet:
    """Seeded weights, larger than fresh ones, so that every path is heard."""
    torch.manual_seed(11)
    made = WaveNet(SHAPE)
    made.whitening.copy_(torch.tensor([1.2, -0.5, 0.2, -0.1]))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return made.eval()


def sound() -> torch.Tensor:
    """[1, SAMPLES] on the grid: a tone that grows, with a little noise."""
    n = np.arange(SAMPLES)
    tone = 0.4 * n / SAMPLES * np.sin(0.3 * n) + 0.02 * np.random.default_rng(2).standard_normal(SAMPLES)
    return on_grid(torch.tensor(tone, dtype=torch.float32))[None]


def main() -> None:
    """Write graph, manifest and golden."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made, heard = network(), sound()
    golden = {"audio": heard[0].tolist(), "every": EVERY, "steps": {}}
    for label in range(len(LABELS)):
        with torch.no_grad():
            found = made(heard, torch.tensor([label]))
        parts = torch.cat([found.logits, found.mean, torch.exp(found.log_scale)], -1)[0]
        golden["steps"][label] = [[round(v, 7) for v in row] for row in parts[::EVERY].tolist()]
    (FOLDER / "golden.json").write_text(json.dumps(golden) + "\n")
    export_onnx(made, FOLDER / pack.GRAPH)
    write_manifest(FOLDER, pack.manifest(SHAPE, LABELS, [], []) | {"id": "test.wave", "name": "Wave"})


if __name__ == "__main__":
    main()
