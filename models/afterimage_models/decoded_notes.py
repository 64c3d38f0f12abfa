"""What a shipped decoder gives for a note, run here: magnitudes as the plugin's own code would read them.

Inputs are filled by their roles as `plugin/crates/neural/src/decoder.rs` fills them: the default preset, full velocity,
conditions at their defaults, and noise by the counter RNG from seed and draw.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .onnx_session import open_session
from .reference import scales
from .reference.bands import BandInverse, log_frequency_bank, mel_bank
from .reference.counter_rng import LATENT, Stream
from .reference.harmonic_noise import HarmonicNoise
from .reference.stft import Spec

Real = NDArray[np.float64]

SEED = 1  # the plugin's, until a session says otherwise
NOISE_CHANNEL = 1
BAND_STEPS = 2  # non-negative steps after the matrix, as the plugin makes them
HEAD = 2  # values before the partials of a harmonic-noise frame: f0 and inharmonicity


@dataclass(frozen=True)
class PlayedNote:
    """A note of a score: its draw, key, class label and how many frames are wanted."""

    draw: int
    key: int
    label: int
    frames: int


class PackDecoder:
    """A pack's decode graph in ONNX Runtime, at its default preset."""

    def __init__(self, folder: Path) -> None:
        """Raise OSError or onnxruntime's own errors where the pack cannot be read."""
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.representation = self.manifest["representation"]
        self.graph = self.manifest["graphs"]["decode"]
        self.session = open_session(folder / self.graph["file"])
        self.spec = Spec(self.representation["n_fft"], self.representation["hop"])
        self.rate = self.representation["sample_rate"]

    def knobs(self) -> Real:
        """The default preset in the units of knobs, `[size]`."""
        presets, name = self.manifest["latent"]["presets"], self.manifest["play"]["default_preset"]
        return np.array(next(preset["latent"] for preset in presets if preset["name"] == name), np.float64)

    def latent(self) -> Real:
        """The same as the tensor takes it."""
        axes = zip(self.manifest["latent"]["axes"], self.knobs(), strict=True)
        return np.array([axis["mean"] + axis["std"] * np.clip(knob, axis["min"], axis["max"]) for axis, knob in axes])

    def magnitudes(self, note: PlayedNote) -> Real:
        """`[frames, bins]`, linear; silent after the end of a hit."""
        per_call = self.graph["frames_per_call"]
        rows = 1 if per_call > 1 else note.frames
        (output,) = self.session.run([self.graph["outputs"][0]["tensor"]], self._inputs(note, rows))
        values = np.asarray(output, np.float64).reshape(-1, output.shape[-1])[: note.frames]
        found = to_magnitudes(self.representation, values)
        return np.concatenate([found, np.zeros((note.frames - len(found), self.spec.bins))])

    def _inputs(self, note: PlayedNote, rows: int) -> dict[str, NDArray]:
        continuous = [c for c in self.manifest["conditions"] if c["kind"] == "continuous"]
        noise = Stream(SEED, LATENT, note.draw, NOISE_CHANNEL)
        time_on = np.arange(rows) * self.spec.hop / self.rate
        by_role = {
            "latent": lambda width: self.latent()[:width],
            "noise": lambda width: [noise.gaussian_at(n) for n in range(width)],
            "pitch": lambda width: [note.key],
            "velocity": lambda width: [1.0],
            "time_off": lambda width: [-1.0],
            "class": lambda width: [note.label],
            "descriptor": lambda width: [c["default"] for c in continuous],
        }
        inputs = {}
        for tensor in self.graph["inputs"]:
            width = tensor["shape"][-1]
            if tensor["role"] == "time_on":
                values = time_on[:, None]
            else:
                values = np.tile(np.asarray(by_role[tensor["role"]](width), np.float64), (rows, 1))
            inputs[tensor["tensor"]] = values.astype(self._element(tensor["tensor"]))
        return inputs

    def _element(self, name: str) -> str:
        kinds = {tensor.name: tensor.type for tensor in self.session.get_inputs()}
        return {"tensor(int64)": "int64", "tensor(int32)": "int32"}.get(kinds[name], "float32")


def to_magnitudes(representation: dict, values: Real) -> Real:
    """Raw STFT magnitudes `[frames, bins]` of a representation's values, by the NumPy reference."""
    r = representation
    unit = {"db": "db", "ln": "ln", "log1p": "log1p", "linear": "linear"}[r["unit"]]
    power = int(r["power"])
    head = HEAD if r["kind"] == "harmonic-noise" else 0
    quantity = scales.values_to_quantity(values[:, head:], unit, power, r["gate"]) * r["reference"] ** power
    if r["kind"] in ("linear", "log-amplitude"):
        return quantity ** (1.0 / power)
    if r["kind"] == "harmonic-noise":
        noise_bands = r["bins"] - HEAD - r["partials"]
        model = HarmonicNoise(r["sample_rate"], r["n_fft"], r["partials"], noise_bands, r["f_min"], r["f_max"])
        return np.array([model.render(row, *start) for row, start in zip(quantity, values[:, :HEAD], strict=True)])
    sizes = (r["sample_rate"], r["n_fft"], r["bins"], r["f_min"], r["f_max"])
    bank = mel_bank(*sizes, r["mel_scale"], r["mel_norm"]) if r["kind"] == "mel" else log_frequency_bank(*sizes)
    return BandInverse(bank, power).apply(quantity, BAND_STEPS)
