"""The manifest of the tune LSTM, schema 1."""

from __future__ import annotations

from typing import Any

from ..events.vocabulary import Vocabulary

VERSION = "0.1.0"
GRAPH = "tune-lstm.onnx"
TEMPERATURE, TOP_P = 0.9, 0.95
SOURCES = (
    ("Ryan's Mammoth Collection (1883)", "ryansMammoth"), ("O'Neill's Music of Ireland (1903)", "oneills1850"),
    ("Aird's Airs (1778-1801)", "airdsAirs"), ("Bach chorales", "bach/*.mxl"),
)  # fmt: skip
"""What it was trained on; the card credits the transcribers."""
DEFAULT_LABEL, DEFAULT_METRE = "reel", "any"


def _tensor(name: str, role: str, shape: list[int | str], **more: Any) -> dict[str, Any]:
    return {"tensor": name, "role": role, "shape": shape, **more}


def _shelf() -> dict[str, Any]:
    corpus = "the corpus of music21 10.5.1 (PyPI)"
    return {
        "schema": 1, "id": "afterimage.tune-lstm", "name": "Tune LSTM", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["notes", "folk", "chorale", "continuation"],
        "description": {
            "short": "Reels, jigs, airs and chorales, note by note.",
            "long": "Writes tunes in the manner of Irish and Scottish dance music and of Bach's chorales, or goes on "
            "from notes that are played to it. Kind and metre may be named or left open.",
            "technical": "Two LSTM layers over event tokens (note, duration, shift, bar line), conditioned on a label "
            "and a metre at every step; one token a call, the state carried by the host.",
        },
        "citation": "", "links": [], "license": "MIT OR Apache-2.0",
        "training_data": [
            {"name": name, "source": f"{folder} in {corpus}", "license": "public domain"} for name, folder in SOURCES
        ],
        "family": "lstm", "tasks": ["imagine", "continue-midi"],
    }  # fmt: skip


def _predict_graph(tokens: int, state: int) -> dict[str, Any]:
    number, carried = ["batch", 1], ["batch", state]
    return {
        "file": GRAPH, "frames_per_call": 1, "internal_model_latency": 0,
        "inputs": [
            _tensor("token", "token", number), _tensor("label", "class", number), _tensor("metre", "class", number),
            _tensor("state.h", "state", carried), _tensor("state.c", "state", carried),
        ],
        "outputs": [
            _tensor("logits", "logits", ["batch", tokens], unit="nats"),
            _tensor("state.h.out", "state", carried), _tensor("state.c.out", "state", carried),
        ],
    }  # fmt: skip


def manifest(
    vocabulary: Vocabulary, labels: list[str], metres: list[str], state: int, metrics: list[dict[str, Any]]
) -> dict[str, Any]:
    """The whole manifest but the graph's hash. `state`: layers times hidden. `metrics`: rows of name, value, set."""
    return _shelf() | {
        "metrics": metrics,
        "representation": {"kind": "events"},
        "graphs": {"predict": _predict_graph(vocabulary.size, state)},
        "state": [
            {"input": name, "output": f"{name}.out", "kind": "replace", "initial": 0.0}
            for name in ("state.h", "state.c")
        ],
        "conditions": [
            {"name": "label", "kind": "class", "labels": labels, "default": labels.index(DEFAULT_LABEL)},
            {"name": "metre", "kind": "class", "labels": metres, "default": metres.index(DEFAULT_METRE)},
        ],
        "vocabulary": vocabulary.manifest(TEMPERATURE, TOP_P),
    }  # fmt: skip
