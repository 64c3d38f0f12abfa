"""The shipped drum GAN that own hits start from: its networks, and where its drums lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from ..drum_gan.command import SHIPPED_CHECKPOINT, load_networks
from ..drum_gan.frames import KNOTS
from ..drum_gan.network import CLASSES, DESCRIPTORS, Encoder, Generator, Leveller, condition, expected_level
from ..drum_gan.training import cell_weights, misfit
from .targets import Targets


@dataclass(frozen=True)
class Shipped:
    """Networks and the knob space: inner latent = knobs @ rotation[class] + mean[class]. `loss`: what makes up for the
    inverse; `axes`: the manifest's rows.
    """

    encoder: Encoder
    generator: Generator
    rotation: Tensor
    mean: Tensor
    loss: Tensor
    axes: list[dict]

    @classmethod
    def load(cls, folder: Path) -> Shipped:
        """From a pack's folder."""
        manifest = json.loads((folder / "manifest.json").read_text())
        graph = onnx.load(str(folder / manifest["graphs"]["decode"]["file"])).graph
        held = {i.name: torch.from_numpy(numpy_helper.to_array(i).astype(np.float32)) for i in graph.initializer}
        encoder, generator = load_networks(folder / SHIPPED_CHECKPOINT)
        return cls(
            encoder.requires_grad_(False), generator.requires_grad_(False), held["rotation"], held["mean"],
            held["loss.weight"], manifest["latent"]["axes"],
        )  # fmt: skip

    def inner(self, knobs: Tensor, label: Tensor) -> Tensor:
        """[n, LATENT] knobs of drums of classes `label` [n] to the generator's latents."""
        return (knobs.unsqueeze(1) @ self.rotation[label])[:, 0] + self.mean[label]

    def knobs(self, latent: Tensor, label: Tensor) -> Tensor:
        """The other way."""
        apart = (latent - self.mean[label]).unsqueeze(2)
        return torch.linalg.solve(self.rotation[label].transpose(1, 2), apart)[:, :, 0]

    def far(self, latent: Tensor, label: Tensor) -> Tensor:
        """How far latents [n, LATENT] lie from their classes' drums: mean square in knob units."""
        return self.knobs(latent, label).square().mean()

    @torch.no_grad()
    def ear(self, hits: Targets) -> list[int]:
        """The class [hits] that draws each hit best: a drum is what it can be told again as."""
        cell_weight, leveller, errors = cell_weights(), Leveller(KNOTS), []
        middle = torch.full((1, DESCRIPTORS), 0.5)
        for row in range(len(hits)):
            level = hits.level[row : row + 1].expand(CLASSES, -1, -1)
            given = condition(torch.arange(CLASSES), middle.expand(CLASSES, -1))
            made, noisy = self.generator(self.encoder(level, given)[0], given)
            made = made + leveller(expected_level(made, noisy))
            errors.append([float(misfit(made[c : c + 1], level[c : c + 1], cell_weight)) for c in range(CLASSES)])
        return [int(np.argmin(row)) for row in errors]
