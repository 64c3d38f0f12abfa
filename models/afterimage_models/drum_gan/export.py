"""The generator as the plugin takes it: knobs, class and descriptors in, all frames of a hit out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..exporting.cheaper import cheapen
from ..exporting.graph import export_graph
from .axes import Space
from .calibration import Loss
from .frames import FRAMES, KNOTS, between_knots
from .grain import TABLE_FRAMES, grain_table
from .hit_score import HitScore
from .kit import LATENT
from .network import CLASSES, DESCRIPTORS, Generator, Leveller, expected_level, gate

INPUTS = ("latent", "noise", "class", "descriptor")
NORMAL_TO_UNIFORM = 1.702  # the logistic curve that is nearest to the normal distribution's


class PackGenerator(nn.Module):
    """What a note asks for to levels in dB of each of its frames."""

    def __init__(self, generator: Generator, space: Space) -> None:
        super().__init__()
        self.generator, self.leveller, self.loss = generator, Leveller(KNOTS), Loss()
        self.register_buffer("rotation", torch.tensor(space.basis @ space.spread, dtype=torch.float32))
        self.register_buffer("mean", torch.tensor(space.mean, dtype=torch.float32))
        self.register_buffer("between", torch.from_numpy(between_knots()))
        self.register_buffer("grain", torch.from_numpy(grain_table()))
        self.register_buffer("classes", torch.eye(CLASSES))
        self.register_buffer("places", torch.arange(FRAMES))

    def given(self, label: Tensor, descriptor: Tensor) -> Tensor:
        """What the generator is told besides the latent [batch, values]; `label`: [batch]."""
        return torch.cat([self.classes[label], 2.0 * descriptor - 1.0], dim=1)

    def levelled(self, latent: Tensor, label: Tensor, descriptor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Levels at the training set's loudness and noisiness, both [batch, knots, BINS], and what `loss` reads."""
        classes = self.classes[label[:, 0]]
        inner = (latent.unsqueeze(1) @ self.rotation[label[:, 0]])[:, 0] + self.mean[label[:, 0]]
        given = self.given(label[:, 0], descriptor)
        level, noisiness = self.generator(inner, given)
        power = expected_level(level, noisiness)
        gain = self.leveller(power)
        return level + gain, noisiness, self.loss.features(power + gain, noisiness, classes)

    def knots(self, latent: Tensor, label: Tensor, descriptor: Tensor) -> tuple[Tensor, Tensor]:
        """Levels and noisiness as they go into the frames; `label`: [batch, 1]."""
        level, noisiness, features = self.levelled(latent, label, descriptor)
        return level + self.loss(features), noisiness

    @torch.no_grad()
    def loss_features(self, score: HitScore) -> np.ndarray:
        """What `loss` reads of every hit of a score, [hits, features]."""
        latent, knobs = (torch.tensor(np.array(rows), dtype=torch.float32) for rows in (score.latents, score.knobs))
        label = torch.tensor(score.labels).unsqueeze(1)
        parts = torch.arange(len(label)).split(32)
        return torch.cat([self.levelled(latent[p], label[p], knobs[p])[2] for p in parts]).numpy()

    def forward(self, latent: Tensor, noise: Tensor, label: Tensor, descriptor: Tensor) -> Tensor:
        """`noise`: [batch, 1], standard normal, chooses the grain. Returns [batch, FRAMES, BINS] in dB."""
        return gate(self.frames(latent, noise, label, descriptor))

    def frames(self, latent: Tensor, noise: Tensor, label: Tensor, descriptor: Tensor) -> Tensor:
        """All frames of hits, [batch, FRAMES, BINS] in dB, also under the gate."""
        level, noisiness = self.knots(latent, label, descriptor)
        start = torch.sigmoid(NORMAL_TO_UNIFORM * noise) * (TABLE_FRAMES - FRAMES - 1)
        grain = self.grain[start.long() + self.places]
        return self.between @ level + (self.between @ noisiness) * grain


def export_onnx(pack: PackGenerator, path: Path) -> None:
    """Write the graph with a dynamic batch axis and constants folded, as cheap as it goes: chords wait for it."""
    column = torch.zeros(4, 1)
    example = (torch.zeros(4, LATENT), column, column.long(), torch.full((4, DESCRIPTORS), 0.5))
    export_graph(pack, example, INPUTS, ("frame",), path)
    cheapen(path)


def graph_frames(path: Path, score: HitScore) -> np.ndarray:
    """Frames [hits, FRAMES, BINS] in dB that an exported graph gives for the hits of a score, with middle noise."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    out = []
    for latent, label, knobs in zip(score.latents, score.labels, score.knobs, strict=True):
        values = (latent, [0.0], [label], knobs)
        feed = {n: np.array([v], np.int64 if n == "class" else np.float32) for n, v in zip(INPUTS, values, strict=True)}
        out.append(session.run(["frame"], feed)[0][0])
    return np.stack(out)
