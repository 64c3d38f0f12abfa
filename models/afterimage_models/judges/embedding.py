"""Sounds as points of a space learned elsewhere, on effects libraries: distances there forgive no smear and no haze.

Source: Ma, Lerch 2022, "Representation learning for the automatic indexing of sound effects libraries", ISMIR;
PyPI `aisfx`, whose weights come in its wheel.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile

from ..spectrum import SAMPLE_RATE

SIZE = 512


def embed(sounds: list[np.ndarray]) -> np.ndarray:
    """[sounds, SIZE] of mono sounds [samples] at 48 kHz, each judged by its first 2.3 s, level normalised."""
    import torch
    from aisfx import inference
    from aisfx.spectrogram import spectrogram_librosa

    # A pickle, not bare tensors; it comes in the wheel whose code runs here too, so it is trusted as that is.
    weights, data_sets = torch.load(inference.get_path_modelWeights(), map_location="cpu", weights_only=False)
    model = inference.load_bestModel(weights, data_sets, "cpu")
    rows = []
    for sound in sounds:
        file = io.BytesIO()
        soundfile.write(file, sound.astype(np.float32), SAMPLE_RATE, format="WAV", subtype="FLOAT")
        file.seek(0)
        levels = spectrogram_librosa.compute_spectrogram(
            file, inference.SAMPLE_RATE, inference.SPEC_BLOCK_LENGTH, inference.SPEC_HOP_LENGTH, inference.MEL_BINS,
            inference.F_MIN, inference.F_MAX,
        )  # fmt: skip
        frames = np.zeros((inference.EMB_BLOCK_LENGTH, inference.MEL_BINS), np.float32)
        part = inference.spectrogram_normalize(levels.T)[: len(frames)]
        frames[: len(part)] = part
        with torch.no_grad():
            rows.append(model.get_embedding(torch.from_numpy(frames)[None])[0].numpy())
    return np.stack(rows)
