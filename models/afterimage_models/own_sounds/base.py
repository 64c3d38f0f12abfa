"""The shipped model that own sounds start from, and where timbres lie in its knob space."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ..keys_vae.encoding import corrected, load_networks
from ..keys_vae.iterated import IteratedEncoder
from ..keys_vae.network import Encoder
from ..keys_vae.pack import SHELF
from ..note_data import RenderedNote
from ..pitched.axes import Space
from ..pitched.bins_decoder import BinsDecoder
from ..pitched.refine import refine
from ..pitched.steps import Infer
from . import notes, places
from .folder import Sound

Knobs = dict[str, np.ndarray]
"""Timbre -> its place in knobs [16]."""
# The weights go this share of the way from the shipped to the trained ones. On 22 notes of a held-out fiddle all of the
# way brought the trained notes nearer by 0.7 dB and the held-out ones 0.7 dB farther; 0.6 by 0.5 dB and none.
TRAINED_SHARE = 0.6
PLACING_NOTES = 4  # of a timbre that its preset is placed by


def shipped_space(shipped: Path) -> Space:
    """The knob space of a shipped pack: its matrix and centre from the graph, its axes from the manifest."""
    manifest = json.loads((shipped / "manifest.json").read_text())
    graph = onnx.load(str(shipped / manifest["graphs"]["decode"]["file"])).graph
    held = {i.name: numpy_helper.to_array(i) for i in graph.initializer if i.name in ("rotation", "mean")}
    return Space(held["rotation"].astype(np.float64), held["mean"].astype(np.float64), manifest["latent"]["axes"])


def shipped_model(shipped: Path) -> tuple[Infer, BinsDecoder]:
    """The shipped encoder with its corrections, and the shipped decoder."""
    checkpoint = shipped / f"{SHELF.slug}.pt"
    encoder = IteratedEncoder(*load_networks(checkpoint))
    encoder.take_corrections(torch.load(checkpoint, weights_only=True)["corrections"])
    return partial(corrected, encoder.eval()), encoder.decoder


@torch.no_grad()
def blended(shipped: Path, checkpoint: Path) -> tuple[Encoder, BinsDecoder]:
    """Networks with weights between the shipped and the trained ones, because notes that were not given count too.

    Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", sec. 3.
    """
    between, trained = load_networks(shipped / f"{SHELF.slug}.pt"), load_networks(checkpoint)
    for one, other in zip(between, trained, strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            a.lerp_(b, TRAINED_SHARE)
    return between


def timbre_knobs(
    infer: Infer, decoder: BinsDecoder, space: Space, sounds: list[Sound], heard: dict[str, RenderedNote]
) -> Knobs:
    """Each timbre's place in knobs [16]: the mean of its notes' latents, moved downhill on some of these notes."""
    out: Knobs = {}
    for timbre in notes.timbres(sounds):
        own = [heard[s.file] for s in sorted(sounds, key=lambda s: s.pitch) if s.timbre == timbre]
        spread = np.unique(np.linspace(0, len(own) - 1, PLACING_NOTES).round().astype(int))
        mean = np.mean([infer(note) for note in own], axis=0)
        latent = refine(decoder, space, mean, [own[i] for i in spread])
        out[timbre] = np.clip(space.to_knobs(latent[None])[0], -places.LIMIT, places.LIMIT)
    return out
