"""The steps of the mel continuer, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from ..onnx_manifest import write_manifest
from . import evaluation, pack, sheet
from .export import export_prime, export_step, shipped_network
from .sounds import Corpus
from .training import Settings, Trainer

CHECKPOINT = "checkpoint.pt"
SHIPPED_CHECKPOINT = "mel-continue.pt"
METRICS = "metrics.json"


def data(arguments: argparse.Namespace) -> None:
    """Record the corpus that all continuers of sound share."""
    from ..corpus.build import build

    build(arguments.data, arguments.data.parent / "tunes", arguments.data.parent / "clips")


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given, on the GPU if there is one."""
    arguments.build.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = Settings(seconds=60.0 * arguments.minutes, learning_rate=arguments.rate)
    checkpoint = arguments.build / CHECKPOINT
    trainer = Trainer(Corpus(arguments.data), settings, device, checkpoint)
    if arguments.start is not None or checkpoint.exists():
        trainer.resume(arguments.start or checkpoint)
    trainer.run()


def export_pack(arguments: argparse.Namespace) -> None:
    """Write both graphs, the manifest and the checkpoint to resume from."""
    folder: Path = arguments.pack
    folder.mkdir(parents=True, exist_ok=True)
    saved = torch.load(arguments.build / CHECKPOINT, weights_only=True)
    network = shipped_network(saved)
    export_step(network, folder / pack.GRAPH)
    export_prime(network, folder / pack.PRIME_GRAPH)
    metrics = folder / METRICS
    found = json.loads(metrics.read_text()) if metrics.exists() else {}
    _write_manifest(folder, saved, found)
    torch.save(saved, folder / SHIPPED_CHECKPOINT)


def _write_manifest(folder: Path, saved: dict, found: dict) -> None:
    width = saved["shape"]["layers"] * saved["shape"]["hidden"]
    write_manifest(folder, pack.manifest(saved["labels"], width, found.get("manifest", [])))


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png."""
    sheet.draw(Corpus(arguments.data), arguments.pack, arguments.build / "sheet", arguments.xtask)


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure likelihood and fifty continuations; write metrics.json and the manifest."""
    folder: Path = arguments.pack
    saved = torch.load(folder / SHIPPED_CHECKPOINT, weights_only=True)
    work = arguments.build / "evaluation"
    found = evaluation.evaluate(shipped_network(saved), Corpus(arguments.data), folder, work, arguments.xtask)
    rows = evaluation.manifest_rows(found)
    found = {"manifest": rows} | found
    (folder / METRICS).write_text(json.dumps(found, indent=1) + "\n")
    _write_manifest(folder, saved, found)
    print(json.dumps(found, indent=1))


STEPS = {"data": data, "train": train, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for."""
    if arguments.step not in STEPS:
        raise SystemExit(f"mel-continue has no step '{arguments.step}'; it has {', '.join(STEPS)}")
    torch.set_num_threads(1)
    STEPS[arguments.step](arguments)
