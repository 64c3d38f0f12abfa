"""Trains, exports and judges the mel continuer. Reads from top to bottom; `python mel-continue/train.py [MINUTES]`.

Every random choice has a fixed seed, but a GPU's sums have no fixed order. Interrupted, it goes on from its
checkpoint. The library code is in `afterimage_models.mel_continue`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models.mel_continue import command

HERE = Path(__file__).resolve().parent
arguments = argparse.Namespace(
    data=HERE.parent / "data" / "corpus", build=HERE.parent / "build" / "mel-continue", pack=HERE, start=None,
    minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, rate=1e-3, xtask="cargo xtask",
)  # fmt: skip

# Data: 70 minutes of recordings of our own: public-domain tunes and chorales on instruments of two sound fonts, drum
# patterns, textures and CC0 loops, nine labels; pieces of the test part are in no training recording. Crops of five
# seconds get other keys, tempi, levels and tilts each time.
if not (arguments.data / "index.json").exists():
    command.data(arguments)

# Model: a GRU over mel frames; inside a frame eight tiers of interleaved bands, coarse to fine. Loss: nats of the
# frame's bands on a grid of half a decibel. The frames before are noisy, and some are the net's own draws, so that a
# free run is used to its own mistakes. A twin whose bands know nothing of each other learns from the same batches.
command.train(arguments)

# Export: weights in eight bits, one graph that draws a frame and one that hears sixteen. Measure: nats on held-out
# pieces beside the twin and the repeated last frame; fifty continuations made by the plugin's own code.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
