"""The contact sheet of a pack of own sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..keys_vae.pack import SHELF
from ..note_data import RenderedNote
from ..pitched import sheet
from ..pitched.player import PackPlayer
from ..spectrum import SAMPLE_RATE, spectrogram
from .base import Knobs
from .card import Result

SHEET_TIMBRES = 4


def panels(
    packs: tuple[Path, Path], knobs: tuple[Knobs, Knobs], results: list[Result], heard: dict[str, RenderedNote]
) -> list[tuple[str, np.ndarray]]:
    """For some timbres a sound, the shipped pack and this one; then along the start of the wheel.

    `packs`, `knobs`: of the shipped model, then of the own sounds. `heard`: the notes by file.
    """
    base, own = (PackPlayer(folder) for folder in packs)
    first = {r.sound.timbre: r.sound for r in results}
    out: list[tuple[str, np.ndarray]] = []
    for timbre in list(first)[:SHEET_TIMBRES]:
        note = heard[first[timbre].file]
        silence = np.zeros(max(int(sheet.SECONDS * SAMPLE_RATE) - len(note.audio), 0), np.float32)
        out += [
            (f"original: {first[timbre].file}", spectrogram(np.concatenate([note.audio, silence]))),
            (f"{SHELF.name} before: {timbre}", sheet.heard(base, knobs[0][timbre], note.pitch, note.hold_s)),
            (f"after: {timbre}", sheet.heard(own, knobs[1][timbre], note.pitch, note.hold_s)),
        ]
    a, b = (np.array(own.manifest["play"]["mod_wheel_path"][i]) for i in (0, 1))
    return out + [(f"wheel: {s:.1f}", sheet.heard(own, (1 - s) * a + s * b, 60.0)) for s in (0.0, 0.5, 1.0)]
