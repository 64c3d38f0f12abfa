"""The steps of the log-frequency VQ-VAE, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import json
from functools import partial

import numpy as np
import torch

from .. import note_data
from ..note_data import HELD_OUT_KEY, HELD_OUT_PRESET
from ..pitched import steps
from ..pitched.axes import encodable
from ..pitched.steps import CHECKPOINT, METRICS, Trained
from ..pitched.training import Settings
from .encoding import BandsToBins, EncodeGraph, encode_note, encode_rows, export_encoder, load_networks
from .note_stacks import BandNoteSet
from .pack import RECIPES, SHELF, encode_graph
from .quantiser import use
from .training import Trainer

CODES = "codes.json"


def data(arguments: argparse.Namespace) -> None:
    """Render the training set, which is that of the keys VAE."""
    note_data.build(arguments.data)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given."""
    settings = Settings(minutes=arguments.minutes, learning_rate=arguments.rate)
    notes = BandNoteSet(arguments.data)
    arguments.build.mkdir(parents=True, exist_ok=True)
    Trainer(notes, settings, arguments.build / CHECKPOINT).go_on(arguments.start)


def load(arguments: argparse.Namespace) -> Trained:
    """The trained model."""
    encoder, decoder = load_networks(arguments.build / CHECKPOINT)
    return Trained(SHELF, RECIPES, decoder, partial(encode_note, encoder), BandsToBins())


def export_pack(arguments: argparse.Namespace) -> None:
    """Measure and name the axes, place the presets, write both graphs, manifest, codes in use and checkpoint."""
    model, notes = load(arguments), BandNoteSet(arguments.data)
    encoder, decoder = load_networks(arguments.build / CHECKPOINT)
    space = steps.export_pack(arguments, model, notes, partial(encode_rows, encoder, notes))
    manifest = json.loads((arguments.pack / "manifest.json").read_text())
    manifest["graphs"]["encode"] = encode_graph()
    export_encoder(
        EncodeGraph(encoder, decoder.quantiser, space), arguments.pack / manifest["graphs"]["encode"]["file"]
    )
    steps.write_manifest(arguments.pack, manifest)
    found = {name: codes_in_use(encoder, decoder.quantiser, notes, rows) for name, rows in note_rows(notes).items()}
    (arguments.build / CODES).write_text(json.dumps(found))
    print(json.dumps(found, indent=1))
    steps.ship_checkpoint(arguments, model)


def note_rows(notes: BandNoteSet) -> dict[str, np.ndarray]:
    """Notes to count codes of: training, held-out keys, held-out presets."""
    can = np.flatnonzero(notes.can_encode)
    held = {"held-out keys": HELD_OUT_KEY, "held-out presets": HELD_OUT_PRESET}
    return {"training": encodable(notes)} | {n: np.intersect1d(notes.notes(s), can) for n, s in held.items()}


def codes_in_use(
    encoder: torch.nn.Module, quantiser: torch.nn.Module, notes: BandNoteSet, rows: np.ndarray
) -> dict[str, float]:
    """Share of the codes that notes choose, and the groups' mean perplexity."""
    latent = torch.from_numpy(encode_rows(encoder, notes, rows)[0])
    share, perplexity = use(quantiser.tokens(latent))
    return {"notes": len(rows), "share": round(share, 3), "perplexity": round(perplexity, 1)}


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png."""
    steps.draw_sheet(arguments, load(arguments))


def evaluate(arguments: argparse.Namespace) -> None:
    """Render held-out notes and presets through the plugin, judge the WAVs, write metrics.json and the manifest."""
    model, space = load(arguments), steps.load_space(arguments)
    codes = json.loads((arguments.build / CODES).read_text())
    rows = [
        {"name": f"codebook_{what}", "value": codes["training"][what], "set": "training notes"}
        for what in ("share", "perplexity")
    ]
    steps.evaluate(arguments, model, steps.held_out_scores(model.encode, space, {}), rows)
    metrics = arguments.pack / METRICS
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"codes": codes}, indent=1) + "\n")


STEPS = {"data": data, "train": train, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for."""
    steps.run(arguments, STEPS)
