"""The named sounds of a pack: timbres of the training set and points between them."""

from __future__ import annotations

import numpy as np

from ..soundfonts import FONTS, PROGRAMS
from .axes import Posterior, Space, preset_latent
from .note_set import NoteSet

KNOB_LIMIT = 3.0
Recipes = dict[str, list[tuple[int, float]]]
"""Name -> (General MIDI program of the fluid font, weight); several programs make a point between them."""


def preset_index(font: str, program: int) -> int:
    """Row of a preset in the data's table."""
    return list(FONTS).index(font) * len(PROGRAMS) + PROGRAMS.index(program)


def named_knobs(recipes: Recipes, posterior: Posterior, notes: NoteSet, space: Space) -> dict[str, list[float]]:
    """Knob values [16] of every recipe, rounded to what a host shows, inside the knobs' range."""
    out = {}
    for name, parts in recipes.items():
        weights = np.array([w for _, w in parts])
        latents = np.stack([preset_latent(posterior, notes, preset_index("fluid", program)) for program, _ in parts])
        knobs = space.to_knobs((weights[:, None] * latents).sum(0, keepdims=True) / weights.sum())[0]
        out[name] = [round(float(v), 3) for v in np.clip(knobs, -KNOB_LIMIT, KNOB_LIMIT)]
    return out
