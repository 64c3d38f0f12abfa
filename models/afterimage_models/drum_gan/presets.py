"""The named kits of the pack: points of the latent space, told by what their axes change."""

from __future__ import annotations

from ..latent_axes import recipe_knobs
from .axes import Space

# Name -> position on the axis that changes a measure of `axes.MEASURES` most, in standard deviations. A measure that
# no axis is named after is passed over.
RECIPES: dict[str, dict[str, float]] = {
    "Plain Kit": {},
    "Deep Floor": {"pitch": -1.4, "tail": 0.5},
    "Small Skin": {"pitch": 1.4, "tail": -0.4},
    "Paper Box": {"grit": 1.3, "tail": -0.7},
    "Tuned Steel": {"peak": 1.4, "grit": -0.7},
    "Short Sand": {"tail": -1.4, "grit": 0.6},
    "Long Room": {"tail": 1.4, "punch": -0.4},
    "Hard Stick": {"punch": 1.3, "click": 0.8},
    "Soft Felt": {"punch": -1.3, "click": -0.8},
    "Hollow Cask": {"body": 1.4, "air": -0.5},
    "Thin Tin": {"body": -1.2, "air": 0.9},
    "Dark Cloth": {"air": -1.4, "click": -0.5},
    "Wide Wash": {"width": 1.4, "grit": 0.4},
    "Falling Drum": {"swing": 1.5, "peak": 0.5},
}


def named_knobs(space: Space) -> dict[str, list[float]]:
    """Knob values [LATENT] of every recipe."""
    return {name: recipe_knobs(recipe, space.axes) for name, recipe in RECIPES.items()}
