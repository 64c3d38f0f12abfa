"""The steps of the WaveNet, each from files to files: data, train, export, evaluate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from ..onnx_manifest import write_manifest
from . import evaluation, export, pack, sheet, sound_set
from .network import SAMPLE_RATE, Shape, WaveNet
from .training import Trainer, settings

CHECKPOINT = "checkpoint.pt"
SHIPPED_CHECKPOINT = "wave-continue.pt"
METRICS = "metrics.json"
RUNS = "runs"


def data(arguments: argparse.Namespace) -> None:
    """Record the corpus that all continuers of sound share."""
    from ..corpus.build import build

    build(arguments.data, arguments.data.parent / "tunes", arguments.data.parent / "clips")


def train(arguments: argparse.Namespace) -> None:
    """Train for the minutes given, from a checkpoint of an earlier run if there is one."""
    arguments.build.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.build / CHECKPOINT
    trainer = Trainer(arguments.data, settings(60.0 * arguments.minutes, arguments.rate), checkpoint)
    start = arguments.start or (checkpoint if checkpoint.exists() else None)
    if start is not None:
        trainer.start_from(start)
    if trainer.device.type == "cuda":
        trainer.fuse()
    trainer.run()


def _write_manifest(folder: Path, network: WaveNet, labels: list[str], found: dict[str, Any] | None) -> None:
    tags = [] if found is not None and evaluation.is_on_target(found) else ["lab"]
    write_manifest(folder, pack.manifest(network.shape, labels, tags, found["manifest"] if found else []))


def load_network(checkpoint: Path) -> tuple[WaveNet, list[str]]:
    """The averaged network of a checkpoint, ready to read, and its labels."""
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = WaveNet(Shape(**saved["shape"]))
    network.load_state_dict(saved["average"])
    return network.eval(), saved["labels"]


def export_pack(arguments: argparse.Namespace) -> None:
    """Write graph, manifest and the checkpoint to train on from, weights rounded as they are played."""
    folder: Path = arguments.pack
    folder.mkdir(parents=True, exist_ok=True)
    network, labels = load_network(arguments.build / CHECKPOINT)
    export.round_weights(network)
    export.export_onnx(network, folder / pack.GRAPH)
    metrics = folder / METRICS
    _write_manifest(folder, network, labels, json.loads(metrics.read_text()) if metrics.exists() else None)
    saved = torch.load(arguments.build / CHECKPOINT, weights_only=True, map_location="cpu")
    kept = {name: saved[name] for name in ("shape", "labels", "step")}
    torch.save(kept | {"average": network.state_dict()}, folder / SHIPPED_CHECKPOINT)


def evaluate(arguments: argparse.Namespace) -> None:
    """Bits a sample beside linear prediction, and free runs by the plugin's own kernel; write metrics.json."""
    folder: Path = arguments.pack
    network, labels = load_network(folder / SHIPPED_CHECKPOINT)
    sounds = sound_set.load(arguments.data, "test", SAMPLE_RATE)
    found = evaluation.evaluate(network, sounds, folder, arguments.build / RUNS, arguments.xtask)
    found = {"manifest": evaluation.manifest_rows(found)} | found
    (folder / METRICS).write_text(json.dumps(found, indent=1) + "\n")
    _write_manifest(folder, network, labels, found)
    print(json.dumps(found["manifest"], indent=1))


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png from the runs that `evaluate` made."""
    sounds = sound_set.load(arguments.data, "test", SAMPLE_RATE)
    sheet.draw(sounds, arguments.build / RUNS, arguments.pack / "contact-sheet.png")


STEPS = {"data": data, "train": train, "export": export_pack, "evaluate": evaluate, "sheet": draw_sheet}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for."""
    if arguments.step not in STEPS:
        raise SystemExit(f"wave-continue has no step '{arguments.step}'; it has {', '.join(STEPS)}")
    STEPS[arguments.step](arguments)
