"""The named sounds of the keys VAE."""

from __future__ import annotations

from ..pitched.presets import Recipes

RECIPES: Recipes = {
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
