"""The steps of the drum GAN, each from files to files: data, train, correct, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..judges.timbre import timbre
from ..onnx_manifest import write_manifest
from ..pack_metrics import measured, write_metrics
from . import evaluation, hit_data, pack, regression, sheet
from .axes import Space, build_space, encode
from .calibration import calibration_score, fit_loss
from .descriptors import TIMBRAL
from .export import PackGenerator, export_onnx, graph_frames
from .finishing import SETTINGS as FINISHING
from .finishing import Finisher
from .frames import KNOTS
from .hit_set import HELD_OUT, TRAIN, HitSet, write_recordings
from .network import Encoder, Generator, Leveller
from .preparation import TARGET_LUFS
from .presets import named_knobs
from .regression import load_regressor
from .training import Settings, Trainer

CHECKPOINT, SHIPPED_CHECKPOINT = "checkpoint.pt", "drum-gan.pt"
CORRECTED, CORRECTION_SEED, CORRECTION_HITS = "regressor.pt", 42, 600
SPACE = "space.npz"


def data(arguments: argparse.Namespace) -> None:
    """Collect, vary and measure the training set."""
    hit_data.build(arguments.data)
    write_recordings(arguments.data, arguments.data)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given; `--start` names a checkpoint to begin at."""
    arguments.build.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.build / CHECKPOINT
    settings = Settings(minutes=arguments.minutes, learning_rate=arguments.rate)
    regressor = load_regressor(arguments.data, arguments.build / CORRECTED)
    if arguments.start is None:
        trainer = Trainer(HitSet(arguments.data), settings, checkpoint, regressor)
    else:
        trainer = Finisher(HitSet(arguments.data), replace(FINISHING, minutes=arguments.minutes), checkpoint, regressor)
        if not checkpoint.exists():
            trainer.start_from(arguments.start)
    trainer.resume()
    trainer.run()


def correct(arguments: argparse.Namespace) -> None:
    """Measure hits of the exported pack on the plugin's WAV and fit the regressor to them too; then train on.

    Every round adds to the hits of the rounds before, which the build folder keeps.
    """
    rounds = regression.corrections(arguments.build / CORRECTED)
    seed = CORRECTION_SEED + sum(len(values) for _, values in rounds)  # other hits in every round
    score = calibration_score(seed, count=CORRECTION_HITS, margin=0.0)
    played = stage_of(arguments).play(score, "correction")
    levels = torch.from_numpy(graph_frames(arguments.pack / pack.GRAPH, score)[:, KNOTS])
    levels = (levels + Leveller(KNOTS)(levels)).numpy()  # without what makes up for the inverse, as training sees them
    values = np.array([list(timbre(hit.audio, TIMBRAL).values()) for hit in played])
    print(regression.correct(arguments.data, levels, values, arguments.build / CORRECTED))


def load_networks(checkpoint: Path) -> tuple[Encoder, Generator]:
    """The running averages of a checkpoint."""
    saved = torch.load(checkpoint, weights_only=True)
    encoder, generator = Encoder(), Generator()
    encoder.load_state_dict(saved["average_encoder"])
    generator.load_state_dict(saved["average_generator"])
    return encoder.eval(), generator.eval()


def export_pack(arguments: argparse.Namespace) -> None:
    """Measure and name the axes, place the presets, write graph, manifest and the checkpoint to resume from."""
    folder, checkpoint = arguments.pack, arguments.build / CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    encoder, generator = load_networks(checkpoint)
    regressor = load_regressor(arguments.data, arguments.build / CORRECTED)
    space = build_space(encoder, generator, HitSet(arguments.data), regressor)
    pack_generator = PackGenerator(generator, space)
    export_onnx(pack_generator, folder / pack.GRAPH)
    rows, tags = measured(folder)
    manifest = pack.manifest(space, named_knobs(space), rows, tags)
    write_manifest(folder, manifest)
    calibrate(pack_generator, stage_of(arguments))
    export_onnx(pack_generator, folder / pack.GRAPH)
    write_manifest(folder, manifest)
    space.save(arguments.build / SPACE)
    kept = torch.load(checkpoint, weights_only=True)
    # Optimisers are left out: they are twice the networks, and warm up again within minutes.
    names = ("average_encoder", "average_generator", "critic", "step", "elapsed_s")
    torch.save({n: kept[n] for n in names}, folder / SHIPPED_CHECKPOINT)
    for axis in space.axes:
        print({k: axis[k] for k in ("name", "effect_in_spreads", "largest_other_in_spreads", "spectral_change_db")})


def calibrate(generator: PackGenerator, stage: evaluation.Stage) -> None:
    """Measure what the plugin's inverse loses, with the pack as exported without, and make up for it."""
    score = calibration_score(size=generator.rotation.shape[1])
    played = stage.play(score, "calibration")
    remains = fit_loss(generator.loss, generator.loss_features(score), played, TARGET_LUFS + pack.GAIN_DB)
    print(f"loudness after calibration: {remains:.2f} dB standard deviation over {len(played)} random hits")


def real_hits(hits: HitSet, folder: Path, split: int) -> evaluation.RealHits:
    """The recorded hits of a split."""
    rows = hits.rows(split)
    sounds = np.load(folder / "hits.npy", mmap_mode="r")
    return evaluation.RealHits([sounds[r].astype(np.float32) for r in rows], hits.label[rows], hits.knobs[rows])


def encoded_knobs(arguments: argparse.Namespace, hits: HitSet) -> np.ndarray:
    """Latents [held-out hits, LATENT] in knob units, each hit encoded from itself."""
    encoder, _ = load_networks(arguments.build / CHECKPOINT)
    rows = hits.rows(HELD_OUT)
    return Space.load(arguments.build / SPACE).to_knobs(encode(encoder, hits, rows)[0], hits.label[rows])


def presets_of(folder: Path) -> dict[str, list[float]]:
    """Name -> knob values of a pack's presets."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return {preset["name"]: preset["latent"] for preset in manifest["latent"]["presets"]}


def stage_of(arguments: argparse.Namespace) -> evaluation.Stage:
    """Where this command plays its renders."""
    return evaluation.Stage(arguments.xtask, arguments.pack, arguments.build / "evaluation")


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png from the plugin's WAV."""
    hits = HitSet(arguments.data)
    held_out = real_hits(hits, arguments.data, HELD_OUT)
    content = sheet.panels(stage_of(arguments), held_out, encoded_knobs(arguments, hits), presets_of(arguments.pack))
    sheet.draw(content, arguments.pack / "contact-sheet.png")


def evaluate(arguments: argparse.Namespace) -> None:
    """Render through the plugin, judge the WAVs, write metrics.json and the manifest's rows."""
    hits, stage = HitSet(arguments.data), stage_of(arguments)
    training, held_out = (real_hits(hits, arguments.data, split) for split in (TRAIN, HELD_OUT))
    found = {
        "presets": evaluation.preset_loudness(stage, presets_of(arguments.pack)),
        "sharpness": evaluation.sharpness(stage, encoded_knobs(arguments, hits), held_out),
        "likeness": evaluation.likeness(stage, training, held_out),
        "control": evaluation.control(stage, hits.scale),
        "drift": evaluation.drift(stage, hits.scale),
    }
    write_metrics(arguments.pack, found | {"late_frames": stage.late}, evaluation.goals(found))


STEPS = {
    "data": data,
    "train": train,
    "correct": correct,
    "export": export_pack,
    "sheet": draw_sheet,
    "evaluate": evaluate,
}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for, on one thread: small tensors on two threads wait for each other."""
    torch.set_num_threads(1)
    if arguments.step not in STEPS:
        raise SystemExit(f"drum-gan has no step '{arguments.step}': choose one of {', '.join(STEPS)}")
    STEPS[arguments.step](arguments)
