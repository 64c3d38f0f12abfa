"""Held keys in slots of one long render: what the plugin is asked to play, and the textures cut out of its WAV."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..judges.layout import read_mono
from ..plugin_render import render_plugin
from ..spectrum import SAMPLE_RATE
from .network import LATENT

LEAD_IN_S, GAP_S, KEY = 0.5, 2.0, 50
KNOB_MOVE_S = 0.1  # before note-on, when the release of the one before has ended
SETTLE_S = 0.5  # after note-on, where the envelope is open
KNOB_LIMIT = 3.0


@dataclass
class DroneScore:
    """Knobs of every slot, all of one length. `hold_s`: seconds that are cut out, after SETTLE_S."""

    hold_s: float
    knobs: list[np.ndarray] = field(default_factory=list)

    def add(self, knobs: np.ndarray) -> None:
        """Append a texture at `knobs` [LATENT]."""
        self.knobs.append(np.clip(knobs, -KNOB_LIMIT, KNOB_LIMIT))

    def start_s(self, index: int) -> float:
        """When a key goes down."""
        return LEAD_IN_S + index * (SETTLE_S + self.hold_s + GAP_S)

    def seconds(self) -> float:
        """Length of the render."""
        return self.start_s(len(self.knobs)) + 0.3

    def automation(self) -> dict:
        """Automation file: knobs as steps between the notes, full velocity, no drift."""
        curves: dict[str, list] = {"drift": [[0.0, 0.0]]}
        for axis in range(LATENT):
            curves[f"latent_{axis + 1}"] = self._steps([(k[axis] / KNOB_LIMIT + 1.0) / 2.0 for k in self.knobs])
        starts = [self.start_s(index) for index in range(len(self.knobs))]
        return {"parameters": curves, "notes": [[s, s + SETTLE_S + self.hold_s, KEY, 1.0, 0.0] for s in starts]}

    def _steps(self, values: list[float]) -> list[list[float]]:
        points: list[list[float]] = []
        for index, value in enumerate(values):
            at = max(self.start_s(index) - KNOB_MOVE_S, 0.0)
            if points:
                points.append([at, points[-1][1]])
            points.append([at, float(value)])
        return points

    def play(self, xtask: str, pack: Path, folder: Path, name: str) -> tuple[list[np.ndarray], int]:
        """The textures [samples at 48 kHz] as the plugin plays them, and how many frames were late."""
        folder.mkdir(parents=True, exist_ok=True)
        automation, wav = folder / f"{name}.automation.json", folder / f"{name}.wav"
        automation.write_text(json.dumps(self.automation()))
        late = render_plugin(xtask.split(), pack, automation, self.seconds(), wav)
        audio, size = read_mono(wav), round(self.hold_s * SAMPLE_RATE)
        firsts = [round((self.start_s(i) + SETTLE_S) * SAMPLE_RATE) for i in range(len(self.knobs))]
        return [audio[first : first + size] for first in firsts], late
