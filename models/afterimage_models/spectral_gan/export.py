"""The generator as the plugin takes it: knobs, noise and class in, all magnitudes of a hit out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..drum_gan.axes import Space
from ..drum_gan.export import PackGenerator
from ..exporting.cheaper import cheapen
from ..exporting.graph import export_graph
from ..exporting.low_rank import shrunk
from ..spectrum import GATE_DB
from .network import LATENT, ShapedGenerator, magnitude

INPUTS = ("latent", "noise", "class")
RANKS, MODULATE_RANK = {"start": 96, "shapes": 64}, 64  # shipped graphs are to stay small
SLIMMED_BY = 1200  # hits


class MagnitudePack(PackGenerator):
    """What a note asks for to linear magnitudes of each of its frames; the drum GAN's graph without descriptors."""

    def __init__(self, generator: ShapedGenerator, space: Space) -> None:
        """`generator`: the body of a `MagnitudeGenerator`, or what `slim` made of it."""
        super().__init__(generator, space)

    def given(self, label: Tensor, descriptor: Tensor) -> Tensor:
        """The class alone."""
        return self.classes[label]

    def forward(self, latent: Tensor, noise: Tensor, label: Tensor) -> Tensor:
        """`noise`: [batch, 1], standard normal, chooses the grain. Returns [batch, FRAMES, BINS], 1 for a full-scale
        sine.
        """
        level = self.frames(latent, noise, label, latent)
        return torch.where(level < GATE_DB, torch.zeros_like(level), magnitude(level))


def slim(generator: ShapedGenerator, latent: Tensor, given: Tensor) -> ShapedGenerator:
    """A generator whose wide layers are thinned to what latents and conditions of its kind make of them."""
    ranks = RANKS | {f"blocks.{index}.modulate": MODULATE_RANK for index in range(len(generator.blocks))}
    small, lost = shrunk(generator, lambda module: module(latent, given), ranks)
    print(f"thinned layers: {100.0 * lost:.2f} % of a layer's variance lost at most", flush=True)
    return small


def export_onnx(pack: MagnitudePack, path: Path) -> None:
    """Write the graph with a dynamic batch axis and constants folded, as cheap as it goes: chords wait for it."""
    column = torch.zeros(4, 1)
    export_graph(pack, (torch.zeros(4, LATENT), column, column.long()), INPUTS, ("frame",), path)
    cheapen(path)
