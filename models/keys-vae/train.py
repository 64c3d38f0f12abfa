"""Trains, measures and exports the keys VAE. Reads from top to bottom; `python keys-vae/train.py [MINUTES]`.

Every random choice has a fixed seed. Interrupted, it goes on from its checkpoint. The library code is in
`afterimage_models.keys_vae` and `afterimage_models.pitched`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models import note_data
from afterimage_models.keys_vae import command
from afterimage_models.keys_vae.training import Trainer
from afterimage_models.pitched.note_set import NoteSet
from afterimage_models.pitched.training import Settings

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "notes"
BUILD = HERE.parent / "build" / "keys-vae"

# Data: General MIDI presets of two sound fonts, every third key, two velocities, and made-up variants of the
# training presets by two recipes; each batch is coloured by random filters and decays besides. 12 % of the programs
# are held out whole, and three keys of each of the others.
if not (DATA / "frames.npy").exists():
    note_data.build(DATA)
notes = NoteSet(DATA)

# Model: an encoder of a note's pitch-normalised summary to 16 latents; a stateless decoder from latent, pitch,
# velocity and times of one frame to partial levels, noise bands, inharmonicity and width, drawn as dB bins.
# Loss: log-spectral distance over a random share of the bins, absolute error weighted to the loud ones, and a
# small divergence to the unit normal.
settings = Settings(minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
BUILD.mkdir(parents=True, exist_ok=True)
trainer = Trainer(notes, settings, BUILD / command.CHECKPOINT)

# Train: AdamW, a cosine over the minutes, a running average of the weights.
trainer.resume()
trainer.run()

arguments = argparse.Namespace(
    data=DATA, build=BUILD, pack=HERE, minutes=settings.minutes / 4.0, xtask="cargo xtask",
    stand_in="--stand-in" in sys.argv,
)  # fmt: skip

# Correct: the encoder's second half decodes its guess, compares, and corrects, six times by one small network. It is
# trained from guesses moved off their place, because training presets alone leave little to correct.
command.correct(arguments)

# Export: whiten the aggregate posterior, turn it to measured descriptors, name and order the axes, place the
# presets, write graph and manifest. Measure: held-out notes and presets on the plugin's own WAV.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
