"""The manifest of the texture pack, schema 1: a drone whose frames are made one by one from knobs, noise and time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE
from .data import TARGET_LUFS
from .frames import BANDS, F_MAX, F_MIN, HOP, N_FFT, REFERENCE, SEGMENT
from .network import LATENT
from .space import Space

VERSION = "0.1.0"
GRAPH, ENCODER = "texture-vae-gan.onnx", "texture-vae-gan-encode.onnx"
GAIN_DB = 3.0  # a held key then plays at -23 LUFS, as single notes of the keys do
RELEASE_S = 1.5
LONGEST_S = 3600.0  # float32 still tells frames apart; a longer note stays there
# Name -> training textures whose knobs are averaged.
RECIPES: dict[str, tuple[str, ...]] = {
    "Still Water": ("fluid 95 chord 2", "fluid 89 chord 1"),
    "Night Train": ("ambi_dark_woosh", "loop_drone_g_97"),
    "Glass Wind": ("ambi_glass_hum, begin",),
    "Felt Choir": ("fluid 52 chord 1", "fluid 91 chord 0"),
    "Dry Leaves": ("ambi_sauna, begin", "vinyl_hiss, begin"),
    "Far Bells": ("fluid 98 chord 2", "fluid 14 chord 1"),
    "Warm Engine": ("ambi_haunted_hum, begin", "musescore 89 chord 0"),
    "Silver Mist": ("musescore 99 chord 1", "ambi_glass_rub"),
    "Slow Tide": ("fluid 122 chord 0", "musescore 122 chord 0"),
    "Swarm": ("fluid 101 chord 0", "musescore 50 chord 2"),
    "Hollow Hall": ("fluid 19 chord 0", "musescore 53 chord 1"),
    "Reed Bed": ("musescore 16 chord 1", "fluid 90 chord 2"),
    "Thin Air": ("fluid 53 chord 2", "fluid 54 chord 3"),
    "Wandering Light": ("fluid 102 chord 1", "fluid 96 chord 2"),
    "Moon Road": ("ambi_lunar_land, begin", "fluid 103 chord 0"),
}
MOD_WHEEL = ("Still Water", "Slow Tide", "Glass Wind")


def named_knobs(knobs_of: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Knob values of every recipe; `knobs_of`: the knobs [LATENT] of training textures by source."""
    means = {name: np.mean([knobs_of[source] for source in recipe], axis=0) for name, recipe in RECIPES.items()}
    return {name: [round(float(v), 3) for v in np.clip(mean, -3.0, 3.0)] for name, mean in means.items()}


def _shelf(tags: list[str]) -> dict[str, Any]:
    return {
        "schema": 1, "id": "afterimage.texture-vae-gan", "name": "Texture VAE-GAN", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["texture", "drone", "ambient", *tags],
        "description": {
            "short": "Textures that never come round again.",
            "long": "Any key opens a drone on D that goes on as long as it is held, and no two stretches of it are "
            "alike. Sixteen knobs move between ambiences, pads, choirs, wind and rain.",
            "technical": "Variational autoencoder of two-second mel segments, finished with two critics. The decoder "
            "makes each frame by itself, from a latent and from paths of noise that are functions of time; the grain "
            "of a real noise is added where a texture is noisy. The encode graph takes two seconds and gives knobs.",
        },
        "citation": "Larsen, Sonderby, Larochelle, Winther 2016, Autoencoding beyond pixels using a learned "
        "similarity metric",
        "links": [], "license": "MIT OR Apache-2.0",
        "training_data": [
            {"name": "Fluid (R3) General MIDI SoundFont", "source": "Debian fluid-soundfont-gm", "license": "MIT"},
            {"name": "MuseScore General SoundFont", "source": "Debian musescore-general-soundfont",
             "license": "MIT"},
            {"name": "supersonic-scsynth-samples, ambiences and pads", "source": "npm supersonic-scsynth-samples",
             "license": "CC0-1.0"},
        ],
        "family": "vae-gan", "tasks": ["play", "transform"],
    }  # fmt: skip


def representation() -> dict[str, Any]:
    """What a frame is."""
    return {
        "kind": "mel", "sample_rate": SAMPLE_RATE, "channels": 1, "n_fft": N_FFT, "window": "hann", "hop": HOP,
        "bins": BANDS, "f_min": F_MIN, "f_max": F_MAX, "mel_scale": "slaney", "mel_norm": "none", "unit": "db",
        "reference": REFERENCE, "floor": FLOOR_DB, "gate": GATE_DB, "phase": "rtpghi", "power": 1.0, "center": True,
    }  # fmt: skip


def _tensor(name: str, shape: list[str | int], **more: Any) -> dict[str, Any]:
    return {"tensor": name, "role": name, "shape": shape, **more}


def _graphs() -> dict[str, Any]:
    frame = {"unit": "db", "range": [FLOOR_DB, 40.0]}
    knobs = _tensor("latent", ["batch", LATENT], range=[-3.0, 3.0])
    return {
        "decode": {
            "file": GRAPH, "frames_per_call": 1, "internal_model_latency": 0,
            "inputs": [
                knobs, _tensor("noise", ["batch", 1]),
                _tensor("time_on", ["batch", 1], unit="s", range=[0.0, LONGEST_S]),
            ],
            "outputs": [_tensor("frame", ["batch", BANDS], **frame)],
        },
        "encode": {
            "file": ENCODER, "frames_per_call": 1, "internal_model_latency": 0,
            "inputs": [_tensor("frame", ["batch", SEGMENT, BANDS], **frame, loudness=TARGET_LUFS)],
            "outputs": [knobs],
        },
    }  # fmt: skip


def manifest(
    space: Space, presets: dict[str, list[float]], metrics: list[dict[str, Any]], tags: list[str]
) -> dict[str, Any]:
    """The whole manifest. `presets`: name -> knob values. `metrics`: rows of name, value, set."""
    return _shelf(tags) | {
        "metrics": metrics,
        "representation": representation(),
        "graphs": _graphs(),
        "play": {
            "mode": "drone", "default_preset": MOD_WHEEL[0], "gain_db": GAIN_DB, "release_s": RELEASE_S,
            "mod_wheel_path": [presets[name] for name in MOD_WHEEL],
        },
        "latent": {
            "size": LATENT,
            "axes": space.axes,
            "presets": [{"name": name, "latent": values} for name, values in presets.items()],
        },
        "conditions": [],
    }  # fmt: skip
