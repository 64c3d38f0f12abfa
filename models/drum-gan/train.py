"""Trains, exports and judges the drum GAN. Reads from top to bottom; `python drum-gan/train.py [MINUTES]`.

Every random choice has a fixed seed. Interrupted, it goes on from its checkpoint. The library code is in
`afterimage_models.drum_gan`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models.drum_gan import command

HERE = Path(__file__).resolve().parent
arguments = argparse.Namespace(
    data=HERE.parent / "data" / "hits", build=HERE.parent / "build" / "drum-gan", pack=HERE, start=None, rate=1e-3,
    minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, xtask="cargo xtask",
)  # fmt: skip

# Data: drum kits of two sound fonts, one CC0 kit, CC0 one-shots; cut at the onset, brought to one loudness, repeats
# dropped, a fifth of each class held out by families of related sounds. Ten variants of each training hit:
# transposed, coloured, reshaped, layered. A share is measured by timbral_models, a regressor reads the rest.
if not (arguments.data / "regressor.pt").exists():
    command.data(arguments)

# Model: an encoder of a hit to 12 latents; a generator from latent, class and four descriptors to level and
# noisiness at 73 knots of time. Loss: first the misfit of levels and of noisiness and a small divergence to the unit
# normal; then a critic over all bins and over bands of bins besides, feature matching, and hits of random latents and
# knobs that the regressor holds to their knobs.
command.train(arguments)

# Export: whiten the latents, turn and name the axes by what they change, write graph and manifest. Measure: control,
# drift, likeness to held-out hits, sharpness and loudness, on the plugin's own WAV.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
