"""The manifest of the mel continuer, schema 1."""

from __future__ import annotations

from typing import Any

from ..corpus.style import SOURCES
from .layout import (
    BANDS,
    CEILING_DB,
    F_MAX,
    F_MIN,
    FLOOR_DB,
    HOP,
    MEANS_STATE,
    MEANS_WIDTH,
    MEL_NORM,
    MEL_SCALE,
    N_FFT,
    PRIME_FRAMES,
    REFERENCE,
    SAMPLE_RATE,
    STATE,
    UNIFORMS,
)

VERSION = "0.1.0"
GRAPH, PRIME_GRAPH = "mel-continue.onnx", "mel-continue-prime.onnx"


def _tensor(name: str, role: str, shape: list[int | str], **more: Any) -> dict[str, Any]:
    return {"tensor": name, "role": role, "shape": shape, **more}


def _graphs(state_width: int) -> dict[str, Any]:
    levels = {"unit": "db", "range": [FLOOR_DB, CEILING_DB]}
    widths = {STATE: state_width, MEANS_STATE: MEANS_WIDTH}
    shared = [_tensor("label", "class", ["batch", 1])]
    shared += [_tensor(name, "state", ["batch", width]) for name, width in widths.items()]
    after = [_tensor(f"{name}.out", "state", ["batch", width]) for name, width in widths.items()]
    calls = {"frames_per_call": 1, "internal_model_latency": 0}
    draw = [_tensor("uniform", "uniform", ["batch", UNIFORMS], range=[0.0, 1.0]),
            _tensor("temperature", "temperature", ["batch", 1], range=[0.0, 2.0])]  # fmt: skip
    return {
        "predict": {
            "file": GRAPH, **calls, "inputs": [_tensor("frame", "frame", ["batch", BANDS], **levels), *shared, *draw],
            "outputs": [_tensor("next", "frame", ["batch", BANDS], **levels), *after],
        },
        "prime": {
            "file": PRIME_GRAPH, **calls,
            "inputs": [_tensor("frame", "frame", ["batch", PRIME_FRAMES, BANDS], **levels), *shared], "outputs": after,
        },
    }  # fmt: skip


def manifest(labels: list[str], state_width: int, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole manifest but the graphs' hashes. `metrics`: rows of name, value, set."""
    return {
        "schema": 1, "id": "afterimage.mel-continue", "name": "Mel Continue", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["continuation", "texture", "drums"],
        "description": {
            "short": "Goes on from what it hears, spectrum by spectrum.",
            "long": "Hears a few seconds and plays on: the beat stays, a tune goes on among its own notes, "
            "textures stay. Likeness says how close it keeps; at 0 all dissolves into a shimmer. Or it imagines "
            "some of its own.",
            "technical": "MelNet-like: a GRU over mel frames, and inside a frame eight tiers of interleaved bands, "
            "coarse to fine, each drawn from a mixture over all of its bands given the tiers before it.",
        },
        "citation": "Vasquez and Lewis 2019, MelNet: A Generative Model for Audio in the Frequency Domain",
        "links": [], "license": "MIT OR Apache-2.0",
        "training_data": [{"name": name, "source": source, "license": terms} for name, source, terms in SOURCES],
        "metrics": metrics, "family": "melnet", "tasks": ["continue", "imagine"],
        "representation": {
            "kind": "mel", "sample_rate": SAMPLE_RATE, "channels": 1, "n_fft": N_FFT, "window": "hann", "hop": HOP,
            "bins": BANDS, "f_min": F_MIN, "f_max": F_MAX, "mel_scale": MEL_SCALE, "mel_norm": MEL_NORM, "unit": "db",
            "reference": REFERENCE, "floor": FLOOR_DB, "gate": FLOOR_DB + 1.0, "power": 1.0, "center": True,
            "phase": "rtpghi",
        },
        "graphs": _graphs(state_width),
        "state": [
            {"input": name, "output": f"{name}.out", "kind": "replace", "initial": 0.0} for name in (STATE, MEANS_STATE)
        ],
        "conditions": [{"name": "label", "kind": "class", "labels": labels, "default": 0}],
    }  # fmt: skip
