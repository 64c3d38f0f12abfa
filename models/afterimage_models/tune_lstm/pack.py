"""The manifest of the tune LSTM, schema 1."""

from __future__ import annotations

from typing import Any

from ..events.vocabulary import Vocabulary

VERSION = "0.1.0"
GRAPH = "tune-lstm.onnx"
TEMPERATURE, TOP_P = 1.0, 0.93  # more of either repeats less than real tunes do, less of either more
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
            "and a metre at every step, with counts of ticks and bars and attention to the last 384 tokens; one token "
            "a call, the state carried by the host.",
        },
        "citation": "", "links": [], "license": "MIT OR Apache-2.0",
        "training_data": [
            {"name": name, "source": f"{folder} in {corpus}", "license": "public domain"} for name, folder in SOURCES
        ],
        "family": "lstm", "tasks": ["imagine", "continue-midi"],
    }  # fmt: skip


def _predict_graph(tokens: int, states: dict[str, int]) -> dict[str, Any]:
    number = ["batch", 1]
    return {
        "file": GRAPH, "frames_per_call": 1, "internal_model_latency": 0,
        "inputs": [_tensor("token", "token", number), _tensor("label", "class", number),
                   _tensor("metre", "class", number)]
        + [_tensor(name, "state", ["batch", width]) for name, width in states.items()],
        "outputs": [_tensor("logits", "logits", ["batch", tokens], unit="nats")]
        + [_tensor(f"{name}.out", "state", ["batch", width]) for name, width in states.items()],
    }  # fmt: skip


def manifest(
    vocabulary: Vocabulary, labels: list[str], metres: list[str], states: dict[str, int], metrics: list[dict[str, Any]]
) -> dict[str, Any]:
    """The whole manifest but the graph's hash. `states`: values a row of each. `metrics`: rows of name, value, set."""
    return _shelf() | {
        "metrics": metrics,
        "representation": {"kind": "events"},
        "graphs": {"predict": _predict_graph(vocabulary.size, states)},
        "state": [
            {"input": name, "output": f"{name}.out", "kind": "replace", "initial": 0.0}
            for name in states
        ],
        "conditions": [
            {"name": "label", "kind": "class", "labels": labels, "default": labels.index(DEFAULT_LABEL)},
            {"name": "metre", "kind": "class", "labels": metres, "default": metres.index(DEFAULT_METRE)},
        ],
        "vocabulary": vocabulary.manifest(TEMPERATURE, TOP_P),
    }  # fmt: skip
