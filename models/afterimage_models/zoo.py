"""The table of the zoo: what each shipped model must reach on held-out sounds, and what was measured.

`python -m afterimage_models zoo` reads the metrics that every model's `evaluate` wrote beside its pack, and says with
which commit and on which day they came. Nothing is measured here.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

MISSED, MET, UNKNOWN = "missed", "met", "not measured"


@dataclass(frozen=True)
class Goal:
    """One demand on one model. `place`: part of the metric's set; `bound`: a number, or another (metric, place)."""

    model: str
    metric: str
    place: str
    bound: float | tuple[str, str]
    at_most: bool


def _least(model: str, metric: str, place: str, bound: float | tuple[str, str]) -> Goal:
    return Goal(model, metric, place, bound, at_most=False)


def _most(model: str, metric: str, place: str, bound: float | tuple[str, str]) -> Goal:
    return Goal(model, metric, place, bound, at_most=True)


GOALS = (
    _most("keys-vae", "log_spectral_distance_db", "held out presets, ", 3.0),
    _most("keys-vae", "log_spectral_distance_db", "held out keys, ", 3.0),
    _least("keys-vae", "share_within_25_cents", "held out presets, ", 0.99),
    _most("keys-vae", "loudness_spread_lu", "shipped", 1.5),
    _least("drum-gan", "control_r", "within classes", 0.85),
    _most("drum-gan", "off_target", "worst", 1 / 3),
    _most("drum-gan", "kernel_distance_over_real_upper", "held out", 3.0),
    _least("drum-gan", "recall", "held out", 0.6),
    _most("drum-gan", "copies", "training", 0.0),
    _most("tune-lstm", "nats_a_token", "held-out", 0.85),
    _most("tune-lstm", "in_key_share_largest_difference", "drawn", 0.04),
    _most("tune-lstm", "longest_copy_notes_median", "drawn", 7.0),
    _most("juke", "log_spectral_distance_db", "held-out", 4.0),
    _least("juke", "wrong_label_over_right_label_perplexity", "held-out", 1.5),
    _least("juke", "speed_over_real_time", "runtime", 4.0),
    _least("juke", "pulse_kept_gain", "continuations", 0.02),
    _least("juke", "chroma_kept_gain", "continuations", 0.02),
    _most("harmonic-ae", "log_spectral_distance_db", "held out presets, ", 3.2),
    _least("harmonic-ae", "share_within_25_cents", "held out presets, ", 0.95),
    _most("logfreq-vq", "log_spectral_distance_db", "held out presets, ", 4.0),
    _least("logfreq-vq", "codebook_share", "training", 0.8),
    _most("mel-continue", "nats_a_band", "held-out", ("nats_a_band_without_frequency", "held-out")),
    _most("mel-continue", "nats_a_band", "held-out", ("nats_a_band_repeat_last_frame", "held-out")),
    _least("mel-continue", "times_real_time", "ONNX Runtime", 4.0),
    _least("mel-continue", "times_real_time", "rten", 4.0),
    _most("mel-continue", "collapsed_share", "16 s", 0.0),
    _most("spectral-gan", "kernel_distance_over_real_upper", "held out", 4.0),
    _least("spectral-gan", "diversity", "within classes", 0.8),
    _most("texture-vae-gan", "kernel_distance_over_real_upper", "held out", 3.0),
    _most("texture-vae-gan", "self_similarity", "30 s", 0.995),
    _most("wave-continue", "bits_a_sample_net", "held-out", ("bits_a_sample_best_linear", "held-out")),
    _least("wave-continue", "speed", "one core", 4.0),
    _most("wave-continue", "collapsed_share", "8 s", 0.0),
)
"""In the order of the zoo. Worded as each model's own metrics are."""


def value_of(rows: list[dict], metric: str, place: str) -> float | None:
    """The first row of that name whose set begins with, or holds, `place`; None where there is none."""
    named = [row for row in rows if row["name"] == metric and place in row["set"] + ", "]
    return float(named[0]["value"]) if named else None


def judge(goal: Goal, rows: list[dict]) -> tuple[float | None, float | None, str]:
    """What was measured, what it must be, and whether it is."""
    bound = value_of(rows, *goal.bound) if isinstance(goal.bound, tuple) else goal.bound
    value = value_of(rows, goal.metric, goal.place)
    if value is None or bound is None:
        return value, bound, UNKNOWN
    return value, bound, MET if (value <= bound if goal.at_most else value >= bound) else MISSED


def _commit(path: Path) -> str:
    command = ["git", "log", "-1", "--format=%h %cs", "--", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "not committed"


def table(models: Path) -> str:
    """The whole table, in Markdown."""
    lines = ["| model | figure | set | measured | must be | | of |", "|---|---|---|---|---|---|---|"]
    for goal in GOALS:
        metrics = models / goal.model / "metrics.json"
        rows = json.loads(metrics.read_text())["manifest"] if metrics.exists() else []
        value, bound, verdict = judge(goal, rows)
        shown, wanted = ("-" if number is None else f"{number:.3g}" for number in (value, bound))
        sign = "at most" if goal.at_most else "at least"
        place = goal.place.strip(", ")
        lines.append(
            f"| {goal.model} | {goal.metric} | {place} | {shown} | {sign} {wanted} | {verdict} | {_commit(metrics)} |"
        )
    return "\n".join(lines)
