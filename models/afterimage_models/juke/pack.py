"""The manifest of juke, schema 1."""

from __future__ import annotations

from typing import Any

from ..corpus.style import SOURCES
from .codec import AFTER_GROUPS, BEFORE_GROUPS, GROUP, PLACES
from .export import DECODED_GROUPS, PREDICT_STATES, SEEN_TOKENS, WINDOW_FRAMES
from .frames import BANDS, F_MAX, F_MIN, FLOOR_DB, HOP, N_FFT, REFERENCE, SAMPLE_RATE

VERSION = "0.1.0"
GRAPHS = {name: f"juke-{name}.onnx" for name in ("encode", "predict", "prime", "decode")}
TEMPERATURE, TOP_P = 1.0, 0.99
CEILING_DB = 20.0


def _tensor(name: str, role: str, shape: list[int | str], **more: Any) -> dict[str, Any]:
    return {"tensor": name, "role": role, "shape": shape, **more}


def _graph(name: str, inputs: list[dict], outputs: list[dict], frames: int = 1) -> dict[str, Any]:
    return {
        "file": GRAPHS[name], "frames_per_call": frames, "internal_model_latency": 0, "inputs": inputs,
        "outputs": outputs,
    }  # fmt: skip


def _graphs(tokens: int, states: dict[str, int]) -> dict[str, Any]:
    levels = {"unit": "db", "range": [FLOOR_DB, CEILING_DB]}
    label = _tensor("label", "class", ["batch", 1])

    def carried(names: list[str], end: str) -> list[dict]:
        return [_tensor(f"{name}{end}", "state", ["batch", states[name]]) for name in names]

    within, all_states = list(PREDICT_STATES), list(states)
    frames = DECODED_GROUPS * GROUP
    return {
        "encode": _graph(
            "encode", [_tensor("frame", "frame", ["batch", WINDOW_FRAMES, BANDS], **levels)],
            [_tensor("token", "token", ["batch", PLACES])],
        ),
        "predict": _graph(
            "predict",
            [_tensor("token", "token", ["batch", 1]), _tensor("level", "level", ["batch", 1]), label,
             *carried(within, "")],
            [_tensor("logits", "logits", ["batch", tokens], unit="nats"), *carried(within, ".out")],
        ),
        "prime": _graph(
            "prime", [_tensor("token", "token", ["batch", PLACES]), label, *carried(all_states, "")],
            carried(all_states, ".out"),
        ),
        "decode": _graph(
            "decode", [_tensor("token", "token", ["batch", SEEN_TOKENS])],
            [_tensor("frame", "frame", ["batch", frames, BANDS], **levels)], frames,
        ),
    }  # fmt: skip


def manifest(
    codes: int, labels: list[str], states: dict[str, int], metrics: list[dict[str, Any]], tags: list[str]
) -> dict[str, Any]:
    """The whole manifest but the graphs' hashes. `codes`: of each place; `states`: values a row of each."""
    return {
        "schema": 1, "id": "afterimage.juke", "name": "Juke", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["continuation", "folk", "chorale", "drums", *tags],
        "description": {
            "short": "Hears a few seconds and plays on, token by token.",
            "long": "Goes on with organ and string chorales, reels, jigs, hornpipes, airs, waltzes, drums and "
            "textures, or imagines some of its own; a label says which.",
            "technical": "A VQ-VAE of two levels over mel frames: 46 ms become one top token and seven bottom tokens "
            "of residual codebooks. An LSTM from group to group, with a memory that it looks back to, and a net "
            "within a group say the next token; the label scales and moves features of both.",
        },
        "citation": "Dhariwal et al. 2020, Jukebox: A Generative Model for Music",
        "links": [], "license": "MIT OR Apache-2.0",
        "training_data": [{"name": name, "source": source, "license": terms} for name, source, terms in SOURCES],
        "metrics": metrics, "family": "vq-vae", "tasks": ["continue", "imagine"],
        "representation": {
            "kind": "mel", "sample_rate": SAMPLE_RATE, "channels": 1, "n_fft": N_FFT, "window": "hann", "hop": HOP,
            "bins": BANDS, "f_min": F_MIN, "f_max": F_MAX, "mel_scale": "slaney", "mel_norm": "none", "unit": "db",
            "reference": REFERENCE, "floor": FLOOR_DB, "gate": FLOOR_DB + 1.0, "power": 1.0, "center": True,
            "phase": "rtpghi",
        },
        "graphs": _graphs(codes * PLACES, states),
        "state": [
            {"input": name, "output": f"{name}.out", "kind": "replace", "initial": 0.0} for name in states
        ],
        "conditions": [{"name": "label", "kind": "class", "labels": labels, "default": 0}],
        "vocabulary": {
            "levels": [
                {"name": "top" if place == 0 else f"bottom {place}", "codes": codes, "places": 1}
                for place in range(PLACES)
            ],
            "group_frames": GROUP, "before_groups": BEFORE_GROUPS, "after_groups": AFTER_GROUPS,
            "temperature": TEMPERATURE, "top_p": TOP_P,
        },
    }  # fmt: skip
