"""`train` and `evaluate texture-vae-gan --data FOLDER` of a folder of textures: scan, fine-tune, export, measure."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ..onnx_manifest import write_manifest
from ..own_drums.command import forget_if_new, slug_of
from ..own_sounds import places
from ..own_sounds.card import LICENSE
from ..own_sounds.command import next_step
from ..own_sounds.errors import FolderError
from ..texture_vae_gan import pack
from ..texture_vae_gan.command import SHIPPED_CHECKPOINT, load_networks
from ..texture_vae_gan.drone_score import DroneScore
from ..texture_vae_gan.export import (
    PackDecoder,
    PackEncoder,
    export_decoder,
    export_encoder,
    fit_leveller,
    slim_decoder,
    slim_encoder,
)
from ..texture_vae_gan.frames import FRAMES_A_SECOND, mel_frames
from ..texture_vae_gan.network import Encoder
from ..texture_vae_gan.space import Space
from . import card
from .folder import OwnTexture, cut, scan, segments, texture_set
from .measuring import colour_db, liveliness_db, played
from .sheet import draw
from .training import OwnTrainer, minutes_for

BASE = "texture-vae-gan"
CHECKPOINT, METRICS, BEFORE = "checkpoint.pt", "metrics.json", "before.json"
THROUGH, DRAWN = "WAV of the plugin", "frames of the graph"
PLAYED_S = 4.0
SEED = 3


def run(arguments: argparse.Namespace, models: Path) -> None:
    """Make or judge the pack of the folder `arguments.data`, by default in `models`/own. Exits with one sentence if it
    cannot.
    """
    torch.set_num_threads(1)
    name = arguments.data.resolve().name
    slug = slug_of(name, "textures")
    arguments.build = arguments.build or models / "build" / "own" / slug
    arguments.pack = arguments.pack or models / "own" / slug
    try:
        if arguments.step == "train":
            make_pack(arguments, models / BASE, name, slug)
            print(next_step(arguments.pack))
        else:
            evaluate(arguments, models / BASE)
    except FolderError as error:
        sys.exit(f"error: {error}")


def shipped_space(base: Path) -> Space:
    """The knob space of the shipped pack: its matrix and centre from the graph, its axes from the manifest."""
    manifest = json.loads((base / "manifest.json").read_text())
    graph = onnx.load(str(base / manifest["graphs"]["decode"]["file"])).graph
    held = {i.name: numpy_helper.to_array(i) for i in graph.initializer if i.name in ("rotation", "mean")}
    rotation = held["rotation"].astype(np.float64)
    return Space(np.eye(len(rotation)), rotation, held["mean"].astype(np.float64), manifest["latent"]["axes"])


@torch.no_grad()
def knobs_of(encoder: Encoder, space: Space, textures: list[OwnTexture]) -> dict[str, np.ndarray]:
    """Preset name -> knobs [LATENT] of each texture, averaged over its segments."""
    graph = PackEncoder(encoder, space)
    return {t.name: graph(torch.from_numpy(segments(t))).numpy().mean(axis=0) for t in textures}


def make_pack(arguments: argparse.Namespace, base: Path, name: str, slug: str) -> None:
    """From the folder to graphs, manifest, numbers, card and contact sheet. Raises FolderError."""
    textures = scan(arguments.data)
    forget_if_new(arguments)
    seconds = sum(len(t.level) for t in textures) / FRAMES_A_SECOND
    minutes = arguments.minutes or minutes_for(seconds)
    print(f"{len(textures)} textures, {seconds:.0f} s; {minutes:.1f} minutes of training", flush=True)
    learned = texture_set(textures)
    trainer = OwnTrainer(learned, minutes, arguments.build / CHECKPOINT, base / SHIPPED_CHECKPOINT)
    trainer.run()
    print("writing the pack, measuring it", flush=True)
    space, folder = shipped_space(base), arguments.pack
    folder.mkdir(parents=True, exist_ok=True)
    encoder, decoder = trainer.average_encoder.eval(), trainer.average_decoder.eval()
    own = knobs_of(encoder, space, textures)
    presets = places.presets(own, [axis["name"] for axis in space.axes])
    graph = PackDecoder(slim_decoder(decoder, space), space)
    fit_leveller(graph, space, np.array(list(presets.values())))
    export_decoder(graph, folder / f"{slug}.onnx")
    small = slim_encoder(encoder, np.concatenate([segments(t) for t in textures]))
    export_encoder(PackEncoder(small, space), folder / f"{slug}-encode.onnx")
    described = manifest(name, slug, space, presets, own, len(textures))
    write_manifest(folder, described)
    theirs, shipped_decoder, _ = load_networks(base / SHIPPED_CHECKPOINT)
    before = knobs_of(theirs, space, textures)
    (arguments.build / BEFORE).write_text(json.dumps({n: k.tolist() for n, k in before.items()}))
    shipped_graph = PackDecoder(shipped_decoder, space)
    fit_leveller(shipped_graph, space, np.array(list(before.values())))
    made = [[played(g, np.clip(k[t.name], -3.0, 3.0), SEED) for t in textures]
            for g, k in ((shipped_graph, before), (graph, own))]  # fmt: skip
    results = _results(textures, *made)
    _describe(folder, described, results, trainer)
    panels = [
        (title, level)
        for i, t in enumerate(textures[:6])
        for title, level in ((t.file, t.level), (f"before ({card.BASE})", made[0][i]), ("after", made[1][i]))
    ]
    draw(panels, folder / "contact-sheet.png")


def manifest(
    name: str, slug: str, space: Space, presets: dict[str, list[float]], own: dict[str, np.ndarray], count: int
) -> dict[str, Any]:
    """The whole manifest."""
    made = pack.manifest(space, presets | {n: presets[next(iter(presets))] for n in pack.MOD_WHEEL}, [], [])
    made |= {
        "id": f"own.{slug}", "name": name, "version": "1", "authors": ["The owner of the recordings"],
        "tags": ["texture", "drone", "ambient", "own"], "license": LICENSE,
        "description": {
            "short": f"{count} textures of your own, and what lies between them.",
            "long": f"{made['name']}, trained on with {count} textures of the folder {name}: its textures are the "
            "presets, the knobs move them as they move the shipped ones. Any key opens a texture that never comes "
            "round again.",
            "technical": made["description"]["technical"],
        },
        "training_data": [{"name": name, "source": "own recordings", "license": LICENSE}, *made["training_data"]],
    }  # fmt: skip
    made["latent"]["presets"] = [{"name": n, "latent": values} for n, values in presets.items()]
    made["play"]["default_preset"] = next(iter(presets))
    made["play"]["mod_wheel_path"] = [presets[n] for n in places.wheel(own, presets)]
    made["graphs"]["decode"]["file"] = f"{slug}.onnx"
    made["graphs"]["encode"]["file"] = f"{slug}-encode.onnx"
    return made


def _results(textures: list[OwnTexture], before: list[np.ndarray], after: list[np.ndarray]) -> list[card.Result]:
    out = []
    for texture, a, b in zip(textures, before, after, strict=True):
        kept = cut(texture)
        judged = texture.level[kept:] if kept < len(texture.level) else texture.level
        lively = (liveliness_db(judged), liveliness_db(a), liveliness_db(b))
        seconds = len(texture.level) / FRAMES_A_SECOND
        apart = colour_db(judged, a), colour_db(judged, b)
        out.append(card.Result(texture.file, texture.name, seconds, *apart, lively))
    return out


def _describe(folder: Path, described: dict, results: list[card.Result], trainer: OwnTrainer) -> None:
    """Numbers into the manifest, metrics.json and card.md."""
    rows = card.metrics(results, DRAWN)
    write_manifest(folder, described | {"metrics": rows})
    each = [{"file": r.file, "before_db": round(r.before_db, 3), "after_db": round(r.after_db, 3)} for r in results]
    (folder / METRICS).write_text(json.dumps({"manifest": rows, "textures": each}, indent=1) + "\n")
    minutes, steps = trainer.clock.elapsed_s / 60.0, trainer.clock.step
    (folder / "card.md").write_text(card.text(described["name"], results, minutes, steps, DRAWN))
    for row in rows:
        print(f"{row['set']}: {row['value']:.2f} dB")


def evaluate(arguments: argparse.Namespace, base: Path) -> None:
    """Play every texture through the built plugin, with the shipped pack and with this one. Raises FolderError."""
    if not (arguments.pack / METRICS).exists():
        raise FolderError(f"{arguments.pack} holds no pack of own textures: train it first, with the same --data")
    textures = scan(arguments.data)
    described = json.loads((arguments.pack / "manifest.json").read_text())
    presets = {preset["name"]: preset["latent"] for preset in described["latent"]["presets"]}
    before = json.loads((arguments.build / BEFORE).read_text())
    made = []
    for name, folder, knobs in (("before", base, before), ("after", arguments.pack, presets)):
        score = DroneScore(PLAYED_S)
        for texture in textures:
            score.add(np.array(knobs[texture.name]))
        sounds, late = score.play(arguments.xtask, folder, arguments.build / "evaluation", name)
        print(f"{name}: {late} late frames")
        made.append([mel_frames(sound) for sound in sounds])
    rows = card.metrics(_results(textures, *made), THROUGH)
    saved = json.loads((arguments.pack / METRICS).read_text())
    rows = [row for row in saved["manifest"] if THROUGH not in row["set"]] + rows
    (arguments.pack / METRICS).write_text(json.dumps(saved | {"manifest": rows}, indent=1) + "\n")
    write_manifest(arguments.pack, described | {"metrics": rows})
    for row in rows:
        print(f"{row['set']}: {row['value']:.2f} dB")
