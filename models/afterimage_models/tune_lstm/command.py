"""The steps of the tune LSTM, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from ..events.player import EventPlayer
from ..onnx_manifest import write_manifest
from . import corpus, evaluation, export, golden, pack, prompts, samples, sheet
from .network import Shape, TuneNetwork
from .training import Trainer, settings_here
from .tune_set import TuneSet
from .vocabulary import VOCABULARY

CHECKPOINT, BEST = "checkpoint.pt", "best.pt"
SHIPPED_CHECKPOINT = "tune-lstm.pt"
METRICS = "metrics.json"
GOLDEN = "golden.json"
PROMPTS = "prompts.json"


def data(arguments: argparse.Namespace) -> None:
    """Read the scores of music21's corpus."""
    corpus.build(arguments.data)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given."""
    arguments.build.mkdir(parents=True, exist_ok=True)
    settings = settings_here(arguments.minutes, arguments.rate)
    checkpoint = arguments.build / CHECKPOINT
    trainer = Trainer(TuneSet(arguments.data), settings, checkpoint, arguments.build / BEST)
    if arguments.start is not None and not checkpoint.exists():
        trainer.start_from(arguments.start)
    trainer.resume()
    trainer.run()


def load_network(checkpoint: Path) -> TuneNetwork:
    """The averaged network of a checkpoint, ready to read."""
    saved = torch.load(checkpoint, weights_only=True)
    network = TuneNetwork(Shape(**saved["shape"]))
    network.load_state_dict(saved["average"])
    return network.eval()


def export_pack(arguments: argparse.Namespace) -> None:
    """Write graph, manifest, golden logits and the checkpoint to resume from."""
    folder: Path = arguments.pack
    folder.mkdir(parents=True, exist_ok=True)
    network, tunes = load_network(arguments.build / BEST), TuneSet(arguments.data)
    metrics = folder / METRICS
    rows = json.loads(metrics.read_text())["manifest"] if metrics.exists() else []
    export.export_onnx(network, folder / pack.GRAPH)
    states = export.state_widths(network.shape)
    write_manifest(folder, pack.manifest(VOCABULARY, tunes.labels, tunes.metres, states, rows))
    (folder / GOLDEN).write_text(json.dumps(golden.golden(network, tunes)) + "\n")
    saved = torch.load(arguments.build / BEST, weights_only=True)
    kept = ("average", "shape", "step", "elapsed_s", "tokens_seen")
    torch.save({k: saved[k] for k in kept}, folder / SHIPPED_CHECKPOINT)


def write_prompts(arguments: argparse.Namespace) -> None:
    """Write prompts.json: excerpts of held-out pieces, for the bench of continuations."""
    prompts.write(arguments.pack / PROMPTS, prompts.choose(TuneSet(arguments.data)))


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png and the samples as MIDI files."""
    made = samples.build(EventPlayer(arguments.pack), TuneSet(arguments.data))
    sheet.draw(made, arguments.pack / "contact-sheet.png")
    samples.write(made, arguments.pack / "samples")


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure held-out pieces and pieces drawn from the shipped graph; write metrics.json and the manifest."""
    folder: Path = arguments.pack
    network = load_network(folder / SHIPPED_CHECKPOINT)
    found = evaluation.evaluate(network, EventPlayer(folder), TuneSet(arguments.data))
    rows = evaluation.manifest_rows(found)
    (folder / METRICS).write_text(json.dumps({"manifest": rows} | found, indent=1) + "\n")
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()) | {"metrics": rows})
    print(json.dumps(rows, indent=1))


STEPS = {
    "data": data, "train": train, "export": export_pack, "prompts": write_prompts, "sheet": draw_sheet,
    "evaluate": evaluate,
}  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for, on one thread: small tensors on two threads wait for each other."""
    if arguments.step not in STEPS:
        raise SystemExit(f"tune-lstm has no step '{arguments.step}'; it has {', '.join(STEPS)}")
    torch.set_num_threads(1)
    STEPS[arguments.step](arguments)
