"""Rewritten graphs give what they gave, by fewer and wider operations."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from afterimage_models.exporting.cheaper import cheapen  # noqa: E402
from afterimage_models.exporting.graph import export_graph  # noqa: E402

KNOTS, BINS, BANDS, FRAMES = 9, 80, 4, 30


class Hit(torch.nn.Module):
    """A softplus of what may be large, weighted sums over bins, and lines between knots of few bands."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.spread = torch.nn.Linear(6, KNOTS * BINS)
        self.register_buffer("weight", torch.rand(BINS))
        self.register_buffer("between", torch.rand(FRAMES, KNOTS))
        self.register_buffer("bands", torch.rand(BANDS, BINS))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """[batch, 6] to [batch, FRAMES, BINS]."""
        level = torch.nn.functional.softplus(self.spread(latent).view(-1, KNOTS, BINS))
        few = torch.sigmoid(level[:, :, :BANDS])
        power, count = torch.exp(-level) @ self.weight, level @ torch.ones(BINS)
        gain = (power + 0.01 * count).amax(1).view(-1, 1, 1)
        return self.between @ level + gain * (self.between @ (few @ self.bands))


def run(path: Path, latent: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"latent": latent})[0]


def operators(path: Path) -> Counter:
    return Counter(node.op_type for node in onnx.load(str(path)).graph.node)


@pytest.mark.parametrize("scale", [0.0, 1.0, 300.0])
def test_a_rewritten_graph_gives_what_it_gave(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "hit.onnx"
    export_graph(Hit(), (torch.zeros(2, 6),), ("latent",), ("frame",), path)
    latent = (scale * np.random.default_rng(4).standard_normal((5, 6))).astype(np.float32)
    before, kinds = run(path, latent), operators(path)
    assert kinds["Softplus"] == 1 and kinds["MatMul"] >= 5
    cheapen(path)
    after, kinds = run(path, latent), operators(path)
    assert np.isfinite(after).all()
    np.testing.assert_allclose(after, before, rtol=2e-6, atol=2e-6)
    assert kinds["Softplus"] == 0 and kinds["ReduceSum"] == 2


def test_what_has_nothing_to_gain_stays(tmp_path: Path) -> None:
    path = tmp_path / "line.onnx"
    export_graph(torch.nn.Linear(6, 3), (torch.zeros(2, 6),), ("latent",), ("out",), path)
    before = operators(path)
    cheapen(path)
    assert operators(path) == before
