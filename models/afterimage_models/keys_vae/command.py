"""The steps of the keys VAE, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from .. import note_data
from ..note_data import RenderedNote
from . import evaluation, export, leveller, pack, plugin_render, presets, sheet
from .axes import Space, build_space, posterior, preset_latent
from .encoding import encode_note, first_guess, load_encoder, load_networks, refine
from .iterated import IteratedEncoder
from .iterated_training import CorrectionTrainer
from .network import Encoder
from .note_set import TRAIN, NoteSet
from .player import PackPlayer
from .presets import KNOB_LIMIT
from .training import Settings, Trainer

CHECKPOINT = "checkpoint.pt"
CORRECTIONS = "corrections.pt"
SHIPPED_CHECKPOINT = "keys-vae.pt"
SPACE = "space.json"
METRICS = "metrics.json"
SINGLE_NOTES, SINGLE_SEED = 3000, 29


def data(arguments: argparse.Namespace) -> None:
    """Render the training set."""
    note_data.build(arguments.data)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given."""
    arguments.build.mkdir(parents=True, exist_ok=True)
    settings = Settings(minutes=arguments.minutes, learning_rate=arguments.rate)
    checkpoint = arguments.build / CHECKPOINT
    trainer = Trainer(NoteSet(arguments.data), settings, checkpoint)
    if arguments.start is not None and not checkpoint.exists():
        trainer.start_from(arguments.start)
    trainer.resume()
    trainer.run()


def correct(arguments: argparse.Namespace) -> None:
    """Train the encoder's corrections for the minutes given, on the networks of the last training."""
    iterated = IteratedEncoder(*load_networks(arguments.build / CHECKPOINT))
    corrections = arguments.build / CORRECTIONS
    if corrections.exists():
        iterated.take_corrections(torch.load(corrections, weights_only=True))
    CorrectionTrainer(NoteSet(arguments.data), iterated, arguments.minutes).run(corrections)


def export_pack(arguments: argparse.Namespace) -> None:
    """Measure and name the axes, place the presets, write graph, manifest and the checkpoint to resume from."""
    folder: Path = arguments.pack
    encoder, decoder = load_networks(arguments.build / CHECKPOINT)
    notes = NoteSet(arguments.data)
    space = build_space(encoder, decoder, notes)
    knobs = presets.named_knobs(encoder, notes, space)
    metrics = folder / METRICS
    rows = json.loads(metrics.read_text())["manifest"] if metrics.exists() else []
    manifest = pack.manifest(space, knobs, rows)
    graph = folder / manifest["graphs"]["decode"]["file"]
    timbres = np.stack([preset_latent(encoder, notes, p) for p in notes.training_presets()])
    timbres = np.clip(space.to_knobs(timbres), -KNOB_LIMIT, KNOB_LIMIT)
    single = np.clip(space.to_knobs(single_notes(encoder, notes)), -KNOB_LIMIT, KNOB_LIMIT)
    level = leveller.fit(decoder, space, timbres, np.array(list(knobs.values())), single)
    export.export_onnx(export.PackDecoder(decoder, level, space.rotation, space.mean), graph)
    write_manifest(folder, manifest)
    (arguments.build / SPACE).write_text(json.dumps({"rotation": space.rotation.tolist(), "mean": space.mean.tolist()}))
    saved = torch.load(arguments.build / CHECKPOINT, weights_only=True)
    kept = {k: saved[k] for k in ("encoder", "decoder", "average_encoder", "average_decoder", "step", "elapsed_s")}
    corrections = torch.load(arguments.build / CORRECTIONS, weights_only=True)
    torch.save(kept | {"corrections": corrections}, folder / SHIPPED_CHECKPOINT)
    measure_speed(folder)


def single_notes(encoder: Encoder, notes: NoteSet) -> np.ndarray:
    """Latents [SINGLE_NOTES, 16] of random training notes, each from itself."""
    rows = np.intersect1d(notes.notes(TRAIN), np.flatnonzero(notes.can_encode))
    return posterior(encoder, notes, np.random.default_rng(SINGLE_SEED).choice(rows, SINGLE_NOTES, replace=False))[0]


def write_manifest(folder: Path, manifest: dict) -> None:
    """Write manifest.json and embed the same in the graph."""
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    export.embed_manifest(folder / manifest["graphs"]["decode"]["file"], manifest)


def measure_speed(folder: Path, rows: int = 16, calls: int = 300) -> float:
    """Median microseconds a row of the graph at a batch of `rows` on one thread of ONNX Runtime."""
    player = PackPlayer(folder)
    column = np.ones((rows, 1), np.float32)
    feed = {
        "latent": np.zeros((rows, 16), np.float32), "pitch": 60 * column, "velocity": 0.8 * column,
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


def load_space(arguments: argparse.Namespace) -> Space:
    """The knob space of the last export."""
    saved = json.loads((arguments.build / SPACE).read_text())
    return Space(np.array(saved["rotation"]), np.array(saved["mean"]), [])


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png."""
    encoder = load_encoder(arguments.build / CHECKPOINT, arguments.build / CORRECTIONS)
    content = sheet.panels(encoder, load_space(arguments), PackPlayer(arguments.pack))
    sheet.draw(content, arguments.pack / "contact-sheet.png")


def evaluate(arguments: argparse.Namespace) -> None:
    """Render held-out notes and presets through the plugin, judge the WAVs, write metrics.json and the manifest."""
    encoder = load_encoder(arguments.build / CHECKPOINT, arguments.build / CORRECTIONS)
    player, space = PackPlayer(arguments.pack), load_space(arguments)
    folder: Path = arguments.build / "evaluation"
    held_presets, held_keys = evaluation.held_out_notes()

    def encoded(note: RenderedNote) -> np.ndarray:
        return encode_note(encoder, note)

    def guessed(note: RenderedNote) -> np.ndarray:
        return first_guess(encoder.encoder, note)

    def refined(note: RenderedNote) -> np.ndarray:
        return refine(encoder.decoder, space, encoded(note), [note])

    scores = {
        "held-out-presets": evaluation.held_out_score(encoded, space, held_presets),
        "held-out-keys": evaluation.held_out_score(encoded, space, held_keys),
        "held-out-presets-first-guess": evaluation.held_out_score(guessed, space, held_presets),
        "held-out-presets-refined": evaluation.held_out_score(refined, space, held_presets),
        "shipped-presets": evaluation.preset_score(player),
    }
    tables, late = {}, {}
    for name, score in scores.items():
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
    write_metrics(arguments.pack, {"tables": tables, "shipped": shipped, "late_frames": late, "through": through})


def write_metrics(folder: Path, found: dict) -> None:
    """Write metrics.json and put its main rows into the manifest. `found`: tables, shipped, late_frames, through."""
    rows, through = [], found["through"]
    for name, table in found["tables"].items():
        place = f"{name.replace('-', ' ')}, WAV of the {through}"
        rows.append(_row("log_spectral_distance_db", table["log-spectral distance"]["mean"], place))
        rows.append(_row("share_within_25_cents", table["pitch against original"]["kept"], place))
    place = f"shipped presets, WAV of the {through}"
    shipped = found["shipped"].items()
    rows += [_row(f"share_{k}" if k.startswith("within") else k, v, place) for k, v in shipped]
    (folder / METRICS).write_text(json.dumps({"manifest": rows} | found, indent=1) + "\n")
    manifest = json.loads((folder / "manifest.json").read_text()) | {"metrics": rows}
    write_manifest(folder, manifest)
    print(json.dumps(rows, indent=1))


def _row(name: str, value: float, place: str) -> dict:
    return {"name": name, "value": round(value, 3), "set": place}


STEPS = {
    "data": data, "train": train, "correct": correct, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate,
}  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for, on one thread: small tensors on two threads wait for each other."""
    torch.set_num_threads(1)
    STEPS[arguments.step](arguments)
