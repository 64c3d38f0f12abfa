"""The steps of the keys VAE, each from files to files: data, train, correct, export, sheet, evaluate."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import torch

from .. import note_data
from ..note_data import RenderedNote
from ..pitched import steps
from ..pitched.note_set import NoteSet
from ..pitched.refine import refine
from ..pitched.steps import CHECKPOINT, Trained
from ..pitched.training import Settings
from .encoding import corrected, encode_note, first_guess, load_encoder, load_networks, posterior
from .iterated import IteratedEncoder
from .iterated_training import CorrectionTrainer
from .pack import SHELF
from .presets import RECIPES
from .training import Trainer

CORRECTIONS = "corrections.pt"


def data(arguments: argparse.Namespace) -> None:
    """Render the training set."""
    note_data.build(arguments.data)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given."""
    settings = Settings(minutes=arguments.minutes, learning_rate=arguments.rate)
    notes = NoteSet(arguments.data)
    arguments.build.mkdir(parents=True, exist_ok=True)
    Trainer(notes, settings, arguments.build / CHECKPOINT).go_on(arguments.start)


def correct(arguments: argparse.Namespace) -> None:
    """Train the encoder's corrections for the minutes given, on the networks of the last training."""
    iterated = IteratedEncoder(*load_networks(arguments.build / CHECKPOINT))
    corrections = arguments.build / CORRECTIONS
    if corrections.exists():
        iterated.take_corrections(torch.load(corrections, weights_only=True))
    CorrectionTrainer(NoteSet(arguments.data), iterated, arguments.minutes).run(corrections)


def load(arguments: argparse.Namespace) -> Trained:
    """The trained model; a note is encoded by synthesis."""
    encoder = load_encoder(arguments.build / CHECKPOINT, arguments.build / CORRECTIONS)
    return Trained(SHELF, RECIPES, encoder.decoder, partial(encode_note, encoder))


def export_pack(arguments: argparse.Namespace) -> None:
    """Measure and name the axes, place the presets, write graph, manifest and the checkpoint to resume from."""
    model, notes = load(arguments), NoteSet(arguments.data)
    encoder = load_networks(arguments.build / CHECKPOINT)[0]
    steps.export_pack(arguments, model, notes, partial(posterior, encoder, notes))
    corrections = torch.load(arguments.build / CORRECTIONS, weights_only=True)
    steps.ship_checkpoint(arguments, model, {"corrections": corrections})


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png."""
    steps.draw_sheet(arguments, load(arguments))


def evaluate(arguments: argparse.Namespace) -> None:
    """Render held-out notes and presets through the plugin, judge the WAVs, write metrics.json and the manifest."""
    encoder = load_encoder(arguments.build / CHECKPOINT, arguments.build / CORRECTIONS)
    model, space = load(arguments), steps.load_space(arguments)

    def refined(note: RenderedNote) -> np.ndarray:
        return refine(encoder.decoder, space, model.encode(note), [note])

    others = {
        "first-guess": partial(first_guess, encoder.encoder), "corrected": partial(corrected, encoder),
        "refined": refined,
    }  # fmt: skip
    steps.evaluate(arguments, model, steps.held_out_scores(model.encode, space, others))


STEPS = {
    "data": data, "train": train, "correct": correct, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate,
}  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for."""
    steps.run(arguments, STEPS)
