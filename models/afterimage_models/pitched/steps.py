"""The steps from trained networks to a judged pack that all models of pitched notes share, from files to files."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .. import plugin_render
from ..note_data import RenderedNote
from ..onnx_manifest import write_manifest
from . import evaluation, export, leveller, pack, presets, sheet
from .axes import Posterior, Space, build_space, encodable, preset_latent
from .note_set import NoteSet
from .player import PackPlayer, ToBins, as_they_are
from .presets import KNOB_LIMIT, Recipes
from .trunk import LATENT, NoteTrunk

CHECKPOINT = "checkpoint.pt"
SPACE = "space.json"
METRICS = "metrics.json"
SINGLE_NOTES, SINGLE_SEED = 3000, 29
Rows = Sequence[dict[str, str | float]]
"""Rows of a manifest's metrics: name, value, set."""
Infer = Callable[[RenderedNote], np.ndarray]
"""A rendered note -> its latent [LATENT]."""


@dataclass(frozen=True)
class Trained:
    """A trained model as the later steps need it.

    `encode` gives the latent [LATENT] of a rendered note; `decoder` the bins of latents [n, LATENT]; `to_bins` those of
    the pack's frames.
    """

    shelf: pack.Shelf
    recipes: Recipes
    decoder: NoteTrunk
    encode: Infer
    to_bins: ToBins = as_they_are


def run(arguments: argparse.Namespace, known: dict[str, Callable[[argparse.Namespace], None]]) -> None:
    """Run the step that was asked for, on one thread: small tensors on two threads wait for each other.

    Raises ValueError for a step that the model does not have.
    """
    if arguments.step not in known:
        raise ValueError(f"{arguments.model} has no step '{arguments.step}': its steps are {', '.join(known)}")
    torch.set_num_threads(1)
    known[arguments.step](arguments)


def load_averages(checkpoint: Path, encoder: torch.nn.Module, decoder: torch.nn.Module) -> None:
    """The running averages of a training run, ready to use."""
    saved = torch.load(checkpoint, weights_only=True)
    encoder.load_state_dict(saved["average_encoder"])
    decoder.load_state_dict(saved["average_decoder"])
    encoder.eval()
    decoder.eval()


def export_pack(arguments: argparse.Namespace, model: Trained, notes: NoteSet, posterior: Posterior) -> Space:
    """Measure and name the axes, place the presets, even out loudness, write graph and manifest."""
    folder: Path = arguments.pack
    space = build_space(posterior, model.decoder, notes)
    knobs = presets.named_knobs(model.recipes, posterior, notes, space)
    metrics = folder / METRICS
    rows = json.loads(metrics.read_text())["manifest"] if metrics.exists() else []
    manifest = pack.manifest(model.shelf, space, knobs, rows)
    timbres = np.stack([preset_latent(posterior, notes, p) for p in notes.training_presets()])
    chosen = np.random.default_rng(SINGLE_SEED).choice(encodable(notes), SINGLE_NOTES, replace=False)
    single = posterior(chosen)[0]
    timbres, single = (np.clip(space.to_knobs(z), -KNOB_LIMIT, KNOB_LIMIT) for z in (timbres, single))
    level = leveller.fit(model.decoder, space, timbres, np.array(list(knobs.values())), single)
    write_pack(folder, export.PackDecoder(model.decoder, level, space.rotation, space.mean), manifest)
    saved = {"rotation": space.rotation.tolist(), "mean": space.mean.tolist()}
    (arguments.build / SPACE).write_text(json.dumps(saved))
    measure_speed(folder)
    return space


def write_pack(folder: Path, decoder: export.PackDecoder, manifest: dict) -> None:
    """The graph, with the manifest inside, and the manifest beside it."""
    export.export_decoder(decoder, folder / manifest["graphs"]["decode"]["file"])
    write_manifest(folder, manifest)


def ship_checkpoint(arguments: argparse.Namespace, model: Trained, more: dict | None = None) -> None:
    """Write the averaged networks, which another run can go on from, beside the graph."""
    saved = torch.load(arguments.build / CHECKPOINT, weights_only=True)
    kept = {k: v for k, v in saved.items() if k not in ("encoder", "decoder", "optimiser")}
    torch.save(kept | (more or {}), arguments.pack / f"{model.shelf.slug}.pt")


def load_space(arguments: argparse.Namespace) -> Space:
    """The knob space of the last export."""
    saved = json.loads((arguments.build / SPACE).read_text())
    return Space(np.array(saved["rotation"]), np.array(saved["mean"]), [])


def measure_speed(folder: Path, rows: int = 16, calls: int = 300) -> float:
    """Median microseconds a row of the graph at a batch of `rows` on one thread of ONNX Runtime."""
    player = PackPlayer(folder)
    column = np.ones((rows, 1), np.float32)
    feed = {
        "latent": np.zeros((rows, LATENT), np.float32), "pitch": 60 * column, "velocity": 0.8 * column,
        "time_on": 0.3 * column, "time_off": -column,
    }  # fmt: skip
    spent = []
    for _ in range(calls):
        start = time.perf_counter()
        player.session.run(["frame"], feed)
        spent.append(time.perf_counter() - start)
    micros = float(np.median(spent)) / rows * 1e6
    print(f"{micros:.1f} us a row at batch {rows}")
    return micros


def draw_sheet(arguments: argparse.Namespace, model: Trained) -> None:
    """Write contact-sheet.png."""
    content = sheet.panels(model.encode, load_space(arguments), PackPlayer(arguments.pack, model.to_bins))
    sheet.draw(content, arguments.pack / "contact-sheet.png")


def held_out_scores(encode: Infer, space: Space, others: dict[str, Infer]) -> dict[str, evaluation.Score]:
    """Held-out presets and keys, each note encoded from itself; the presets also by `others`, named by what they do."""
    held_presets, held_keys = evaluation.held_out_notes()
    scores = {
        "held-out-presets": evaluation.held_out_score(encode, space, held_presets),
        "held-out-keys": evaluation.held_out_score(encode, space, held_keys),
    }
    for name, infer in others.items():
        scores[f"held-out-presets-{name}"] = evaluation.held_out_score(infer, space, held_presets)
    return scores


def evaluate(
    arguments: argparse.Namespace, model: Trained, scores: dict[str, evaluation.Score], known: Rows = ()
) -> None:
    """Render scores and presets through the plugin, judge the WAVs, write metrics.json and the manifest.

    `known`: rows of metrics that no WAV tells.
    """
    player = PackPlayer(arguments.pack, model.to_bins)
    folder: Path = arguments.build / "evaluation"
    tables, late = {}, {}
    for name, score in (scores | {"shipped-presets": evaluation.preset_score(player)}).items():
        score.write(folder, name)
        wav = folder / f"{name}.wav"
        if arguments.stand_in:
            evaluation.render_stand_in(player, score, wav)
        else:
            automation = folder / f"{name}.automation.json"
            xtask = arguments.xtask.split()
            late[name] = plugin_render.render_plugin(xtask, arguments.pack, automation, score.seconds(), wav)
        if score.originals:
            tables[name] = evaluation.judge_held_out(folder, name, wav)
    shipped = evaluation.judge_presets(
        list(player.presets), folder / "shipped-presets.mid", folder / "shipped-presets.wav"
    )
    through = "NumPy stand-in" if arguments.stand_in else "plugin"
    found = {"tables": tables, "shipped": shipped, "late_frames": late, "through": through}
    write_metrics(arguments.pack, found, known)


def write_metrics(folder: Path, found: dict, known: Rows) -> None:
    """Write metrics.json and put its main rows into the manifest. `found`: tables, shipped, late_frames, through."""
    rows, through = [], found["through"]
    for name, table in found["tables"].items():
        place = f"{name.replace('-', ' ')}, WAV of the {through}"
        rows.append(_row("log_spectral_distance_db", table["log-spectral distance"]["mean"], place))
        rows.append(_row("share_within_25_cents", table["pitch against original"]["kept"], place))
    place = f"shipped presets, WAV of the {through}"
    shipped = found["shipped"].items()
    rows += [_row(f"share_{k}" if k.startswith("within") else k, v, place) for k, v in shipped]
    rows += known
    (folder / METRICS).write_text(json.dumps({"manifest": rows} | found, indent=1) + "\n")
    manifest = json.loads((folder / "manifest.json").read_text()) | {"metrics": rows}
    write_manifest(folder, manifest)
    print(json.dumps(rows, indent=1))


def _row(name: str, value: float, place: str) -> dict:
    return {"name": name, "value": round(value, 3), "set": place}
