"""The manifest of the drum GAN, schema 1: `play.mode` one-shot with a General MIDI key map, class and descriptors."""

from __future__ import annotations

from typing import Any

from ..spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE
from .axes import Space
from .descriptors import NAMES
from .frames import BINS, FRAMES, HOP, LENGTH_S, N_FFT, REFERENCE
from .kit import LABELS, LATENT, hits

VERSION = "0.1.0"
GRAPH = "drum-gan.onnx"
GAIN_DB = 3.0  # hits then play at -23 LUFS, as single notes of the keys do
RELEASE_S = 1.1  # hits play to their end; the envelope only must not cut them
TRAINING_DATA = [
    {"name": "Fluid (R3) General MIDI SoundFont, drum kits", "source": "Debian fluid-soundfont-gm", "license": "MIT"},
    {
        "name": "MuseScore General SoundFont, drum kits",
        "source": "Debian musescore-general-soundfont",
        "license": "MIT",
    },
    {"name": "Audiophob", "source": "Debian hydrogen-drumkits, this kit only", "license": "CC0-1.0"},
    {"name": "supersonic-scsynth-samples, one-shots", "source": "npm supersonic-scsynth-samples", "license": "CC0-1.0"},
]


def _shelf(tags: list[str]) -> dict[str, Any]:
    technical = (
        "Variational autoencoder finished with a critic. The generator convolves over 73 knots of time with bins as "
        "channels and draws level and noisiness of every cell; the grain of a real noise is added, and loudness is "
        "set inside the graph. A regressor fitted to the timbre models holds made-up hits to their descriptors."
    )
    return {
        "schema": 1, "id": "afterimage.drum-gan", "name": "Drum GAN", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["drums", "one-shot", "percussion", *tags],
        "description": {
            "short": "A drum kit with knobs for how it sounds.",
            "long": "Twelve kinds of drum on the General MIDI keys. Four knobs ask for brightness, boominess, "
            "roughness and length, twelve more move through the drums that lie between those it learned from.",
            "technical": technical,
        },
        "citation": "Nistal, Lattner, Richard 2020, DrumGAN: drum sounds with timbral feature conditioning",
        "links": [], "license": "MIT OR Apache-2.0",
        "training_data": TRAINING_DATA,
        "family": "vae-gan", "tasks": ["play"],
    }  # fmt: skip


def _representation() -> dict[str, Any]:
    return {
        "kind": "log-amplitude", "sample_rate": SAMPLE_RATE, "channels": 1, "n_fft": N_FFT, "window": "hann",
        "hop": HOP, "bins": BINS, "f_min": 0.0, "f_max": SAMPLE_RATE / 2, "unit": "db", "reference": REFERENCE,
        "floor": FLOOR_DB, "gate": GATE_DB, "phase": "rtpghi", "power": 1.0, "center": True,
    }  # fmt: skip


def tensor(name: str, width: int, **more: Any) -> dict[str, Any]:
    """A row of the graph's inputs whose role is its name."""
    return {"tensor": name, "role": name, "shape": ["batch", width], **more}


def _decode_graph() -> dict[str, Any]:
    frame = {"tensor": "frame", "role": "frame", "shape": ["batch", FRAMES, BINS], "unit": "db"}
    return {
        "file": GRAPH, "frames_per_call": FRAMES, "internal_model_latency": 0,
        "inputs": [
            tensor("latent", LATENT, range=[-3.0, 3.0]), tensor("noise", 1), tensor("class", 1),
            tensor("descriptor", len(NAMES), range=[0.0, 1.0]),
        ],
        "outputs": [frame],
    }  # fmt: skip


def _conditions() -> list[dict[str, Any]]:
    drum = {"name": "Drum", "kind": "class", "labels": list(LABELS), "default": LABELS[0]}
    knobs = [
        {"name": name.capitalize(), "kind": "continuous", "range": [0.0, 1.0], "default": 0.5,
         "unit": "of the drum's range"}
        for name in NAMES
    ]  # fmt: skip
    return [drum, *knobs]


def manifest(
    space: Space, presets: dict[str, list[float]], metrics: list[dict[str, Any]], tags: list[str]
) -> dict[str, Any]:
    """The whole manifest. `presets`: name -> knob values. `metrics`: rows of name, value, set."""
    return _shelf(tags) | {
        "metrics": metrics,
        "representation": _representation(),
        "graphs": {"decode": _decode_graph()},
        "play": {
            "mode": "one-shot", "hits": hits(), "length_s": LENGTH_S, "default_preset": next(iter(presets)),
            "gain_db": GAIN_DB, "release_s": RELEASE_S,
        },
        "latent": {
            "size": LATENT,
            "axes": space.axes,
            "presets": [{"name": name, "latent": values} for name, values in presets.items()],
        },
        "conditions": _conditions(),
    }  # fmt: skip
