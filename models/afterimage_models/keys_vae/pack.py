"""The manifest of the keys VAE, schema 1.

Shape: `schema`, `id`, `name`, `version`, `authors`, `tags`, `description`, `license`, `training_data`, `metrics`;
`family`, `tasks`, `representation`; `graphs.decode` with `file`, `inputs` and `outputs` as rows of `tensor`, `role`,
`shape`, `unit`, `range`; `play` with `mode`, `range`, `default_preset`, `mod_wheel_path` ([points][16] knob values
that the wheel travels linearly), `gain_db`, `release_s`; `latent` with `size`, `axes`, `presets`; `conditions`.
"""

from __future__ import annotations

from typing import Any

from ..spectrum import BINS, FLOOR_DB, GATE_DB, HOP, N_FFT, REFERENCE, SAMPLE_RATE
from .axes import Space
from .network import LATENT
from .presets import MOD_WHEEL

VERSION = "0.1.0"
PLAY_RANGE = [33, 99]
RELEASE_S = 0.8  # the decoder's own releases are shorter; the envelope only ends what rings on
GAIN_DB = 9.0  # a lone note at velocity 100 then plays at about -23 LUFS, a four-part chorale at about -20


def _tensor(name: str, shape: list[int | str], **more: Any) -> dict[str, Any]:
    return {"tensor": name, "role": name, "shape": shape, **more}


def _shelf() -> dict[str, Any]:
    technical = (
        "Pitch-conditioned variational autoencoder. The decoder is a stateless network over one frame: it predicts "
        "partial levels, a noise envelope, inharmonicity and partial width from latent, pitch, velocity and time, "
        "and draws log-amplitude STFT bins from them, so partials sit exactly on any fractional pitch."
    )
    return {
        "schema": 1, "id": "afterimage.keys-vae", "name": "Keys VAE", "version": VERSION,
        "authors": ["Afterimage contributors"], "tags": ["pitched", "struck", "bowed", "breath", "latent"],
        "description": {
            "short": "Struck moves to bowed moves to breath.",
            "long": "A latent space of pitched timbres, learned from rendered General MIDI notes. Sixteen knobs move "
            "between struck, bowed and breathed sounds and through those in between that no sampler holds.",
            "technical": technical,
        },
        "citation": "", "links": [], "license": "MIT OR Apache-2.0",
        "training_data": [
            {"name": "Fluid (R3) General MIDI SoundFont", "source": "Debian fluid-soundfont-gm", "license": "MIT"},
            {"name": "MuseScore General SoundFont", "source": "Debian musescore-general-soundfont", "license": "MIT"},
        ],
        "family": "vae", "tasks": ["play"],
    }  # fmt: skip


def _representation() -> dict[str, Any]:
    return {
        "kind": "log-amplitude", "sample_rate": SAMPLE_RATE, "channels": 1, "n_fft": N_FFT, "window": "hann",
        "hop": HOP, "bins": BINS, "f_min": 0.0, "f_max": SAMPLE_RATE / 2, "unit": "db", "reference": REFERENCE,
        "floor": FLOOR_DB, "gate": GATE_DB, "phase": "f0-lock", "power": 1.0, "center": True,
    }  # fmt: skip


def _decode_graph() -> dict[str, Any]:
    return {
        "file": "keys-vae.onnx", "frames_per_call": 1, "internal_model_latency": 0,
        "inputs": [
            _tensor("latent", ["batch", LATENT], range=[-3.0, 3.0]),
            _tensor("pitch", ["batch", 1], unit="midi_note", range=[21.0, 108.0]),
            _tensor("velocity", ["batch", 1], range=[0.0, 1.0]),
            _tensor("time_on", ["batch", 1], unit="s", range=[0.0, 3600.0]),
            _tensor("time_off", ["batch", 1], unit="s", range=[-1.0, 3600.0]),
        ],
        "outputs": [_tensor("frame", ["batch", BINS], unit="db", range=[FLOOR_DB, 6.0])],
    }  # fmt: skip


def manifest(space: Space, knobs: dict[str, list[float]], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole manifest. `knobs`: preset name -> 16 knob values. `metrics`: rows of name, value, set."""
    return _shelf() | {
        "metrics": metrics,
        "representation": _representation(),
        "graphs": {"decode": _decode_graph()},
        "play": {
            "mode": "pitched", "range": PLAY_RANGE, "default_preset": MOD_WHEEL[0],
            "mod_wheel_path": [knobs[name] for name in MOD_WHEEL], "gain_db": GAIN_DB, "release_s": RELEASE_S,
        },
        "latent": {
            "size": LATENT,
            "axes": space.axes,
            "presets": [{"name": name, "latent": values} for name, values in knobs.items()],
        },
        "conditions": [],
    }  # fmt: skip
