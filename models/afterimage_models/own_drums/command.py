"""`train` and `evaluate drum-gan --data FOLDER` of a folder of hits: scan, fine-tune, place, export, measure."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch

from ..adversarial.run import save
from ..drum_gan.export import export_onnx
from ..drum_gan.frames import hit_frames
from ..drum_gan.hit_score import HitScore
from ..drum_gan.kit import LABELS, LATENT
from ..onnx_manifest import write_manifest
from ..own_sounds.command import next_step
from ..own_sounds.errors import FolderError
from ..own_sounds.folder import audio_files
from . import card, frames, kits
from .export import OwnPack, manifest
from .folder import BY_NAME, OwnHit, scan
from .shipped import Shipped
from .targets import Targets, targets
from .training import OwnTrainer, Places, minutes_for, place

BASE = "drum-gan"
CHECKPOINT, BEFORE, METRICS, STAMP = "checkpoint.pt", "before.pt", "metrics.json", "folder.json"
HOLD_OUT_FROM, HOLD_OUT_SHARE = 20, 0.1
SHEET_ROWS = 6
THROUGH, DRAWN = "WAV of the plugin", "frames of the graph"


def slug_of(name: str, instead: str = "drums") -> str:
    """Small letters, digits and hyphens of a folder's name; `instead` where it has none."""
    slug = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split())
    return slug or instead


def run(arguments: argparse.Namespace, models: Path) -> None:
    """Make or judge the pack of the folder `arguments.data`, by default in `models`/own. Exits with one sentence if it
    cannot.
    """
    torch.set_num_threads(1)
    name = arguments.data.resolve().name
    slug = slug_of(name)
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


def heard(folder: Path, shipped: Shipped) -> list[OwnHit]:
    """The hits of a folder, those without a telling name classed by ear."""

    def ear(sounds: list[np.ndarray]) -> list[int]:
        return shipped.ear(targets([OwnHit("", 0, BY_NAME, sound) for sound in sounds])) if sounds else []

    return scan(folder, ear)


def held_out(hits: list[OwnHit]) -> list[int]:
    """Rows kept from training, by seed: a tenth of many, never the only ones of their drum."""
    left = {label: sum(hit.label == label for hit in hits) for label in range(len(LABELS))}
    out: list[int] = []
    if len(hits) < HOLD_OUT_FROM:
        return out
    for row in np.random.default_rng(7).permutation(len(hits)):
        label = hits[int(row)].label
        if len(out) < round(HOLD_OUT_SHARE * len(hits)) and left[label] > 2:
            left[label] -= 1
            out.append(int(row))
    return sorted(out)


def forget_if_new(arguments: argparse.Namespace) -> None:
    """Drop the checkpoint of another state of the folder."""
    rows = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in audio_files(arguments.data)]
    stamp = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    arguments.build.mkdir(parents=True, exist_ok=True)
    known = arguments.build / STAMP
    if not known.exists() or known.read_text() != stamp:
        for file in (CHECKPOINT, BEFORE):
            (arguments.build / file).unlink(missing_ok=True)
        known.write_text(stamp)


def train(arguments: argparse.Namespace, shipped: Shipped, hits: Targets, learned: list[int]) -> OwnTrainer:
    """Find the hits' places and train, on from where an interrupted run stopped."""
    minutes = arguments.minutes or minutes_for(len(hits))
    trainer = OwnTrainer(shipped, hits.rows(np.array(learned)), minutes, arguments.build / CHECKPOINT)
    if not trainer.resume():
        print("placing the hits in the shipped pack", flush=True)
        before = place(shipped, shipped.generator, hits)
        save({"latent": before.latent, "knobs": before.knobs}, arguments.build / BEFORE)
        trainer.start_at(Places(before.latent[learned], before.knobs))
    print(f"{len(learned)} hits, {len(hits) - len(learned)} held out; {minutes:.1f} minutes of training", flush=True)
    trainer.run()
    return trainer


def make_pack(arguments: argparse.Namespace, base: Path, name: str, slug: str) -> None:
    """From the folder to graph, manifest, numbers, card and contact sheet. Raises FolderError."""
    shipped = Shipped.load(base)
    hits = heard(arguments.data, shipped)
    forget_if_new(arguments)
    everything, kept = targets(hits), held_out(hits)
    learned = [row for row in range(len(hits)) if row not in kept]
    trainer = train(arguments, shipped, everything, learned)
    print("writing the pack, measuring it", flush=True)
    generator, found = trainer.average.eval().requires_grad_(False), trainer.places()
    latent = torch.zeros(len(hits), LATENT)
    latent[learned] = found.latent
    if kept:
        latent[kept] = place(shipped, generator, everything.rows(np.array(kept)), found.knobs).latent
    own = kits.build(shipped, kits.chosen(hits, learned), latent)
    folder = arguments.pack
    folder.mkdir(parents=True, exist_ok=True)
    graph = OwnPack(generator, shipped, own, found)
    export_onnx(graph, folder / f"{slug}.onnx")
    classes = np.unique([hit.label for hit in hits])
    described = manifest(name, slug, own, classes, len(hits))
    write_manifest(folder, described)
    save({"latent": latent, "knobs": found.knobs}, arguments.build / "after.pt")
    _measure(arguments, shipped, hits, kept, graph, own, described, trainer)


def _measure(
    arguments: argparse.Namespace, shipped: Shipped, hits: list[OwnHit], kept: list[int], graph: OwnPack,
    own: kits.Kits, described: dict, trainer: OwnTrainer,
) -> None:  # fmt: skip
    saved = torch.load(arguments.build / BEFORE, weights_only=True)
    label = torch.tensor([hit.label for hit in hits])
    base = OwnPack(
        shipped.generator, shipped, kits.Kits(shipped.rotation, shipped.mean, own.rows, []),
        Places(saved["latent"], saved["knobs"]),
    )  # fmt: skip
    before_knobs = shipped.knobs(saved["latent"], label).clamp(-3.0, 3.0).numpy()
    knobs, kit_of = places_of(own, hits, torch.load(arguments.build / "after.pt", weights_only=True)["latent"])
    before, after = frames.drawn(base, before_knobs, label), frames.drawn(graph, knobs, label)
    results = _results(hits, kept, kit_of, before, after)
    _describe(arguments.pack, described, results, trainer, DRAWN)
    content = []
    for row in sorted(range(len(hits)), key=lambda i: kit_of[i] if kit_of[i] is not None else 99)[: 2 * SHEET_ROWS]:
        title = f"{LABELS[hits[row].label]}: {hits[row].file}"
        content += [(title, hit_frames(hits[row].audio)), (f"before ({card.BASE})", before[row]), ("after", after[row])]
    frames.draw(content, arguments.pack / "contact-sheet.png")


def places_of(own: kits.Kits, hits: list[OwnHit], latent: torch.Tensor) -> tuple[np.ndarray, list[int | None]]:
    """Knobs [hits, LATENT] that play each hit, and the number of its kit: None where no kit plays it."""
    label = torch.tensor([hit.label for hit in hits])
    knobs, presets = own.nearest_knobs(latent, label), list(own.knobs().values())
    kit_of: list[int | None] = [None] * len(hits)
    for kit in reversed(range(len(own.rows))):
        for row in own.rows[kit]:
            if row >= 0:
                kit_of[row], knobs[row] = kit, presets[kit]
    return knobs, kit_of


def _results(
    hits: list[OwnHit], kept: list[int], kit_of: list[int | None], before: list[np.ndarray], after: list[np.ndarray]
) -> list[card.Result]:
    heard = [hit_frames(hit.audio) for hit in hits]
    return [
        card.Result(
            hit, kit_of[row], row in kept, frames.distance_db(heard[row], before[row]),
            frames.distance_db(heard[row], after[row]),
        )
        for row, hit in enumerate(hits)
    ]  # fmt: skip


def _describe(
    folder: Path, described: dict, results: list[card.Result], trainer: OwnTrainer, through: str
) -> None:  # fmt: skip
    """Numbers into the manifest, metrics.json and card.md."""
    rows = card.metrics(results, through)
    write_manifest(folder, described | {"metrics": rows})
    each = [
        {"file": r.hit.file, "drum": LABELS[r.hit.label], "before_db": round(r.before_db, 3),
         "after_db": round(r.after_db, 3)} for r in results
    ]  # fmt: skip
    (folder / METRICS).write_text(json.dumps({"manifest": rows, "hits": each}, indent=1) + "\n")
    minutes, steps = trainer.clock.elapsed_s / 60.0, trainer.clock.step
    (folder / "card.md").write_text(card.text(described["name"], results, minutes, steps, through))
    for row in rows:
        print(f"{row['set']}: {row['value']:.2f} dB")


def evaluate(arguments: argparse.Namespace, base: Path) -> None:
    """Play every hit through the built plugin, with the shipped pack and with this one. Raises FolderError."""
    if not (arguments.pack / METRICS).exists():
        raise FolderError(f"{arguments.pack} holds no pack of own hits: train it first, with the same --data")
    shipped = Shipped.load(base)
    hits = heard(arguments.data, shipped)
    kept = held_out(hits)
    label = torch.tensor([hit.label for hit in hits])
    before, after = (torch.load(arguments.build / file, weights_only=True) for file in (BEFORE, "after.pt"))
    learned = [row for row in range(len(hits)) if row not in kept]
    own = kits.build(shipped, kits.chosen(hits, learned), after["latent"])
    knobs, kit_of = places_of(own, hits, after["latent"])
    base_knobs = shipped.knobs(before["latent"], label).clamp(-3.0, 3.0).numpy()
    played = []
    middle = torch.full_like(before["knobs"], 0.5)
    asked = (("before", base, base_knobs, before["knobs"]), ("after", arguments.pack, knobs, middle))
    for name, pack, place_of, resting in asked:
        score = HitScore()
        for row, hit in enumerate(hits):
            score.add(hit.label, place_of[row], resting[hit.label].numpy())
        sounds, late = score.play(arguments.xtask, pack, arguments.build / "evaluation", name)
        print(f"{name}: {late} late frames")
        played.append([hit_frames(sound.audio) for sound in sounds])
    results = _results(hits, kept, kit_of, *played)
    rows = card.metrics(results, THROUGH)
    saved = json.loads((arguments.pack / METRICS).read_text())
    rows = [row for row in saved["manifest"] if THROUGH not in row["set"]] + rows
    (arguments.pack / METRICS).write_text(json.dumps(saved | {"manifest": rows}, indent=1) + "\n")
    described = json.loads((arguments.pack / "manifest.json").read_text())
    write_manifest(arguments.pack, described | {"metrics": rows})
    for row in rows:
        print(f"{row['set']}: {row['value']:.2f} dB")
