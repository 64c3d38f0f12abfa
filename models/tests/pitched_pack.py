"""What the tests of the packs of pitched notes share: a pack, its session, and feeds for its graph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from afterimage_models.spectrum import FLOOR_DB, GATE_DB

MODELS = Path(__file__).resolve().parent.parent
# Operators of opset 17 that both runtimes of the plugin carry.
ALLOWED = {
    "Add", "ArgMin", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Exp", "Expand", "Floor",
    "Gather", "GatherElements", "Gemm", "Greater", "GreaterOrEqual", "Identity", "Less", "Log", "MatMul", "Max", "Min",
    "Mul", "Neg", "Pow", "Reciprocal", "ReduceSum", "Reshape", "Shape", "Sigmoid", "Slice", "Softplus", "Sqrt", "Sub",
    "Transpose", "Unsqueeze", "Where",
}  # fmt: skip


class Pack:
    """A committed pack of pitched notes."""

    def __init__(self, name: str) -> None:
        self.name, self.folder = name, MODELS / name
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        self.graph = self.folder / self.manifest["graphs"]["decode"]["file"]
        self.session = session(self.graph)
        # f0 and inharmonicity of a harmonic-noise frame are no levels.
        self.header = 2 if self.manifest["representation"]["kind"] == "harmonic-noise" else 0

    def frames(self, feed: dict[str, np.ndarray]) -> np.ndarray:
        """Frames [rows, values]."""
        return self.session.run(["frame"], feed)[0]

    def levels(self, feed: dict[str, np.ndarray]) -> np.ndarray:
        """The part of the frames that is in decibels."""
        return self.frames(feed)[:, self.header :]

    def preset(self, name: str) -> list[float]:
        """Knobs of a preset."""
        return next(p["latent"] for p in self.manifest["latent"]["presets"] if p["name"] == name)

    def operators(self) -> set[str]:
        """Those of the graph."""
        return {node.op_type for node in onnx.load(str(self.graph)).graph.node}


def session(path: Path) -> onnxruntime.InferenceSession:
    """A graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feed(
    latent: list[float] | np.ndarray,
    pitch: float | np.ndarray,
    velocity: float | np.ndarray = 0.8,
    time_on: float | np.ndarray = 0.3,
    time_off: float | np.ndarray = -1.0,
) -> dict[str, np.ndarray]:
    """Inputs for as many rows as `latent` has."""
    latent = np.atleast_2d(np.asarray(latent, np.float32))
    rows = len(latent)

    def column(value: float | np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.asarray(value, np.float32).reshape(-1, 1), (rows, 1)).copy()

    return {
        "latent": latent, "pitch": column(pitch), "velocity": column(velocity),
        "time_on": column(time_on), "time_off": column(time_off),
    }  # fmt: skip


def random_feed(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows from all over the inputs' ranges."""
    rng = np.random.default_rng(seed)
    return feed(
        rng.standard_normal((rows, 16)), rng.uniform(33, 99, rows), rng.uniform(0, 1, rows),
        rng.uniform(0, 3, rows), np.where(rng.random(rows) < 0.5, -1.0, rng.uniform(0, 1, rows)),
    )  # fmt: skip


def without_hashes(manifest: dict) -> dict:
    """A copy without the graphs' hashes, which no file can hold of itself."""
    graphs = {
        name: {key: value for key, value in graph.items() if key != "sha256"}
        for name, graph in manifest["graphs"].items()
    }
    return manifest | {"graphs": graphs}


def is_gated(levels: np.ndarray) -> bool:
    """True where nothing lies between the floor and the gate, or outside what a frame may hold."""
    between = np.any((levels > FLOOR_DB) & (levels < GATE_DB))
    return bool(np.isfinite(levels).all() and levels.min() >= FLOOR_DB and levels.max() <= 6.0 and not between)
