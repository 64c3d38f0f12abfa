"""Names for the knobs of a user's decoder: each axis is swept, and told by what it changes most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..latent_axes import unique_names
from .checks import Graph
from .latent import LatentSpace
from .listening import MEASURES, NOTICED, Ear, ear_of
from .tensors import of_role

ANCHORS, PROBES = 16, 96
SWEPT = 32  # axes at most: the others keep their order
STEP = 1.5  # knob units to each side, or as far as the knob goes
SEED = 7
FEW_DB = 0.1  # an axis that moves spectra by less does nothing
UNHEARD = "No effect"
NEAR_EQUAL = 0.85
# Where a decoder of single frames is heard, in seconds after the note began.
TIMES_S = (0.0, 0.01, 0.03, 0.08, 0.2, 0.4, 0.8, 1.5)
STEPS, STEP_S = 24, 0.01  # and so long one that carries state
AT_REST = {"pitch": 60.0, "velocity": 0.8, "time_off": -1.0, "state": 0.0}

Play = Callable[[np.ndarray], np.ndarray]
"""Knobs [n, size] to frames [n, frames, bins]."""


def named(space: LatentSpace, graph: Graph, representation: dict[str, Any], latents: np.ndarray | None) -> LatentSpace:
    """The space with its knobs in the order of their effect, each named by what it changes most and turned so that it
    makes more of it. A row's `module_axis` says which axis of the module it is, from 1 on, negative where it is turned.

    `graph`: the decoder, before it is turned. `latents` [n, size]: around which the knobs are tried. The space comes
    back as it is where frames are no spectrum, or where the decoder does not run on what is tried: the checks say why.
    """
    ear = ear_of(representation)
    if ear is None or not of_role(graph.inputs, "latent"):
        return space
    try:
        effects = _effects(space, _player(graph, space), ear, latents)
    except Exception:  # a module may raise whatever it likes; the checks that follow name it
        return space
    order = sorted(range(len(effects)), key=lambda i: -effects[i]["change_db"])
    order += range(len(effects), len(space.axes))
    return _ordered(space, effects, order)


def _player(graph: Graph, space: LatentSpace) -> Play:
    """The decoder as something that knobs play: pitch and velocity stand still, time runs where it is asked for, and
    states go on from the frame before.
    """
    into, out = ([i for i, row in enumerate(side) if row["role"] == "state"] for side in (graph.inputs, graph.outputs))
    steps = [n * STEP_S for n in range(STEPS)] if into else list(TIMES_S)
    if not into and not of_role(graph.inputs, "time_on"):
        steps = [TIMES_S[0]]
    frame = next(i for i, row in enumerate(graph.outputs) if row["role"] == "frame")

    def play(knobs: np.ndarray) -> np.ndarray:
        inner = space.to_inner(knobs).astype(np.float32)
        carried: dict[int, np.ndarray] = {}
        parts = []
        for time_s in steps:
            rest = AT_REST | {"time_on": time_s}
            values = [
                inner.reshape(len(inner), *example.shape[1:]) if row["role"] == "latent"
                else _rest(rest.get(row["role"]), example, len(inner))
                for row, example in zip(graph.inputs, graph.example, strict=True)
            ]  # fmt: skip
            made = graph.run([carried.get(index, value) for index, value in enumerate(values)])
            carried = {i: made[o] for i, o in zip(into, out, strict=False)}
            parts.append(made[frame].reshape(len(inner), -1, made[frame].shape[-1]))
        return np.concatenate(parts, axis=1)

    return play


def _rest(value: float | None, example: np.ndarray, rows: int) -> np.ndarray:
    """`rows` of a value, or of the example where none is known."""
    return np.repeat(example if value is None else np.full_like(example, value), rows, 0)


def _effects(space: LatentSpace, play: Play, ear: Ear, latents: np.ndarray | None) -> list[dict[str, Any]]:
    """Of each axis: the measure it changes most, by how much a knob unit, and how far that moves spectra."""
    rng, size = np.random.default_rng(SEED), len(space.axes)
    if latents is None:
        probes = rng.standard_normal((PROBES, size))
    else:
        probes = space.to_knobs(np.asarray(latents, np.float64)[rng.integers(0, len(latents), PROBES)])
    limits = np.array([[axis["min"], axis["max"]] for axis in space.axes])
    probes = np.clip(probes, limits[:, 0], limits[:, 1])
    spread = {name: float(np.nanstd(v)) if _known(v) else 0.0 for name, v in ear.measure(play(probes))[0].items()}
    out = []
    for axis in range(min(size, SWEPT)):
        ends = []
        for place in (max(-STEP, limits[axis, 0]), min(STEP, limits[axis, 1])):
            moved = probes[:ANCHORS].copy()
            moved[:, axis] = place
            ends.append((place, *ear.measure(play(moved))))
        (low_at, low, low_level), (high_at, high, high_level) = ends
        way = high_at - low_at
        apart = {name: high[name] - low[name] for name in spread}
        change = {name: float(np.nanmean(a)) / way if _known(a) else 0.0 for name, a in apart.items()}
        relative = {name: abs(value) / (spread[name] + NOTICED[name]) for name, value in change.items()}
        # What a tilt does to the centroid it does to the spread as well: of near equals the plainer word counts.
        best = next(n for n in MEASURES if relative.get(n, 0.0) >= NEAR_EQUAL * max(relative.values()))
        moved_db = float(np.sqrt(np.square(high_level - low_level).reshape(ANCHORS, -1).mean(1)).mean())
        out.append({"measure": best, "change": change[best], "change_db": moved_db})
    return out


def _known(values: np.ndarray) -> bool:
    """Whether most sounds have the measure at all: noises have no pitch."""
    return 2 * np.isfinite(values).sum() > len(values)


def _ordered(space: LatentSpace, effects: Sequence[dict[str, Any]], order: Sequence[int]) -> LatentSpace:
    size = len(space.axes)
    signs = np.ones(size)
    rows = []
    for index in order:
        row = dict(space.axes[index])
        if index < len(effects):
            effect = effects[index]
            unheard = effect["change_db"] < FEW_DB
            if effect["change"] < 0.0 and not unheard:
                signs[index] = -1.0
                row |= {"mean": 0.0 - row["mean"], "min": 0.0 - row["max"], "max": 0.0 - row["min"]}
            row |= _words(effect, unheard)
            if space.turn is None:
                row["module_axis"] = int(signs[index]) * (index + 1)
        rows.append(row)
    turn = np.eye(size) if space.turn is None else space.turn
    offset = np.zeros(size) if space.offset is None else space.offset
    turned = (signs[:, None] * turn)[list(order)]
    rows = unique_names(rows)
    if space.turn is None and np.array_equal(turned, np.eye(size)):
        return LatentSpace(rows)
    return LatentSpace(rows, turned, offset)


def _words(effect: dict[str, Any], unheard: bool) -> dict[str, Any]:
    moved = {"spectral_change_db": round(effect["change_db"], 2)}
    if unheard:
        return {"name": UNHEARD, "descriptor": "", "effect": 0.0, "unit": "", **moved}
    measure = MEASURES[effect["measure"]]
    return {
        "name": measure.name, "descriptor": effect["measure"], "effect": round(abs(effect["change"]), 4),
        "unit": measure.unit, "meaning": measure.meaning, **moved,
    }  # fmt: skip
