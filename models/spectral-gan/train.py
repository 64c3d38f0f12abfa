"""Trains, exports and judges the spectral GAN. Reads from top to bottom; `python spectral-gan/train.py [MINUTES]`.

It trains on the accelerator if there is one. Every random choice has a fixed seed. Interrupted, it goes on from its
checkpoint. The library code is in `afterimage_models.spectral_gan`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models.spectral_gan import command

HERE = Path(__file__).resolve().parent
arguments = argparse.Namespace(
    data=HERE.parent / "data" / "hits", build=HERE.parent / "build" / "spectral-gan", pack=HERE, start=None,
    minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, xtask="cargo xtask",
)  # fmt: skip

# Data: the drum GAN's recordings, and endless variants of them.
if not (arguments.data / "recordings.flac").exists():
    command.data(arguments)

# Model: class and sixteen normal numbers to level and noisiness at 73 knots of time, by an exponential to linear
# magnitudes. Loss: the hinge of two critics, that see compressed magnitudes in bands of hearing and in bins; besides, a
# price on hits that crowd.
command.train(arguments)

# Export: find where in the latent space each class lies, turn and name the axes by what they change, thin the widest
# layers, even out loudness on the plugin's WAV. Measure: likeness to held-out hits, diversity and loudness on that WAV.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
