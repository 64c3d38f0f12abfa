"""The manifest of the spectral GAN, schema 1: the drum GAN's key map, linear magnitudes, no descriptors."""

from __future__ import annotations

from typing import Any

from ..drum_gan.axes import Space
from ..drum_gan.frames import BINS, FRAMES, HOP, LENGTH_S, N_FFT, REFERENCE
from ..drum_gan.kit import LABELS, hits
from ..drum_gan.pack import GAIN_DB, RELEASE_S, TRAINING_DATA, tensor
from ..latent_axes import recipe_knobs
from ..spectrum import GATE_DB, SAMPLE_RATE
from .network import LATENT

VERSION = "0.1.0"
GRAPH = "spectral-gan.onnx"
RECIPES: dict[str, dict[str, float]] = {
    "First Draw": {},
    "Mud Brick": {"pitch": -1.5, "air": -0.5},
    "Pebble": {"pitch": 1.5, "tail": -0.4},
    "Rust": {"grit": 1.5},
    "Clear Bar": {"grit": -1.5, "peak": 0.6},
    "Snap": {"punch": 1.5, "tail": -0.6},
    "Cloud": {"punch": -1.5, "tail": 0.6},
    "Frost": {"air": 1.5},
    "Cellar": {"air": -1.5, "body": 0.4},
    "Barrel": {"body": 1.5},
    "Needle": {"width": -1.5, "click": 0.6},
    "Hail": {"width": 1.5, "click": 0.4},
    "Long Shadow": {"tail": 1.5},
    "Sinking": {"swing": 1.5},
}


def named_knobs(axes: list[dict]) -> dict[str, list[float]]:
    """Knob values of every recipe."""
    return {name: recipe_knobs(recipe, axes) for name, recipe in RECIPES.items()}


def _shelf(tags: list[str]) -> dict[str, Any]:
    return {
        "schema": 1, "id": "afterimage.spectral-gan", "name": "Spectral GAN", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["drums", "one-shot", "percussion", *tags],
        "description": {
            "short": "Percussion drawn from noise by a plain GAN.",
            "long": "Twelve kinds of one-shot on the General MIDI keys. Nothing was ever encoded: a generator drew "
            "until two critics could not tell. Sixteen knobs move through what it draws.",
            "technical": "Conditional generative adversarial network on linear magnitudes: class and sixteen normal "
            "numbers in, magnitudes of 192 frames out, by an exponential at the end. Two critics see magnitudes "
            "compressed as loudness is, in bands of hearing and in bins, with a hinge loss, unit spectral norm, "
            "augmentation and a price on crowding.",
        },
        "citation": "Goodfellow et al. 2014, Generative adversarial networks; Engel et al. 2019, GANSynth",
        "links": [], "license": "MIT OR Apache-2.0",
        "training_data": TRAINING_DATA,
        "family": "gan", "tasks": ["play"],
    }  # fmt: skip


def _representation() -> dict[str, Any]:
    return {
        "kind": "linear", "sample_rate": SAMPLE_RATE, "channels": 1, "n_fft": N_FFT, "window": "hann",
        "hop": HOP, "bins": BINS, "f_min": 0.0, "f_max": SAMPLE_RATE / 2, "unit": "linear", "reference": REFERENCE,
        "floor": 0.0, "gate": round(10.0 ** (GATE_DB / 20.0), 9), "phase": "rtpghi", "power": 1.0, "center": True,
    }  # fmt: skip


def manifest(
    space: Space, presets: dict[str, list[float]], metrics: list[dict[str, Any]], tags: list[str]
) -> dict[str, Any]:
    """The whole manifest. `presets`: name -> knob values. `metrics`: rows of name, value, set."""
    frame = {"tensor": "frame", "role": "frame", "shape": ["batch", FRAMES, BINS], "unit": "linear"}
    decode = {
        "file": GRAPH, "frames_per_call": FRAMES, "internal_model_latency": 0,
        "inputs": [tensor("latent", LATENT, range=[-3.0, 3.0]), tensor("noise", 1), tensor("class", 1)],
        "outputs": [frame],
    }  # fmt: skip
    return _shelf(tags) | {
        "metrics": metrics,
        "representation": _representation(),
        "graphs": {"decode": decode},
        "play": {
            "mode": "one-shot", "hits": hits(), "length_s": LENGTH_S, "default_preset": next(iter(presets)),
            "gain_db": GAIN_DB, "release_s": RELEASE_S,
        },
        "latent": {
            "size": LATENT,
            "axes": space.axes,
            "presets": [{"name": name, "latent": values} for name, values in presets.items()],
        },
        "conditions": [{"name": "Drum", "kind": "class", "labels": list(LABELS), "default": LABELS[0]}],
    }  # fmt: skip
