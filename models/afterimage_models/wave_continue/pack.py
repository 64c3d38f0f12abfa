"""The manifest of the WaveNet, schema 1."""

from __future__ import annotations

from typing import Any

from .export import delayed, widths
from .network import SAMPLE_RATE, Shape

VERSION = "0.2.0"
GRAPH = "wave-continue.onnx"
TEMPERATURE = 0.9
SOURCES = (
    ("Bach chorales and folk tunes, rendered",
     "corpus of music21 10.5.1 (PyPI); fluid-soundfont-gm, musescore-general-soundfont (Debian)",
     "public domain scores; MIT soundfonts"),
    ("Drum loops and ambiences", "supersonic-scsynth-samples (npm)", "CC0-1.0"),
)  # fmt: skip
"""What it was trained on; `afterimage_models.corpus` builds it."""


def _tensor(name: str, role: str, shape: list[int | str], **more: Any) -> dict[str, Any]:
    return {"tensor": name, "role": role, "shape": shape, **more}


def shelf(tags: list[str]) -> dict[str, Any]:
    """What people read of it."""
    return {
        "schema": 1, "id": "afterimage.wave-continue", "name": "Wave Continue", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["continuation", "waveform", *tags],
        "description": {
            "short": "Goes on from a sound, one sample after the other.",
            "long": "Hears tones, drums and textures and carries on from the very last sample: organ and string "
            "chorales, folk tunes on flute, fiddle and accordion, harp, piano, drum loops and ambiences. Each can be "
            "named, or left open. Spectra and levels come from the last five seconds: it makes the sound, not a tune.",
            "technical": "WaveNet at 16 kHz: 23 gated dilated convolutions of 48 channels over a whitened past, label "
            "as a bias of each layer, a mixture of ten logistics around a linear prediction that follows the sound "
            "and, in playing, goes along what was heard. The graph is one step; a native kernel runs its weights.",
        },
        "citation": "", "links": [], "license": "MIT OR Apache-2.0",
        "training_data": [{"name": n, "source": s, "license": licence} for n, s, licence in SOURCES],
        "family": "wavenet", "tasks": ["continue"],
    }  # fmt: skip


def predict_graph(shape: Shape, file: str) -> dict[str, Any]:
    """The manifest's `graphs.predict`."""
    states = [_tensor(name, "state", ["batch", width]) for name, width in widths(shape).items()]
    return {
        "file": file, "frames_per_call": 1, "internal_model_latency": 0,
        "inputs": [
            _tensor("audio", "audio", ["batch", 1], range=[-1.0, 1.0]), _tensor("label", "class", ["batch", 1]),
            _tensor("taps", "taps", ["batch", shape.followed]), *states,
        ],
        "outputs": [_tensor("mixture", "mixture", ["batch", 3 * shape.mixtures])]
        + [_tensor(f"{name}.out", "state", ["batch", width]) for name, width in widths(shape).items()],
    }  # fmt: skip


def states(shape: Shape) -> list[dict[str, Any]]:
    """The manifest's `state`: histories that are replaced, layers that are delayed by their dilation."""
    delays = {name: f"delay({calls})" for name, calls in delayed(shape).items()}
    return [
        {"input": name, "output": f"{name}.out", "kind": delays.get(name, "replace"), "initial": 0.0}
        for name in widths(shape)
    ]


def manifest(shape: Shape, labels: list[str], tags: list[str], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole manifest but the graph's hash. `metrics`: rows of name, value, set."""
    return shelf(tags) | {
        "metrics": metrics,
        "representation": {"kind": "waveform", "sample_rate": SAMPLE_RATE, "channels": 1, "unit": "linear"},
        "graphs": {"predict": predict_graph(shape, GRAPH)},
        "state": states(shape),
        "conditions": [{"name": "label", "kind": "class", "labels": labels, "default": 0}],
        "vocabulary": {"temperature": TEMPERATURE},
    }
