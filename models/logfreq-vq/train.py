"""Trains, measures and exports the log-frequency VQ-VAE. Top to bottom; `python logfreq-vq/train.py [MINUTES]`.

Every random choice has a fixed seed. Interrupted, it goes on from its checkpoint. The library code is in
`afterimage_models.logfreq_vq` and `afterimage_models.pitched`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models import note_data
from afterimage_models.logfreq_vq import command
from afterimage_models.logfreq_vq.note_stacks import BandNoteSet
from afterimage_models.logfreq_vq.training import Trainer
from afterimage_models.pitched.steps import CHECKPOINT
from afterimage_models.pitched.training import Settings

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "notes"
BUILD = HERE.parent / "build" / "logfreq-vq"

# Data: the notes of the keys VAE, with the same programs and keys held out; each note is encoded from its own
# log-frequency frames at fourteen moments.
if not (DATA / "frames.npy").exists():
    note_data.build(DATA)
notes = BandNoteSet(DATA)

# Model: an encoder that sees the frames shifted so that the fundamental lies in one place, to a latent of sixteen; its
# eight pairs each become the nearest of 64 codes; a stateless decoder from codes, pitch, velocity and times of one
# frame to partials, noise and widths, drawn and gathered into 48 bands an octave.
# Loss: distance of the bands, each weighted by the bins that it stands for, plus the commitment of latents to codes.
# The codes follow by running averages; a code that nobody chooses moves onto a latent that somebody has.
settings = Settings(minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 68.0)
BUILD.mkdir(parents=True, exist_ok=True)

# Train: AdamW, a cosine over the minutes, a running average of the weights.
Trainer(notes, settings, BUILD / CHECKPOINT).go_on(None)

arguments = argparse.Namespace(
    data=DATA, build=BUILD, pack=HERE, xtask="cargo xtask", stand_in="--stand-in" in sys.argv
)  # fmt: skip

# Export: whiten the latents of the training set, turn them to measured descriptors, name and order the axes, place the
# presets, even out loudness, write both graphs. Measure: codes in use, and held-out notes and presets on the plugin's
# own WAV.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
