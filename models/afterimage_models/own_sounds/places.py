"""The presets of a pack of own sounds: its timbres, points between neighbours, and moves along the named knobs."""

from __future__ import annotations

from itertools import combinations

import numpy as np

PRESETS = 12
LIMIT = 3.0
STEP = 1.5  # knob units, as the axes were measured over
WHEEL_POINTS = 3


def presets(timbres: dict[str, np.ndarray], axes: list[str]) -> dict[str, list[float]]:
    """Knob values [16] by name: all timbres; up to PRESETS in all, nearest neighbours' middles, then moved knobs.

    `timbres`: name -> knobs [16]. `axes`: names of the knobs, those of most effect first.
    """
    out = dict(timbres)
    pairs = sorted(combinations(timbres, 2), key=lambda ab: float(np.linalg.norm(timbres[ab[0]] - timbres[ab[1]])))
    for a, b in pairs[: max(PRESETS - len(out), 0)]:
        out[f"{a} / {b}"] = 0.5 * (timbres[a] + timbres[b])
    for axis, sign, name in ((i, s, n) for i, n in enumerate(axes) for s in (1.0, -1.0) for n in timbres):
        if len(out) >= PRESETS:
            break
        moved = timbres[name].copy()
        moved[axis] += sign * STEP
        out[f"{name}, {'more' if sign > 0 else 'less'} {axes[axis]}"] = moved
    return {name: [round(float(v), 3) for v in np.clip(knobs, -LIMIT, LIMIT)] for name, knobs in out.items()}


def wheel(timbres: dict[str, np.ndarray], named: dict[str, list[float]]) -> tuple[str, ...]:
    """Presets that the mod wheel travels: from the first timbre each time to the nearest one that is left."""
    path = [next(iter(timbres))]
    while len(path) < min(WHEEL_POINTS, len(timbres)):
        left = [n for n in timbres if n not in path]
        path.append(min(left, key=lambda n: float(np.linalg.norm(timbres[n] - timbres[path[-1]]))))
    if len(path) == 1:
        path.append(next(n for n in named if n not in timbres))
    return tuple(path)
