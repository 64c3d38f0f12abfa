"""Trains, measures and exports the harmonic autoencoder. Top to bottom; `python harmonic-ae/train.py [MINUTES]`.

Every random choice has a fixed seed. Interrupted, it goes on from its checkpoint. The library code is in
`afterimage_models.harmonic_ae` and `afterimage_models.pitched`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models import note_data
from afterimage_models.harmonic_ae import command
from afterimage_models.harmonic_ae.training import Trainer
from afterimage_models.pitched.note_set import NoteSet
from afterimage_models.pitched.steps import CHECKPOINT
from afterimage_models.pitched.training import Settings

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "notes"
BUILD = HERE.parent / "build" / "harmonic-ae"

# Data: the notes of the keys VAE, with the same programs and keys held out.
if not (DATA / "frames.npy").exists():
    note_data.build(DATA)
notes = NoteSet(DATA)

# Model: an encoder of a note's pitch-normalised summary to 16 numbers; a stateless decoder from those, pitch, velocity
# and times of one frame to the levels of 440 partials and 64 noise bands, and inharmonicity.
# Loss: log-spectral distance of the bins that the plugin would draw of them, over a random share of the bins, and
# absolute error weighted to the loud ones. No prior: what keeps the codes together is that other notes of a preset
# must do for a note too.
settings = Settings(minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 46.0)
BUILD.mkdir(parents=True, exist_ok=True)

# Train: AdamW, a cosine over the minutes, a running average of the weights.
Trainer(notes, settings, BUILD / CHECKPOINT).go_on(None)

arguments = argparse.Namespace(
    data=DATA, build=BUILD, pack=HERE, xtask="cargo xtask", stand_in="--stand-in" in sys.argv
)  # fmt: skip

# Export: whiten the codes of the training set, turn them to measured descriptors, name and order the axes, place the
# presets, even out loudness. Measure: held-out notes and presets on the plugin's own WAV.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
