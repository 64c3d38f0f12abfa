"""`train` and `evaluate keys-vae --data FOLDER` of a folder of sounds: scan, fine-tune, place, export, measure."""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ..keys_vae.encoding import first_guess
from ..keys_vae.pack import SHELF
from ..note_data import RenderedNote
from ..onnx_manifest import write_manifest
from ..pitched import leveller, pack, sheet
from ..pitched.axes import Space
from ..pitched.bins_decoder import BinsDecoder
from ..pitched.export import PackDecoder
from ..pitched.note_set import NoteSet
from ..pitched.player import PackPlayer
from ..pitched.steps import CHECKPOINT, METRICS, write_pack
from . import card, judging, notes, places
from .base import TRAINED_SHARE, Knobs, blended, shipped_model, shipped_space, timbre_knobs
from .errors import FolderError
from .folder import Sound, read_sound
from .measuring import distances, judged
from .panels import panels
from .training import OwnTrainer, minutes_for, settings_for

RATE = 1e-3
PRIOR_POINTS, PRIOR_SEED = 80, 31  # of the knob space that loudness is evened out over besides


def run(arguments: argparse.Namespace, models: Path) -> None:
    """Make or judge the pack of the folder `arguments.data`, by default in `models`/own. Exits with one sentence if it
    cannot.
    """
    torch.set_num_threads(1)
    name, shipped = arguments.data.resolve().name, models / SHELF.slug
    slug = card.shelf(SHELF, name, (), 0).slug
    arguments.build = arguments.build or models / "build" / "own" / slug
    arguments.pack = arguments.pack or models / "own" / slug
    try:
        if arguments.step == "train":
            make_pack(arguments, shipped, name, train(arguments, shipped))
            print(next_step(arguments.pack))
        else:
            evaluate(arguments)
    except FolderError as error:
        sys.exit(f"error: {error}")


def evaluate(arguments: argparse.Namespace) -> None:
    """Judge the pack through the built plugin. Raises FolderError."""
    if not (arguments.pack / METRICS).exists():
        raise FolderError(f"{arguments.pack} holds no pack of own sounds: train it first, with the same --data")
    sounds, _ = notes.build(arguments.data, arguments.build / "notes")
    judging.evaluate(arguments, sounds, listen(arguments.data, sounds))


def listen(folder: Path, sounds: list[Sound]) -> dict[str, RenderedNote]:
    """The notes of a folder by file, as they are compared."""
    return {s.file: judged(s, read_sound(folder / s.file)) for s in sounds}


def train(arguments: argparse.Namespace, shipped: Path) -> list[Sound]:
    """Write the folder's arrays and train, on from where an interrupted run stopped. Raises FolderError."""
    data, checkpoint = arguments.build / "notes", arguments.build / CHECKPOINT
    sounds, new = notes.build(arguments.data, data)
    if new:
        checkpoint.unlink(missing_ok=True)
    settings = settings_for(arguments.minutes or minutes_for(len(sounds)), arguments.rate or RATE)
    kept = len(notes.held_out(sounds))
    print(f"{len(sounds)} sounds, {kept} held out; {settings.minutes:.1f} minutes of training", flush=True)
    base = shipped / f"{SHELF.slug}.pt"
    trainer = OwnTrainer(NoteSet(data, min_source_hold_s=0.0), settings, checkpoint, base, shipped_space(shipped))
    trainer.go_on(arguments.start or base)
    return sounds


def make_pack(arguments: argparse.Namespace, shipped: Path, name: str, sounds: list[Sound]) -> None:
    """Place the presets, write graph, manifest, numbers, card and contact sheet of what was trained."""
    print("placing the presets, writing the pack, measuring it", flush=True)
    folder, checkpoint, space = arguments.pack, arguments.build / CHECKPOINT, shipped_space(shipped)
    heard = listen(arguments.data, sounds)
    kept_out = notes.held_out(sounds)
    trained = [s for s in sounds if s.file not in kept_out]
    encoder, decoder = blended(shipped, checkpoint)
    infer = partial(first_guess, encoder)
    before = timbre_knobs(*shipped_model(shipped), space, trained, heard)
    after = timbre_knobs(infer, decoder, space, trained, heard)
    folder.mkdir(parents=True, exist_ok=True)
    _export(folder, name, decoder, space, after, np.stack([infer(heard[s.file]) for s in trained]))
    packs, knobs = (shipped, folder), (before, after)
    results = _measured(packs, knobs, sounds, heard)
    saved = torch.load(checkpoint, weights_only=True)
    _describe(folder, name, results, card.Run(saved["elapsed_s"] / 60.0, saved["step"], TRAINED_SHARE))
    sheet.draw(panels(packs, knobs, results, heard), folder / "contact-sheet.png")


def _export(
    folder: Path, name: str, decoder: BinsDecoder, space: Space, timbres: Knobs, single: np.ndarray
) -> None:  # fmt: skip
    """Graph and manifest, loudness evened out. `single`: [sounds, 16] latents of single notes."""
    knobs = places.presets(timbres, [axis["name"] for axis in space.axes])
    prior = np.random.default_rng(PRIOR_SEED).standard_normal((PRIOR_POINTS, len(space.mean)))
    over = np.concatenate([np.stack(list(timbres.values())), prior])
    alone = np.clip(space.to_knobs(single), -places.LIMIT, places.LIMIT)
    level = leveller.fit(decoder, space, over, np.array(list(knobs.values())), alone)
    shelf = card.shelf(SHELF, name, places.wheel(timbres, knobs), len(single))
    manifest = pack.manifest(shelf, space, knobs, [])
    write_pack(folder, PackDecoder(decoder, level, space.rotation, space.mean), manifest)


def _measured(
    packs: tuple[Path, Path], knobs: tuple[Knobs, Knobs], sounds: list[Sound], heard: dict[str, RenderedNote]
) -> list[card.Result]:
    """Every sound against the shipped pack and against this one."""
    own = [heard[s.file] for s in sounds]
    before, after = (
        distances(PackPlayer(path), own, [known[s.timbre] for s in sounds])
        for path, known in zip(packs, knobs, strict=True)
    )
    kept_out = notes.held_out(sounds)
    rows = zip(sounds, before, after, strict=True)
    return [card.Result(sound, sound.file in kept_out, a, b) for sound, a, b in rows]


def _describe(folder: Path, name: str, results: list[card.Result], taken: card.Run) -> None:
    """Numbers into the manifest, metrics.json and card.md."""
    rows = card.metrics(results)
    manifest = json.loads((folder / "manifest.json").read_text()) | {"metrics": rows}
    write_manifest(folder, manifest)
    each = [
        {"file": r.sound.file, "before_db": round(r.before_db, 3), "after_db": round(r.after_db, 3)} for r in results
    ]
    (folder / METRICS).write_text(json.dumps({"manifest": rows, "sounds": each}, indent=1) + "\n")
    (folder / "card.md").write_text(card.text(name, SHELF.name, results, taken))
    for row in rows:
        print(f"{row['set']}: {row['value']:.2f} dB")


def next_step(folder: Path) -> str:
    """Where the plugin's shelf looks for a user's packs, as `shelf.rs` has it."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return (
        f"done: {folder}\nnext: copy this folder into {base / 'afterimage' / 'packs'} and open the shelf in the plugin "
        "(`cargo xtask packs` lists it; `cargo xtask check-model` and `render --pack` take its path)"
    )
