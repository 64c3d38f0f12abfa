"""Hits in slots of one long render: what the plugin is asked to play, and the hits cut out of its WAV."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..judges.layout import read_mono
from ..plugin_render import render_plugin
from ..spectrum import SAMPLE_RATE
from .descriptors import NAMES
from .frames import LENGTH, LENGTH_S
from .kit import PIECES

LEAD_IN_S, SLOT_S, HOLD_S = 0.5, LENGTH_S + 0.226, 0.1
KNOB_MOVE_S = 0.06  # before note-on, when the hit before has ended
KNOB_LIMIT = 3.0
BEFORE_S = 0.05


@dataclass(frozen=True)
class Played:
    """A hit cut from a WAV: `audio` [LENGTH] from note-on, `before` what is heard just ahead of it."""

    audio: np.ndarray
    before: np.ndarray


@dataclass
class HitScore:
    """Class, knobs and descriptors of each slot's hit."""

    labels: list[int] = field(default_factory=list)
    latents: list[np.ndarray] = field(default_factory=list)
    knobs: list[np.ndarray] = field(default_factory=list)

    def add(self, label: int, latent: np.ndarray, knobs: np.ndarray | float = 0.5) -> None:
        """Append a hit; `latent` [size] in knob units, `knobs` [descriptors] from 0 to 1, or one for all."""
        self.labels.append(int(label))
        self.latents.append(np.clip(latent, -KNOB_LIMIT, KNOB_LIMIT))
        self.knobs.append(np.clip(np.broadcast_to(knobs, len(NAMES)), 0.0, 1.0))

    def start_s(self, index: int) -> float:
        """When a hit's key goes down."""
        return LEAD_IN_S + SLOT_S * index

    def seconds(self) -> float:
        """Length of the render."""
        return self.start_s(len(self.labels)) + 0.3

    def automation(self) -> dict:
        """Automation file: knobs as steps between the hits, full velocity, no drift."""
        axes = np.array(self.latents).T
        places = {f"latent_{i + 1}": ((row / KNOB_LIMIT + 1.0) / 2.0).tolist() for i, row in enumerate(axes)}
        places |= {f"descriptor_{i + 1}": [v[i] for v in self.knobs] for i in range(len(NAMES))}
        curves = {"drift": [[0.0, 0.0]]} | {name: self._steps(values) for name, values in places.items()}
        notes = [
            [self.start_s(n), self.start_s(n) + HOLD_S, PIECES[label].keys[0], 1.0, 0.0]
            for n, label in enumerate(self.labels)
        ]
        return {"parameters": curves, "notes": notes}

    def _steps(self, values: list[float]) -> list[list[float]]:
        points: list[list[float]] = []
        for index, value in enumerate(values):
            at = max(self.start_s(index) - KNOB_MOVE_S, 0.0)
            if points:
                points.append([at, points[-1][1]])
            points.append([at, float(value)])
        return points

    def play(self, xtask: str, pack: Path, folder: Path, name: str) -> tuple[list[Played], int]:
        """The hits as the plugin plays them, and how many frames were late."""
        folder.mkdir(parents=True, exist_ok=True)
        automation, wav = folder / f"{name}.automation.json", folder / f"{name}.wav"
        automation.write_text(json.dumps(self.automation()))
        late = render_plugin(xtask.split(), pack, automation, self.seconds(), wav)
        return cut(read_mono(wav), len(self.labels)), late


def cut(audio: np.ndarray, count: int) -> list[Played]:
    """The hits of a rendered score."""
    out = []
    for index in range(count):
        start = round((LEAD_IN_S + SLOT_S * index) * SAMPLE_RATE)
        before = audio[start - int(BEFORE_S * SAMPLE_RATE) : start]
        out.append(Played(np.ascontiguousarray(audio[start : start + LENGTH]), before))
    return out
