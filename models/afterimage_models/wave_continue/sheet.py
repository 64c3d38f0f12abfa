"""The contact sheet: held-out sounds as they really went on, and beside them as the model did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import stft

from .free_runs import HEARD_S, RUN_S, named_prompts
from .network import SAMPLE_RATE
from .sound_set import SoundSet

N_FFT, HOP = 1024, 256
RANGE_DB = 80.0


def levels_db(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies, times and levels [bins, frames] in dB of full scale."""
    hz, seconds, spectrum = stft(sound, SAMPLE_RATE, nperseg=N_FFT, noverlap=N_FFT - HOP)
    return hz, seconds, 20.0 * np.log10(np.abs(spectrum) * 2.0 + 1e-7)


def draw(sounds: SoundSet, work: Path, path: Path) -> None:
    """Write one row a label from the runs under `work`: a line where the prompt ends."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    first_of_label = {}
    for name, clip, first in named_prompts(sounds):
        first_of_label.setdefault(sounds.labels[clip.label], (name, clip, first))
    figure, axes = plt.subplots(len(first_of_label), 2, figsize=(13, 1.75 * len(first_of_label)), squeeze=False)
    span = round((HEARD_S + RUN_S) * SAMPLE_RATE)
    for row, (label, (name, clip, first)) in zip(axes, first_of_label.items(), strict=True):
        made, _ = soundfile.read(work / "made" / label / f"{name}.wav", dtype="float32")
        pairs = ((clip.sound[first : first + span], f"{label}: as it was"), (made, f"{label}: continued"))
        for axis, (sound, title) in zip(row, pairs, strict=True):
            hz, seconds, shown = levels_db(sound)
            axis.pcolormesh(seconds, hz[1:], shown[1:], vmin=-RANGE_DB - 10.0, vmax=-10.0, cmap="magma", shading="auto")
            axis.axvline(HEARD_S, color="cyan", linewidth=0.8)
            axis.set_yscale("log")
            axis.set_ylim(60, SAMPLE_RATE / 2)
            axis.set_xlim(0, HEARD_S + RUN_S)
            axis.set_title(title, fontsize=8, pad=2)
            axis.tick_params(labelsize=6)
    figure.tight_layout(pad=0.5)
    figure.savefig(path, dpi=72)
    plt.close(figure)
