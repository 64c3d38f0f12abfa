"""The pack of own hits as the plugin takes it: the drum GAN's graph with another knob space and other resting knobs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..drum_gan import pack
from ..drum_gan.axes import Space
from ..drum_gan.export import PackGenerator
from ..drum_gan.kit import LABELS, LATENT
from ..drum_gan.network import Generator
from ..own_sounds.card import LICENSE
from .kits import Kits
from .shipped import Shipped
from .training import KNOB_LIMITS, Places


class OwnPack(PackGenerator):
    """A descriptor knob at 0.5 is where the user's hits of a class lie, not where a typical drum does."""

    def __init__(self, generator: Generator, shipped: Shipped, kits: Kits, places: Places) -> None:
        blank = np.zeros((len(LABELS), LATENT))
        super().__init__(generator, Space(np.eye(LATENT), np.zeros((len(LABELS), LATENT, LATENT)), blank, []))
        self.rotation.copy_(kits.rotation)
        self.mean.copy_(kits.mean)
        self.loss.weight.copy_(shipped.loss)
        self.register_buffer("resting", places.knobs - 0.5)

    def given(self, label: Tensor, descriptor: Tensor) -> Tensor:
        """The class and the knobs around its resting place."""
        return super().given(label, torch.clamp(descriptor + self.resting[label], *KNOB_LIMITS))


def manifest(name: str, slug: str, kits: Kits, own: np.ndarray, hits: int) -> dict[str, Any]:
    """The whole manifest. `own`: classes that the folder has hits of."""
    presets = kits.presets()
    made = pack.manifest(Space(np.eye(LATENT), np.zeros(0), np.zeros(0), kits.axes), presets, [], [])
    drums = ", ".join(LABELS[label] for label in own)
    made |= {
        "id": f"own.{slug}", "name": name, "version": "1", "authors": ["The owner of the recordings"],
        "tags": ["drums", "one-shot", "percussion", "own"], "license": LICENSE,
        "description": {
            "short": f"{hits} drum hits of your own, and what lies between them.",
            "long": f"{made['name']}, trained on with {hits} hits of the folder {name}: {drums}. The first kit plays "
            "the first hit of each, the last knobs lead to the others; drums that the folder lacks are shipped ones.",
            "technical": made["description"]["technical"],
        },
        "training_data": [{"name": name, "source": "own recordings", "license": LICENSE}, *made["training_data"]],
    }  # fmt: skip
    made["graphs"]["decode"]["file"] = f"{slug}.onnx"
    return made
