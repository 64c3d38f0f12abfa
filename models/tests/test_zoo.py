"""The table of the zoo says what was measured, and never calls a missing figure met."""

from __future__ import annotations

from pathlib import Path

from afterimage_models import zoo
from afterimage_models.zoo import Goal

ROWS = [
    {"name": "recall", "value": 0.4, "set": "held out, WAV of the plugin"},
    {"name": "copy", "value": 9.0, "set": "200 drawn"},
    {"name": "copy", "value": 10.0, "set": "390 held-out"},
]


def test_a_figure_is_met_missed_or_unknown() -> None:
    assert zoo.judge(Goal("m", "recall", "held out", 0.6, at_most=False), ROWS)[2] == zoo.MISSED
    assert zoo.judge(Goal("m", "recall", "held out", 0.3, at_most=False), ROWS)[2] == zoo.MET
    assert zoo.judge(Goal("m", "precision", "held out", 0.3, at_most=False), ROWS)[2] == zoo.UNKNOWN
    assert zoo.judge(Goal("m", "copy", "drawn", ("copy", "held-out"), at_most=True), ROWS) == (9.0, 10.0, zoo.MET)
    assert zoo.judge(Goal("m", "copy", "drawn", ("gone", "held-out"), at_most=True), ROWS)[2] == zoo.UNKNOWN


def test_every_model_that_has_a_goal_ships_its_figures() -> None:
    models = Path(__file__).resolve().parents[1]
    text = zoo.table(models)
    assert zoo.UNKNOWN not in text, text
    assert {goal.model for goal in zoo.GOALS} <= {line.split("|")[1].strip() for line in text.splitlines()}
