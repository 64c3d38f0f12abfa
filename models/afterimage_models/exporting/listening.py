"""What a decoder's latent does to its sound: frames read as levels over frequency and time, and measured.

Descriptors are plain sums over spectra, near to what their names say for most sounds; nothing is made audible for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..latent_axes import Measure
from ..reference.bands import mel_edges

GATE_DB = 70.0  # under the loudest cell of a sound nothing counts
PEAK_DB, AROUND = 9.0, 8  # bins to both sides
EARLY, LATE = 0.25, 0.5  # shares of a sound's time
LEVEL_CHANGE = 10.0 / np.log(10.0)
MEASURES = {
    "brightness": Measure("Brightness", "centroid of the power", "octaves"),
    "level": Measure("Level", "power of the loudest frame", "dB"),
    "pitch": Measure("Pitch", "frequency of the loudest bin", "octaves"),
    "decay": Measure("Decay", "power of the second half relative to the first quarter", "dB"),
    "attack": Measure("Attack", "time until half of the loudest power, as a share of the sound", "share"),
    "noisiness": Measure("Noise", "flatness of the spectrum", "dB"),
    "width": Measure("Width", "spread of the power over frequency", "octaves"),
}
NOTICED = {
    "brightness": 0.02, "level": 0.5, "pitch": 0.02, "decay": 1.0, "attack": 0.02, "noisiness": 0.2, "width": 0.02,
}  # fmt: skip
"""What of each is hardly noticed: no axis is named after less, however alike a decoder's sounds are otherwise."""
PRESETS: dict[str, dict[str, Any]] = {
    "librosa-stft": {"kind": "linear", "sample_rate": 22_050, "unit": "linear", "power": 1.0},
    "librosa-melspectrogram": {
        "kind": "mel", "sample_rate": 22_050, "unit": "linear", "power": 2.0,
        "mel_scale": "slaney",
    },
    "torchaudio-spectrogram": {
        "kind": "linear", "sample_rate": 16_000, "unit": "linear", "power": 2.0,
    },
    "torchaudio-melspectrogram": {
        "kind": "mel", "sample_rate": 16_000, "unit": "linear", "power": 2.0, "mel_scale": "htk",
    },
}  # fmt: skip
"""What the presets of `spectral/representation/presets.rs` say of an axis and a unit."""


@dataclass(frozen=True)
class Ear:
    """Frames of a representation to levels: `hz` [bins] of its axis, `to_db` from its values."""

    hz: np.ndarray
    to_db: Callable[[np.ndarray], np.ndarray]

    def measure(self, frames: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """MEASURES [n] of sounds [n, frames, bins], and their gated levels in dB. Time is measured from 4 frames on; a
        sound without a peak has no pitch, which is NaN.
        """
        level = self.to_db(frames.astype(np.float64))
        loudest = level.max((1, 2), keepdims=True)
        gated = np.maximum(level, loudest - GATE_DB)
        power = 10.0 ** ((gated - loudest) / 10.0) * (gated > loudest - GATE_DB)
        octaves = np.log2(self.hz)
        over_hz, over_time = power.sum(1), power.sum(2)
        total = over_hz.sum(1) + 1e-12
        centre = (over_hz * octaves).sum(1) / total
        tones = gated.mean(1) - gated.mean((1, 2))[:, None]
        found = {
            "brightness": centre,
            "level": LEVEL_CHANGE * np.log(over_time.max(1) + 1e-12) + loudest[:, 0, 0],
            "pitch": np.where(_stands_out(over_hz), octaves[over_hz.argmax(1)], np.nan),
            "noisiness": -np.sqrt(np.square(tones).mean(1)),
            "width": np.sqrt((over_hz * np.square(octaves - centre[:, None])).sum(1) / total),
        }
        count = level.shape[1]
        if count >= 4:
            early = over_time[:, : int(EARLY * count)].mean(1)
            late = over_time[:, int(LATE * count) :].mean(1)
            found["decay"] = LEVEL_CHANGE * np.log((late + 1e-7) / (early + 1e-7))
            found["attack"] = (over_time >= 0.5 * over_time.max(1, keepdims=True)).argmax(1) / count
        return found, gated


def _stands_out(over_hz: np.ndarray) -> np.ndarray:
    """Whether the loudest bin of spectra [n, bins] stands PEAK_DB over the middle of those around it: no slope does."""
    peak = over_hz.argmax(1)
    around = np.clip(peak[:, None] + np.arange(-AROUND, AROUND + 1), 0, over_hz.shape[1] - 1)
    middle = np.median(np.take_along_axis(over_hz, around, 1), axis=1)
    return over_hz.max(1) > (middle + 1e-12) * 10.0 ** (PEAK_DB / 10.0)


def ear_of(representation: dict[str, Any]) -> Ear | None:
    """How frames of a manifest's `representation` are heard; None for those that are no spectrum over frequency."""
    given = PRESETS.get(representation.get("preset", ""), {}) | representation
    kind, rate, bins = given.get("kind"), given.get("sample_rate"), given.get("bins")
    if kind not in ("linear", "log-amplitude", "log-frequency", "mel") or not rate or not bins:
        return None
    return Ear(_axis(given, kind, float(rate), int(bins)), _decibels(given))


def _axis(given: dict[str, Any], kind: str, rate: float, bins: int) -> np.ndarray:
    low, high = float(given.get("f_min", 0.0)), float(given.get("f_max") or rate / 2)
    if kind == "mel":
        return mel_edges(bins, low, high, given.get("mel_scale", "slaney"))[1:-1]
    if kind == "log-frequency":
        return np.geomspace(max(low, 1.0), high, bins)
    return np.maximum(np.arange(bins), 0.5) * rate / 2 / max(bins - 1, 1)


def _decibels(given: dict[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    power = float(given.get("power", 1.0))
    unit = given.get("unit", "db" if given.get("kind") == "log-amplitude" else "linear")
    if unit == "db":
        return lambda values: np.maximum(values, -200.0)
    if unit == "ln":
        # Nepers of an amplitude or of a power; log1p bends only what is quiet.
        return lambda values: np.maximum(20.0 / power / np.log(10.0) * values, -200.0)
    return lambda values: 20.0 / power * np.log10(np.maximum(values, 0.0) + 1e-10)
