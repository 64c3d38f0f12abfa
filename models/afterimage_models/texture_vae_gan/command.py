"""The steps of the texture VAE-GAN, each from files to files: data, train, export, sheet, evaluate."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from ..onnx_manifest import write_manifest
from ..pack_metrics import measured, write_metrics
from ..spectrum import SAMPLE_RATE
from . import data as texture_data
from . import evaluation, pack, sheet, training
from .data import HELD_OUT, TRAIN, TextureSet, sounds
from .export import PackDecoder, PackEncoder, export_decoder, export_encoder, fit_leveller, slim_decoder, slim_encoder
from .frames import SEGMENT, mel_frames
from .network import Decoder, Encoder
from .space import Space, build_space

CHECKPOINT, SHIPPED_CHECKPOINT, SPACE = "checkpoint.pt", "texture-vae-gan.pt", "space.npz"
SHOWN = 6  # held-out textures on the sheet
LONG_S = 5.0  # an ambience must last that long to say how far real ones come round


def data(arguments: argparse.Namespace) -> None:
    """Collect and render the training set."""
    texture_data.build(arguments.data)


def train(arguments: argparse.Namespace) -> None:
    """Train, or go on training, for the minutes given; `--start` names a checkpoint to begin at, without a phase of
    its own for the autoencoder.
    """
    arguments.build.mkdir(parents=True, exist_ok=True)
    first_share = training.Settings.first_share if arguments.start is None else 0.0
    settings = training.Settings(seconds=60.0 * arguments.minutes, first_share=first_share)
    training.train(arguments.data, settings, arguments.build / CHECKPOINT, arguments.start)


def load_networks(checkpoint: Path) -> tuple[Encoder, Decoder, dict[str, torch.Tensor]]:
    """The running averages of a checkpoint, and the moments of the latents."""
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    encoder, decoder = Encoder(), Decoder()
    encoder.load_state_dict(saved["average_encoder"])
    decoder.load_state_dict(saved["average_decoder"])
    return encoder.eval(), decoder.eval(), saved["moments"]


def export_pack(arguments: argparse.Namespace) -> None:
    """Measure and name the axes, place the presets, even out loudness, write graphs, manifest and checkpoint."""
    folder, checkpoint = arguments.pack, arguments.build / CHECKPOINT
    folder.mkdir(parents=True, exist_ok=True)
    arguments.build.mkdir(parents=True, exist_ok=True)
    encoder, decoder, moments = load_networks(checkpoint)
    space = build_space(decoder, moments)
    encoder = slim_encoder(encoder, TextureSet.load(arguments.data).segments(TRAIN)[::4])
    presets = pack.named_knobs(source_knobs(PackEncoder(encoder, space), arguments.data))
    graph = PackDecoder(slim_decoder(decoder, space), space)
    remains = fit_leveller(graph, space, np.array(list(presets.values())))
    print(f"loudness evened out to {remains:.2f} dB standard deviation")
    export_decoder(graph, folder / pack.GRAPH)
    export_encoder(PackEncoder(encoder, space), folder / pack.ENCODER)
    write_manifest(folder, pack.manifest(space, presets, *measured(folder)))
    space.save(arguments.build / SPACE)
    shutil.copyfile(checkpoint, folder / SHIPPED_CHECKPOINT)
    for axis in space.axes:
        print({k: axis[k] for k in ("name", "effect_in_spreads", "largest_other_in_spreads", "spectral_change_db")})


@torch.no_grad()
def source_knobs(graph: PackEncoder, folder: Path) -> dict[str, np.ndarray]:
    """Knobs [LATENT] of every texture of a data folder by source, averaged over its segments."""
    textures = TextureSet.load(folder)
    names = (folder / texture_data.SOURCES_FILE).read_text().splitlines()
    return {
        name: graph(torch.from_numpy(textures.cut(row))).numpy().mean(axis=0)
        for name, row in zip(names, textures.table, strict=True)
    }


def stage_of(arguments: argparse.Namespace) -> evaluation.Stage:
    """Where this command plays its renders."""
    return evaluation.Stage(arguments.xtask, arguments.pack, arguments.build / "evaluation")


def presets_of(folder: Path) -> dict[str, list[float]]:
    """Name -> knob values of a pack's presets."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return {preset["name"]: preset["latent"] for preset in manifest["latent"]["presets"]}


@torch.no_grad()
def encoded(arguments: argparse.Namespace, sound: np.ndarray) -> np.ndarray:
    """Knobs of a texture's first two seconds."""
    encoder, _, _ = load_networks(arguments.build / CHECKPOINT)
    graph = PackEncoder(encoder, Space.load(arguments.build / SPACE))
    return graph(torch.from_numpy(mel_frames(sound)[:SEGMENT])[None])[0].numpy()


def draw_sheet(arguments: argparse.Namespace) -> None:
    """Write contact-sheet.png from the plugin's WAV."""
    names = (arguments.data / texture_data.SOURCES_FILE).read_text().splitlines()
    table = np.load(arguments.data / texture_data.TABLE_FILE)
    own = [names[row] for row in np.flatnonzero(table[:, 3] == HELD_OUT)]
    held_out = list(zip(own, sounds(arguments.data, HELD_OUT), strict=True))
    chosen = [held_out[i] for i in np.linspace(0, len(held_out) - 1, SHOWN).astype(int)]
    originals = [(name, sound, encoded(arguments, sound)) for name, sound in chosen]
    content = sheet.panels(stage_of(arguments), originals, presets_of(arguments.pack))
    sheet.draw(content, arguments.pack / "contact-sheet.png")


def evaluate(arguments: argparse.Namespace) -> None:
    """Render through the plugin, judge the WAVs, write metrics.json and the manifest's rows."""
    stage, everything = stage_of(arguments), [sounds(arguments.data, split) for split in (TRAIN, HELD_OUT)]
    table = np.load(arguments.data / texture_data.TABLE_FILE)
    recorded = [table[table[:, 3] == split, texture_data.AMBIENCE] == 1 for split in (TRAIN, HELD_OUT)]
    ambiences = [
        sound
        for own, split in zip(everything, recorded, strict=True)
        for sound, real in zip(own, split, strict=True)
        if real and len(sound) >= LONG_S * SAMPLE_RATE
    ]
    found = {
        "likeness": evaluation.likeness(stage, *everything),
        "long": evaluation.long_sounds(stage, presets_of(arguments.pack), ambiences),
    }
    write_metrics(arguments.pack, found | {"late_frames": stage.late}, evaluation.goals(found))


STEPS = {"data": data, "train": train, "export": export_pack, "sheet": draw_sheet, "evaluate": evaluate}


def run(arguments: argparse.Namespace) -> None:
    """Run the step that was asked for, on one thread: small tensors on two threads wait for each other."""
    torch.set_num_threads(1)
    if arguments.step not in STEPS:
        raise SystemExit(f"texture-vae-gan has no step '{arguments.step}': choose one of {', '.join(STEPS)}")
    STEPS[arguments.step](arguments)
