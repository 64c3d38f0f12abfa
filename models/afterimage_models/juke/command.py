"""The steps of juke, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from ..onnx_manifest import write_manifest
from ..packing import unpacked
from . import evaluation, job, pack, sheet
from .codec import Codec, CodecShape
from .corpus_frames import ANY_LABEL, read_pieces
from .export import export_graphs, reordered, state_widths
from .prior import Prior, PriorShape

CHECKPOINT = "checkpoint.pt"
SHIPPED_CHECKPOINT = "juke.pt"
METRICS = "metrics.json"
LABEL_STRENGTH = 1.25
"""How far labels are moved from the one for any of them. On the half of the held-out pieces that training stops by (a
third of its windows, two wrong labels), strengths of 1, 1.15, 1.3 and 1.5 made a wrong label cost 1.54, 1.79, 2.14 and
2.79 times the perplexity of the right one, and the right one's 0.2, 0.8 and 2.2 % higher."""
CODEC_SHARE = 0.45  # of the minutes; the rest is the prior's


def data(arguments: argparse.Namespace) -> None:
    """Record the corpus that all continuers of sound share."""
    from ..corpus.build import build

    build(arguments.data, arguments.data.parent / "tunes", arguments.data.parent / "clips")


def train(arguments: argparse.Namespace) -> None:
    """Train codec and prior within the minutes given, on the GPU if there is one; goes on from the checkpoint."""
    arguments.build.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.build / CHECKPOINT
    words = ["--corpus", arguments.data, "--out", checkpoint, "--resume", arguments.start or checkpoint]
    words += ["--seconds", 60.0 * arguments.minutes, "--codec-share", CODEC_SHARE]
    words += ["--prior-share", 1.0 - CODEC_SHARE]
    job.main([str(word) for word in words])


def load(checkpoint: Path) -> tuple[Codec, Prior, list[str]]:
    """Codec and prior with the weights that the graphs have, and the labels, the one for any of them first."""
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    codec, prior = Codec(CodecShape(**saved["codec_shape"])), Prior(PriorShape(**saved["prior_shape"]))
    codec.load_state_dict(unpacked(saved["codec"]))
    prior.load_state_dict(unpacked(saved["prior"]))
    labels = sorted(saved["labels"], key=lambda name: (name != ANY_LABEL, name))
    reordered(prior, [saved["labels"].index(name) for name in labels])
    prior.emphasise_labels(LABEL_STRENGTH, labels.index(ANY_LABEL))
    return codec.eval(), prior.eval(), labels


def export_pack(arguments: argparse.Namespace) -> None:
    """Write the graphs, the manifest and the checkpoint to resume from."""
    folder: Path = arguments.pack
    folder.mkdir(parents=True, exist_ok=True)
    saved = torch.load(arguments.build / CHECKPOINT, weights_only=True, map_location="cpu")
    torch.save(saved, folder / SHIPPED_CHECKPOINT)
    codec, prior, labels = load(folder / SHIPPED_CHECKPOINT)
    export_graphs(codec, prior, folder, pack.GRAPHS)
    metrics = folder / METRICS
    found = json.loads(metrics.read_text()) if metrics.exists() else {}
    _write_manifest(folder, prior.shape, labels, found)


def _write_manifest(folder: Path, shape: PriorShape, labels: list[str], found: dict[str, Any]) -> None:
    tags = [] if found and evaluation.is_on_target(found) else ["lab"]
    rows = found.get("manifest", [])
    write_manifest(folder, pack.manifest(shape.codes, labels, state_widths(shape), rows, tags))


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png."""
    codec, _, labels = load(arguments.pack / SHIPPED_CHECKPOINT)
    pieces = evaluation.reported(read_pieces(arguments.data, "test"))
    runs = evaluation.render(arguments.pack, pieces, labels, arguments.build / "sheet", arguments.xtask)
    sheet.draw(codec, runs, arguments.pack / "contact-sheet.png")


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure codec, prior and continuations on held-out pieces; write metrics.json and the manifest."""
    folder: Path = arguments.pack
    codec, prior, labels = load(folder / SHIPPED_CHECKPOINT)
    test, work = read_pieces(arguments.data, "test"), arguments.build / "evaluation"
    found = evaluation.evaluate((codec, prior, labels), test, folder, work, arguments.xtask)
    found = {"manifest": evaluation.manifest_rows(found)} | found
    (folder / METRICS).write_text(json.dumps(found, indent=1) + "\n")
    _write_manifest(folder, prior.shape, labels, found)
    print(json.dumps(found, indent=1))


STEPS = {"data": data, "train": train, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for."""
    if arguments.step not in STEPS:
        raise SystemExit(f"juke has no step '{arguments.step}'; it has {', '.join(STEPS)}")
    torch.set_num_threads(1)
    STEPS[arguments.step](arguments)
