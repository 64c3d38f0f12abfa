"""Trains, exports and judges juke. Reads from top to bottom; `python juke/train.py [MINUTES]`.

Every random choice has a fixed seed. Interrupted, it goes on from its checkpoint. On a GPU where there is one; on a CPU
it takes days. The library code is in `afterimage_models.juke`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from afterimage_models.juke import command

HERE = Path(__file__).resolve().parent
arguments = argparse.Namespace(
    data=HERE.parent / "data" / "corpus", build=HERE.parent / "build" / "juke", pack=HERE, start=None,
    minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 17.0, xtask="cargo xtask",
)  # fmt: skip

# Data: the corpus that all continuers of sound share, 68 minutes of nine labels, as mel frames at nine speeds.
if not (arguments.data / "index.json").exists():
    command.data(arguments)

# Model: a VQ-VAE of residual codebooks, eight tokens for 46 ms; then an LSTM from group to group with a memory it
# looks back to, a net within a group, and labels that scale and move the features of both. Loss: log-spectral
# distance at several resolutions, with tempo and gain varied; then nats a token, with some tokens heard wrongly. The
# prior that says half of the held-out pieces best is kept.
command.train(arguments)

# Export: four graphs with weights in eight bits. Measure, on the other half of the held-out pieces: frames of the
# codec, perplexity by right and wrong labels, and what is kept of a prompt, on sound of the plugin's own code.
command.export_pack(arguments)
command.draw_sheet(arguments)
command.evaluate(arguments)
