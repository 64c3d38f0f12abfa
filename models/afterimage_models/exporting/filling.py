"""A whole manifest, schema 1, from the few things that only the maker of a model knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ExportError
from .latent import LatentSpace, preset_rows
from .tensors import Row, of_role, width

Given = Mapping[str, Any]
NEEDED = {
    "name": "what people call it",
    "license": "an SPDX expression such as 'CC0-1.0'",
    "representation": "what a frame is, such as {'preset': 'librosa-melspectrogram'}, or {'kind': 'events'}",
    "inputs": "the role of each input in order, such as ['latent', 'pitch']",
}
FREE = (
    "outputs", "play", "conditions", "vocabulary", "id", "version", "authors", "tags", "description", "citation",
    "links", "training_data", "metrics", "family", "tasks",
)  # fmt: skip
"""What may be said besides, as the manifest says it; `play` may be a mode alone."""
FIRST_KEY, LAST_KEY = 36, 84
ONE_SOUND = "sound"
"""The class condition, and its label, of a decoder of whole sounds that has no classes of its own."""
TASKS = {"decode": ["play"], "predict": ["imagine", "continue-midi"], "encode": []}
GraphRows = Mapping[str, tuple[Sequence[Row], Sequence[Row]]]
"""Inputs and outputs of each graph."""


def check_given(given: Given) -> None:
    """Raises ExportError for a field that is needed and not there, or that nothing reads."""
    for field, meaning in NEEDED.items():
        if not given.get(field):
            raise ExportError(f"the manifest has no '{field}': say {meaning}")
    if not isinstance(given["representation"], Mapping):
        raise ExportError(f"'representation' is not a dict: say {NEEDED['representation']}")
    unknown = [field for field in given if field not in (*NEEDED, *FREE)]
    if unknown:
        known = ", ".join((*NEEDED, *FREE))
        raise ExportError(f"the manifest's field '{unknown[0]}' is not known here: use {known}")


def slug(name: str) -> str:
    """A name as file names and ids have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


def frames_per_call(rows: Sequence[Row]) -> int:
    """Frames that a call of a decoder gives for a row: [batch, bins] is one, [batch, frames, bins] so many."""
    frame = next(iter(of_role(rows, "frame")), None)
    return width(frame) // frame["shape"][-1] if frame else 1


def fill(given: Given, graphs: GraphRows, space: LatentSpace | None, presets: Mapping[str, Sequence[float]]) -> Row:
    """The manifest but for the graphs' hashes. `space`: None where nothing is latent. Raises ExportError."""
    roles = {row["role"] for inputs, _ in graphs.values() for row in inputs}
    latent = None if space is None else _latent(space, presets)
    conditions = list(given.get("conditions", []))
    manifest = _words(given, graphs) | {
        "representation": _representation(given, graphs),
        "graphs": {name: _graph(name, given, graphs) for name in graphs},
        "conditions": conditions,
    }
    if "decode" in graphs:
        manifest["play"] = _play(given, roles, conditions, frames_per_call(graphs["decode"][1]))
    if latent:
        manifest["latent"] = latent
    states = [pair for rows in graphs.values() for pair in _state_pairs(*rows)]
    if states or "predict" in graphs:
        manifest["state"] = states
    if "vocabulary" in given:
        manifest["vocabulary"] = given["vocabulary"]
    return manifest


def _state_pairs(inputs: Sequence[Row], outputs: Sequence[Row]) -> list[Row]:
    """Each state that goes in with the one that comes out in its place."""
    pairs = zip(of_role(inputs, "state"), of_role(outputs, "state"), strict=False)
    return [{"input": i["tensor"], "output": o["tensor"], "kind": "replace", "initial": 0.0} for i, o in pairs]


def _words(given: Given, graphs: GraphRows) -> Row:
    description = given.get("description", "")
    short = {"short": description, "long": "", "technical": ""}
    tasks = [task for graph in graphs for task in TASKS[graph]]
    return {
        "schema": 1, "id": f"user.{slug(given['name'])}", "version": "0.1.0", "authors": [], "tags": [],
        "citation": "", "links": [], "training_data": [], "metrics": [], "family": "other", "tasks": tasks,
        **{field: value for field, value in given.items() if field not in ("inputs", "outputs", "play", "vocabulary")},
        "description": short if isinstance(description, str) else dict(description),
    }  # fmt: skip


def _representation(given: Given, graphs: GraphRows) -> Row:
    representation = dict(given["representation"])
    if "decode" in graphs and of_role(graphs["decode"][1], "phase"):
        representation.setdefault("phase", "model")
    frames = of_role(graphs["decode"][1], "frame") if "decode" in graphs else []
    if not frames:
        return representation
    shape = frames[0]["shape"]
    if "bins" not in representation and len(shape) > 2:
        raise ExportError(
            f"'{frames[0]['tensor']}' has the axes {shape}, which may be frames or bins: say 'bins' in "
            "'representation', and give [batch, frames, bins]"
        )
    bins = representation.setdefault("bins", shape[-1])
    if shape[-1] != bins:
        raise ExportError(
            f"'{frames[0]['tensor']}' has the axes {shape}, but its last axis should be the {bins} bins of a frame: "
            "return [batch, bins], or [batch, frames, bins] by x.transpose(-1, -2)"
        )
    return representation


def _graph(name: str, given: Given, graphs: GraphRows) -> Row:
    inputs, outputs = graphs[name]
    file = f"{slug(given['name'])}.onnx" if len(graphs) == 1 else f"{name}.onnx"
    frames = frames_per_call(outputs) if name == "decode" else 1
    rows = {"inputs": list(inputs), "outputs": list(outputs)}
    return {"file": file, "frames_per_call": frames, "internal_model_latency": 0, **rows}


def _latent(space: LatentSpace, presets: Mapping[str, Sequence[float]]) -> Row:
    return {"size": len(space.axes), "axes": space.axes, "presets": preset_rows(space, presets)}


def _play(given: Given, roles: set[str], conditions: list[Row], frames: int) -> Row:
    play = given.get("play") or ("one-shot" if frames > 1 else "pitched" if "pitch" in roles else None)
    if play is None:
        raise ExportError("no tensor has the role 'pitch', so the manifest needs 'play': 'drone', 'shifted' or a dict")
    play = {"mode": play} if isinstance(play, str) else dict(play)
    mode = play.get("mode")
    if mode == "pitched" and "pitch" not in roles:
        raise ExportError(
            "'play' is 'pitched', but no input has the role 'pitch': add one, or say 'drone' or 'shifted'"
        )
    if frames > 1 and mode != "one-shot":
        raise ExportError(
            f"'frame' has {frames} frames a call, which plays as 'one-shot' alone, but 'play' is '{mode}': say "
            "'one-shot', or give one frame for a 'time_on'"
        )
    if mode == "one-shot" and "hits" not in play:
        play["hits"] = _hits(conditions, play.get("range", [FIRST_KEY, LAST_KEY]))
    return play


def _hits(conditions: list[Row], keys: Sequence[int]) -> list[Row]:
    """Labels of the first class condition on the keys from the lowest on; an only label on all of them."""
    labels = next((c["labels"] for c in conditions if c["kind"] == "class"), [])
    if not labels:
        raise ExportError("'play' is 'one-shot', but no class condition says what the keys choose: add 'conditions'")
    span = range(keys[0], keys[1] + 1)
    if len(labels) > 1:
        return [{"key": key, "label": label} for key, label in zip(span, labels, strict=False)]
    return [{"key": key, "label": labels[0]} for key in span]
