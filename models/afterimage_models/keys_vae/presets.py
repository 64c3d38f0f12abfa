"""The named sounds of the pack: timbres of the training set and points between them."""

from __future__ import annotations

import numpy as np

from ..soundfonts import FONTS, PROGRAMS
from .axes import Space, preset_latent
from .network import Encoder
from .note_set import NoteSet

KNOB_LIMIT = 3.0
# name -> (General MIDI program of the fluid font, weight); several programs make a point between them.
RECIPES: dict[str, list[tuple[int, float]]] = {
    "First Light": [(108, 0.3), (11, 0.4), (46, 0.1), (48, 0.2)],
    "Bowed Metal": [(42, 0.5), (11, 0.35), (48, 0.15)],
    "Breath Choir": [(75, 0.55), (79, 0.45)],
    "Glass Harp": [(8, 0.5), (89, 0.5)],
    "Thumb Rain": [(108, 0.5), (45, 0.5)],
    "Reed Ghost": [(71, 0.6), (79, 0.4)],
    "Long String": [(42, 0.7), (49, 0.3)],
    "Paper Flute": [(73, 0.6), (74, 0.4)],
    "Copper Koto": [(107, 0.7), (104, 0.3)],
    "Slow Brass": [(60, 0.6), (61, 0.4)],
    "Wire Lute": [(24, 0.5), (46, 0.5)],
    "Hollow Wood": [(12, 0.6), (71, 0.4)],
    "Held Voice": [(85, 0.6), (91, 0.4)],
    "Night Bell": [(10, 0.6), (88, 0.4)],
}
MOD_WHEEL = ("First Light", "Bowed Metal", "Breath Choir")


def preset_index(font: str, program: int) -> int:
    """Row of a preset in the data's table."""
    return list(FONTS).index(font) * len(PROGRAMS) + PROGRAMS.index(program)


def named_knobs(encoder: Encoder, notes: NoteSet, space: Space) -> dict[str, list[float]]:
    """Knob values [16] of every recipe, rounded to what a host shows, inside the knobs' range."""
    out = {}
    for name, parts in RECIPES.items():
        weights = np.array([w for _, w in parts])
        latents = np.stack([preset_latent(encoder, notes, preset_index("fluid", program)) for program, _ in parts])
        knobs = space.to_knobs((weights[:, None] * latents).sum(0, keepdims=True) / weights.sum())[0]
        out[name] = [round(float(v), 3) for v in np.clip(knobs, -KNOB_LIMIT, KNOB_LIMIT)]
    return out
