"""Trains, exports and judges the texture VAE-GAN, from top to bottom; `python texture-vae-gan/train.py [MINUTES]`.

It trains on the accelerator if there is one. Every random choice has a fixed seed. Interrupted, it goes on from its
checkpoint. The library code is in `afterimage_models.texture_vae_gan`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models.texture_vae_gan import command

HERE = Path(__file__).resolve().parent
arguments = argparse.Namespace(
    data=HERE.parent / "data" / "textures", build=HERE.parent / "build" / "texture-vae-gan", pack=HERE, start=None,
    minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, xtask="cargo xtask",
)  # fmt: skip

# Data: ambiences and pads of a CC0 package, and chords on D that sustained programs of two sound fonts play; mel frames
# at one loudness. A chord of each program and the ends of the longer ambiences are held out.
if not (arguments.data / "frames.npz").exists():
    command.data(arguments)

# Model: an encoder of two seconds to a latent without time and to slow paths; a decoder that makes each frame by itself
# from latent, paths of noise and grain. Loss: levels, noisiness and divergence first; then two critics' hinge, their
# layers' statistics over time, and a price on textures that crowd.
command.train(arguments)

# Export: whiten the latents, turn and name the axes by what they change, thin the widest layers, even out loudness,
# write both graphs and the manifest. Measure: likeness to held-out textures, how far thirty seconds come round, and
# loudness, on the plugin's own WAV.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
