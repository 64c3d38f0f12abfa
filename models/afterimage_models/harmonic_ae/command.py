"""The steps of the harmonic autoencoder, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from .. import note_data
from ..note_data import RenderedNote
from ..pitched import steps
from ..pitched.note_set import NoteSet
from ..pitched.refine import refine
from ..pitched.steps import CHECKPOINT, Trained
from ..pitched.training import Settings
from .encoding import encode_note, encode_rows, load_networks, to_bins
from .pack import RECIPES, SHELF
from .training import Trainer


def data(arguments: argparse.Namespace) -> None:
    """Render the training set, which is that of the keys VAE."""
    note_data.build(arguments.data)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given."""
    settings = Settings(minutes=arguments.minutes, learning_rate=arguments.rate)
    notes = NoteSet(arguments.data)
    arguments.build.mkdir(parents=True, exist_ok=True)
    Trainer(notes, settings, arguments.build / CHECKPOINT).go_on(arguments.start)


def load(arguments: argparse.Namespace) -> Trained:
    """The trained model."""
    encoder, decoder = load_networks(arguments.build / CHECKPOINT)
    return Trained(SHELF, RECIPES, decoder, partial(encode_note, encoder), to_bins)


def export_pack(arguments: argparse.Namespace) -> None:
    """Measure and name the axes, place the presets, write graph, manifest and the checkpoint to resume from."""
    model, notes = load(arguments), NoteSet(arguments.data)
    encoder = load_networks(arguments.build / CHECKPOINT)[0]
    steps.export_pack(arguments, model, notes, partial(encode_rows, encoder, notes))
    steps.ship_checkpoint(arguments, model)


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png."""
    steps.draw_sheet(arguments, load(arguments))


def evaluate(arguments: argparse.Namespace) -> None:
    """Render held-out notes and presets through the plugin, judge the WAVs, write metrics.json and the manifest."""
    model, space = load(arguments), steps.load_space(arguments)

    def refined(note: RenderedNote) -> np.ndarray:
        return refine(model.decoder, space, model.encode(note), [note])

    steps.evaluate(arguments, model, steps.held_out_scores(model.encode, space, {"refined": refined}))


STEPS = {"data": data, "train": train, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for."""
    steps.run(arguments, STEPS)
