"""`evaluate keys-vae --data FOLDER`: a pack of own sounds, judged on the WAV that the plugin writes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .. import plugin_render
from ..note_data import RenderedNote
from ..onnx_manifest import write_manifest
from ..pitched import evaluation
from ..pitched.player import PackPlayer
from ..pitched.steps import METRICS
from .folder import Sound

SCORE = "own-sounds"
THROUGH = "WAV of the plugin"


def evaluate(arguments: argparse.Namespace, sounds: list[Sound], heard: dict[str, RenderedNote]) -> None:
    """Play every sound's note at its timbre's preset, print all measures, add the distance to manifest and metrics.

    `heard`: the notes by file, as they are compared.
    """
    folder: Path = arguments.pack
    player = PackPlayer(folder)
    score = evaluation.Score([], [], [], [], evaluation.LONG_RELEASE)
    for sound in sounds:
        score.add_note(heard[sound.file], player.presets[sound.timbre])
    work: Path = arguments.build / "evaluation"
    score.write(work, SCORE)
    wav, automation = work / f"{SCORE}.wav", work / f"{SCORE}.automation.json"
    late = plugin_render.render_plugin(arguments.xtask.split(), folder, automation, score.seconds(), wav)
    table = evaluation.judge_held_out(work, SCORE, wav)
    distance = table["log-spectral distance"]["mean"]
    row = {"name": "log_spectral_distance_db", "value": round(distance, 3), "set": f"own sounds after, {THROUGH}"}
    saved = json.loads((folder / METRICS).read_text())
    rows = [r for r in saved["manifest"] if THROUGH not in r["set"]] + [row]
    saved |= {"manifest": rows, "tables": {SCORE: table}, "late_frames": {SCORE: late}}
    (folder / METRICS).write_text(json.dumps(saved, indent=1) + "\n")
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()) | {"metrics": rows})
