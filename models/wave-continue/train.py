"""Trains, measures and exports the WaveNet. Reads from top to bottom; `python wave-continue/train.py [MINUTES]`.

Every random choice has a fixed seed. Made for a GPU: a CPU takes days. Run again, it goes on from its checkpoint. The
library code is in `afterimage_models.wave_continue`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models.wave_continue import command

HERE = Path(__file__).resolve().parent

arguments = argparse.Namespace(
    data=HERE.parent / "data" / "corpus", build=HERE.parent / "build" / "wave-continue", pack=HERE,
    minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 9.0, rate=2e-3, start=None, xtask="cargo xtask",
)  # fmt: skip

# Data: 68 minutes of chorales, tunes, drums and textures with labels, recorded by us; held-out pieces apart.
command.data(arguments)

# Model: dilated causal convolutions over a whitened past, label as a bias of each layer; a mixture of logistics around
# a linear prediction that follows the sound. Loss: bits of the next sample on the 16-bit grid.
# Train: random crops of 1.5 s, half precision, noise on what is heard, a cosine over the minutes, averaged weights.
command.train(arguments)

# Export: a graph of one step, which the native kernel reads its weights from. Measure: bits beside linear prediction,
# and fifty free runs by the plugin's own code. Look: spectrograms of what followed and of what was made.
command.export_pack(arguments)
command.evaluate(arguments)
command.draw_sheet(arguments)
