"""The steps of the spectral GAN, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from ..drum_gan import command as drums
from ..drum_gan import evaluation, sheet
from ..drum_gan.axes import MEASURES, Space, measure
from ..drum_gan.hit_set import HELD_OUT, TRAIN, HitSet
from ..drum_gan.kit import LABELS
from ..drum_gan.network import soft_gate
from ..drum_gan.regression import load_regressor
from ..latent_axes import Heard, named_axes
from ..onnx_manifest import write_manifest
from ..pack_metrics import measured, write_metrics
from . import pack, training
from .export import SLIMMED_BY, MagnitudePack, export_onnx, slim
from .network import LATENT, MagnitudeGenerator, ShapedGenerator, class_row
from .regions import class_regions, fit_classifier

CHECKPOINT, SHIPPED_CHECKPOINT = "checkpoint.pt", "spectral-gan.pt"
SLIMMING_SEED = 72


def data(arguments: argparse.Namespace) -> None:
    """The drum GAN's training set."""
    drums.data(arguments)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given; `--start` names a checkpoint to begin at."""
    arguments.build.mkdir(parents=True, exist_ok=True)
    settings = training.Settings(seconds=60.0 * arguments.minutes)
    regressor = load_regressor(arguments.data)
    training.train(arguments.data, regressor, settings, arguments.build / CHECKPOINT, arguments.start)


def load_generator(checkpoint: Path) -> MagnitudeGenerator:
    """The running average of a checkpoint."""
    generator = MagnitudeGenerator()
    generator.load_state_dict(torch.load(checkpoint, weights_only=True, map_location="cpu")["average_generator"])
    return generator.eval()


@torch.no_grad()
def listen(generator: MagnitudeGenerator, space: Space, white: np.ndarray) -> Heard:
    """Hits of whitened latents [n, LATENT], of all classes in turn."""
    label = np.arange(len(white)) % len(LABELS)
    inner = torch.tensor(space.to_inner(white, label), dtype=torch.float32)
    parts = zip(inner.split(32), torch.from_numpy(label).split(32), strict=True)
    made = [generator.smooth(latent, own) for latent, own in parts]
    level, noisiness = (torch.cat(both) for both in zip(*made, strict=True))
    level = soft_gate(level)
    return Heard(measure(level, noisiness), level.numpy(), np.zeros((len(white), 0)))


def build_space(generator: MagnitudeGenerator, data: Path) -> Space:
    """The named, ordered knob space: every class begins where the generator's draws sound like it."""
    regressor = load_regressor(data).requires_grad_(False)
    classifier, right = fit_classifier(HitSet(data), regressor)
    roots, means, shares = class_regions(generator, classifier, regressor)
    print(f"classifier right on {100.0 * right:.0f} % of hits it was not fitted to; taken for their class, by class:")
    print({name: [round(float(v), 2) for v in share] for name, share in zip(LABELS, shares, strict=True)}, flush=True)
    plain = Space(np.eye(LATENT), roots, means, [])
    basis, axes = named_axes(lambda white: listen(generator, plain, white), MEASURES, LATENT, len(LABELS))
    return Space(basis, roots, means, axes)


def slimmed(generator: MagnitudeGenerator, space: Space) -> ShapedGenerator:
    """The generator's body with thinner layers, as hits of random knobs have them."""
    label = np.arange(SLIMMED_BY) % len(LABELS)
    knobs = np.random.default_rng(SLIMMING_SEED).standard_normal((SLIMMED_BY, LATENT))
    latent = torch.tensor(space.to_inner(knobs, label), dtype=torch.float32)
    return slim(generator.body, latent, class_row(torch.from_numpy(label)))


def export_pack(arguments: argparse.Namespace) -> None:
    """Find the classes, measure and name the axes, place the presets, write graph, manifest and checkpoint."""
    folder, checkpoint = arguments.pack, arguments.build / CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    generator = load_generator(checkpoint)
    space = build_space(generator, arguments.data)
    graph = MagnitudePack(slimmed(generator, space), space)
    rows, tags = measured(folder)
    manifest = pack.manifest(space, pack.named_knobs(space.axes), rows, tags)
    export_onnx(graph, folder / pack.GRAPH)
    write_manifest(folder, manifest)
    drums.calibrate(graph, drums.stage_of(arguments))
    export_onnx(graph, folder / pack.GRAPH)
    write_manifest(folder, manifest)
    shutil.copyfile(checkpoint, folder / SHIPPED_CHECKPOINT)
    for axis in space.axes:
        print({k: axis[k] for k in ("name", "effect_in_spreads", "largest_other_in_spreads", "spectral_change_db")})


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png from the plugin's WAV."""
    held_out = drums.real_hits(HitSet(arguments.data), arguments.data, HELD_OUT)
    content = sheet.panels(drums.stage_of(arguments), held_out, None, drums.presets_of(arguments.pack))
    sheet.draw(content, arguments.pack / "contact-sheet.png")


def goals(found: dict) -> list[dict]:
    """The model's targets with what was measured: rows of name, value, limit, met, set."""
    likeness = found["likeness"]
    made, real = likeness["kernel_distance"]["value"], likeness["kernel_distance_real"]
    # An unbiased distance of two samples of one set lies about 0: the upper end of its interval stands in for it.
    over_upper, loud = made / real["high"], found["presets"]["spread_of_presets_lu"]
    rows = [
        ("kernel_distance", made, f"<= 4 x {real['value']:.3f}", 0.0 < made <= 4.0 * real["value"], "held out"),
        ("kernel_distance_over_real_upper", over_upper, "<= 4", over_upper <= 4.0, "held out"),
        ("diversity", likeness["diversity"], ">= 0.8", likeness["diversity"] >= 0.8, "training hits, within classes"),
        ("copies", likeness["copies"], "<= 0.02", likeness["copies"] <= 0.02, "training hits"),
        ("preset_loudness_lu", loud, "<= 1.5", loud <= 1.5, "shipped presets"),
    ]
    return [
        {"name": n, "value": v, "limit": limit, "met": bool(met), "set": f"{where}, WAV of the plugin"}
        for n, v, limit, met, where in rows
    ]


def evaluate(arguments: argparse.Namespace) -> None:
    """Render through the plugin, judge the WAVs, write metrics.json and the manifest's rows."""
    hits, stage = HitSet(arguments.data), drums.stage_of(arguments)
    train_hits, held_out = (drums.real_hits(hits, arguments.data, split) for split in (TRAIN, HELD_OUT))
    found = {
        "presets": evaluation.preset_loudness(stage, drums.presets_of(arguments.pack)),
        "likeness": evaluation.likeness(stage, train_hits, held_out, LATENT),
    }
    write_metrics(arguments.pack, found | {"late_frames": stage.late}, goals(found))


STEPS = {"data": data, "train": train, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for, on one thread: small tensors on two threads wait for each other."""
    torch.set_num_threads(1)
    if arguments.step not in STEPS:
        raise SystemExit(f"spectral-gan has no step '{arguments.step}': choose one of {', '.join(STEPS)}")
    STEPS[arguments.step](arguments)
