"""Perceived timbre by the regression models of AudioCommons, which were fitted to listeners' ratings.

Source: Pearce, Safavi, Brookes, Mason, Wang, Plumbley 2019, "Release of timbral characterisation tools for
semantically annotating non-musical content", AudioCommons deliverable D5.8; PyPI `timbral_models`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from ..loudness import max_momentary_lufs

MATCHED_LUFS = -23.0
SILENCE_AFTER_S = 0.2  # the onset detector wants room


def _by_name(function: Any) -> Any:
    """The same function taking `y` and `sr` by position, as librosa did when the models were written."""

    def call(y: Any = None, sr: float = 22_050, **rest: Any) -> Any:
        return function(y=y, sr=sr, **rest)

    return call


@contextmanager
def _names_of_2019() -> Iterator[Any]:
    """The package `timbral_models` with the names of NumPy and librosa that it was written for."""
    import librosa

    onset = librosa.onset
    with (
        warnings.catch_warnings(),
        mock.patch.object(np.lib, "pad", np.pad, create=True),
        mock.patch.object(onset, "onset_detect", _by_name(onset.onset_detect)),
        mock.patch.object(onset, "onset_strength", _by_name(onset.onset_strength)),
    ):
        warnings.simplefilter("ignore")
        import timbral_models

        yield timbral_models


MODELS = {
    "brightness": "timbral_brightness", "boominess": "timbral_booming", "hardness": "timbral_hardness",
    "roughness": "timbral_roughness", "depth": "timbral_depth", "warmth": "timbral_warmth",
}  # fmt: skip


def timbre(audio: np.ndarray, names: tuple[str, ...], sample_rate: int = 48_000) -> dict[str, float]:
    """Each named attribute (about 0 to 100) of a sound [samples], with its loudness matched first; NaN if it fails."""
    gain = 10.0 ** ((MATCHED_LUFS - max_momentary_lufs(audio, sample_rate)) / 20.0)
    padded = np.concatenate([audio.astype(np.float64) * gain, np.zeros(int(SILENCE_AFTER_S * sample_rate))])
    found = {}
    with _names_of_2019() as package:
        for name in names:
            try:
                found[name] = float(getattr(package, MODELS[name])(padded.copy(), fs=sample_rate))
            except (ValueError, IndexError, ZeroDivisionError):  # what the models raise on a sound they cannot read
                found[name] = float("nan")
    return found
