"""Trains, measures and exports the tune LSTM. Reads from top to bottom; `python tune-lstm/train.py [MINUTES]`.

Every random choice has a fixed seed. Interrupted, it goes on from its checkpoint. The library code is in
`afterimage_models.tune_lstm` and `afterimage_models.events`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models.tune_lstm import command

HERE = Path(__file__).resolve().parent

arguments = argparse.Namespace(
    data=HERE.parent / "data" / "tunes", build=HERE.parent / "build" / "tune-lstm", pack=HERE,
    minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 68.0, rate=2e-3, start=None,
)  # fmt: skip

# Data: folk tunes and chorales of music21's corpus as tokens of notes, durations, shifts and bars. Pieces that share
# a tune are one group; 8 % of the pieces are held out by whole groups.
command.data(arguments)

# Model: two LSTM layers over tokens, with label and metre at every step. Loss: nats of the next token.
# Train: AdamW, truncated backpropagation through time, random keys, a cosine over the minutes, averaged weights.
command.train(arguments)

# Export: a graph of one step. Look: piano rolls and MIDI files. Measure: held-out pieces, and drawn ones beside them.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
