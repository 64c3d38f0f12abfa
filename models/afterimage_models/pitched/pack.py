"""The manifest of a pack of pitched notes, schema 1: all but what it stands for on the shelf and its representation.

Shape: `schema`, `id`, `name`, `version`, `authors`, `tags`, `description`, `license`, `training_data`, `metrics`;
`family`, `tasks`, `representation`; `graphs.decode` with `file`, `inputs` and `outputs` as rows of `tensor`, `role`,
`shape`, `unit`, `range`; `play` with `mode`, `range`, `default_preset`, `mod_wheel_path` ([points][16] knob values
that the wheel travels linearly), `gain_db`, `release_s`; `latent` with `size`, `axes`, `presets`; `conditions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..spectrum import FLOOR_DB, GATE_DB, HOP, N_FFT, REFERENCE, SAMPLE_RATE
from .axes import Space
from .trunk import CEILING_DB, LATENT

PLAY_RANGE = [33, 99]
RELEASE_S = 0.8  # the decoders' own releases are shorter; the envelope only ends what rings on
GAIN_DB = 9.0  # a lone note at velocity 100 then plays at about -23 LUFS, a four-part chorale at about -20


def tensor(name: str, shape: list[int | str], **more: Any) -> dict[str, Any]:
    """A row of a graph's inputs or outputs whose role is its name."""
    return {"tensor": name, "role": name, "shape": shape, **more}


@dataclass(frozen=True)
class Shelf:
    """What tells one pack from another: words, family, sources, representation, the graph's range of values."""

    name: str
    version: str
    family: str
    tags: list[str]
    short: str
    long: str
    technical: str
    mod_wheel: tuple[str, ...]
    representation: dict[str, Any]
    frame: dict[str, Any]
    gain_db: float = GAIN_DB
    maker: str = "afterimage"
    authors: tuple[str, ...] = ("Afterimage contributors",)
    license: str = "MIT OR Apache-2.0"
    tasks: tuple[str, ...] = ("play",)
    training_data: tuple[dict[str, str], ...] = (
        {"name": "Fluid (R3) General MIDI SoundFont", "source": "Debian fluid-soundfont-gm", "license": "MIT"},
        {"name": "MuseScore General SoundFont", "source": "Debian musescore-general-soundfont", "license": "MIT"},
    )

    @property
    def slug(self) -> str:
        """Name of the folder, the graph and, after the maker's, the id."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "sounds"


def representation(kind: str, bins: int, f_min: float, f_max: float, **more: Any) -> dict[str, Any]:
    """Frames of `spectrum` in decibels of amplitude; `more` adds to them or has its own."""
    return {
        "kind": kind, "sample_rate": SAMPLE_RATE, "channels": 1, "n_fft": N_FFT, "window": "hann",
        "hop": HOP, "bins": bins, "f_min": f_min, "f_max": f_max, "unit": "db", "reference": REFERENCE,
        "floor": FLOOR_DB, "gate": GATE_DB, "phase": "f0-lock", "power": 1.0, "center": True, **more,
    }  # fmt: skip


def decibels(values: int) -> dict[str, Any]:
    """The `frame` row of a graph whose values are all levels."""
    return tensor("frame", ["batch", values], unit="db", range=[FLOOR_DB, CEILING_DB])


def _words(shelf: Shelf) -> dict[str, Any]:
    return {
        "schema": 1, "id": f"{shelf.maker}.{shelf.slug}", "name": shelf.name, "version": shelf.version,
        "authors": list(shelf.authors), "tags": shelf.tags,
        "description": {"short": shelf.short, "long": shelf.long, "technical": shelf.technical},
        "citation": "", "links": [], "license": shelf.license, "training_data": list(shelf.training_data),
        "family": shelf.family, "tasks": list(shelf.tasks),
    }  # fmt: skip


def _decode_graph(shelf: Shelf) -> dict[str, Any]:
    return {
        "file": f"{shelf.slug}.onnx", "frames_per_call": 1, "internal_model_latency": 0,
        "inputs": [
            tensor("latent", ["batch", LATENT], range=[-3.0, 3.0]),
            tensor("pitch", ["batch", 1], unit="midi_note", range=[21.0, 108.0]),
            tensor("velocity", ["batch", 1], range=[0.0, 1.0]),
            tensor("time_on", ["batch", 1], unit="s", range=[0.0, 3600.0]),
            tensor("time_off", ["batch", 1], unit="s", range=[-1.0, 3600.0]),
        ],
        "outputs": [shelf.frame],
    }  # fmt: skip


def manifest(
    shelf: Shelf, space: Space, knobs: dict[str, list[float]], metrics: list[dict[str, Any]]
) -> dict[str, Any]:
    """The whole manifest. `knobs`: preset name -> 16 knob values. `metrics`: rows of name, value, set."""
    return _words(shelf) | {
        "metrics": metrics,
        "representation": shelf.representation,
        "graphs": {"decode": _decode_graph(shelf)},
        "play": {
            "mode": "pitched", "range": PLAY_RANGE, "default_preset": shelf.mod_wheel[0],
            "mod_wheel_path": [knobs[name] for name in shelf.mod_wheel],
            "gain_db": shelf.gain_db, "release_s": RELEASE_S,
        },
        "latent": {
            "size": LATENT,
            "axes": space.axes,
            "presets": [{"name": name, "latent": values} for name, values in knobs.items()],
        },
        "conditions": [],
    }  # fmt: skip
