"""Commands: data, train, correct, export, sheet, evaluate, judge, pieces, corpus, continuations, transform-table, zoo.

See `--help`.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from . import judge_command

MODELS = Path(__file__).resolve().parent.parent
DATA_SETS = {
    "drum-gan": "hits", "harmonic-ae": "notes", "juke": "corpus", "keys-vae": "notes", "logfreq-vq": "notes",
    "mel-continue": "corpus", "spectral-gan": "hits", "texture-vae-gan": "textures", "tune-lstm": "tunes",
    "wave-continue": "corpus",
}  # fmt: skip
"""Each model of the zoo, and the data set under `models/data` that it is trained on. A model's module has
its name with underscores, and a `command.run(arguments)` that knows the steps."""


OWN_SOUNDS = {"drum-gan": "own_drums", "keys-vae": "own_sounds", "texture-vae-gan": "own_textures"}
"""Models that `train --data FOLDER` teaches a user's sounds, and `evaluate` judges, where those are no data set, with
the packages that do it."""
TRANSFORMERS = ["logfreq-vq", "texture-vae-gan"]
"""Shipped packs with an encoder."""
MINUTES, RATE = 60.0, 2e-3


def _own_sounds(arguments: argparse.Namespace) -> None:
    # Imported here, because only the steps of a model need torch.
    command = importlib.import_module(f".{OWN_SOUNDS[arguments.model]}.command", __package__)
    command.run(arguments, MODELS)


def _model(arguments: argparse.Namespace) -> None:
    name, data = arguments.model, arguments.data
    own = data is not None and name in OWN_SOUNDS and not any(data.glob("*.npy"))
    if own and arguments.step in ("train", "evaluate"):
        return _own_sounds(arguments)
    arguments.minutes, arguments.rate = arguments.minutes or MINUTES, arguments.rate or RATE
    arguments.data = arguments.data or MODELS / "data" / DATA_SETS[name]
    arguments.build = arguments.build or MODELS / "build" / name
    arguments.pack = arguments.pack or MODELS / name
    # Imported here, because only the steps of a model need torch.
    command = importlib.import_module(f".{name.replace('-', '_')}.command", __package__)
    command.run(arguments)


def _pieces(arguments: argparse.Namespace) -> None:
    from . import pieces

    pieces.write(arguments.out)


def _corpus(arguments: argparse.Namespace) -> None:
    from .corpus.build import build

    build(arguments.out, MODELS / "data" / "tunes", arguments.cache)


def _continuations(arguments: argparse.Namespace) -> None:
    from . import continuation_table
    from .corpus import prompts

    made = arguments.prompts / "prompts.json"
    found = prompts.load(arguments.prompts) if made.exists() else prompts.build(arguments.prompts, arguments.tunes)
    render = continuation_table.through_plugin(arguments.xtask.split())
    table = continuation_table.run(arguments.prompts, found, arguments.continuers, render, arguments.out.resolve())
    print(continuation_table.format_table(table))


def _transform_table(arguments: argparse.Namespace) -> None:
    from . import transform_table

    sounds = {
        "notes": transform_table.held_out_notes(arguments.cache, arguments.notes),
        "textures": transform_table.held_out_textures(arguments.cache, arguments.textures),
    }
    render = transform_table.through_plugin(arguments.xtask.split())
    table = transform_table.run(sounds, arguments.packs, render, arguments.out.resolve())
    print(transform_table.format_table(table))


def _zoo(_: argparse.Namespace) -> None:
    from . import zoo

    print(zoo.table(MODELS))


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(prog="python -m afterimage_models")
    commands = root.add_subparsers(required=True, dest="step")
    for step in ("data", "train", "correct", "export", "prompts", "sheet", "evaluate"):
        command = commands.add_parser(step)
        command.add_argument("model", choices=sorted(DATA_SETS))
        command.add_argument("--data", type=Path, help="the data set (models/data/...), or your sounds")
        command.add_argument("--build", type=Path, help="checkpoints and derived files (models/build/MODEL)")
        command.add_argument("--pack", type=Path, help="the pack that is written or judged (models/MODEL)")
        command.add_argument("--minutes", type=float, help="wall-clock budget of training (60; own sounds: by number)")
        command.add_argument(
            "--rate", type=float, help="learning rate that training starts at (2e-3; own sounds: 1e-3)"
        )
        command.add_argument("--start", type=Path, help="checkpoint of another run to train on from")
        command.add_argument("--stand-in", action="store_true", help="judge the NumPy inverse, not the plugin")
        command.add_argument("--xtask", default="cargo xtask", help="what renders, from the root of the repository")
        command.set_defaults(run=_model)
    pieces = commands.add_parser("pieces")
    pieces.add_argument("--out", type=Path, default=MODELS / "pieces")
    pieces.set_defaults(run=_pieces)
    recordings = commands.add_parser("corpus")
    recordings.add_argument("--out", type=Path, default=MODELS / "data" / "corpus")
    recordings.add_argument("--cache", type=Path, default=MODELS / "data" / "clips", help="where packages are kept")
    recordings.set_defaults(run=_corpus)
    table = commands.add_parser("continuations", help="what the effect plays after prompts that no model heard")
    table.add_argument(
        "continuers", nargs="*", default=["memory"], help="memory, or packs as `render` takes them, @ID=VALUE behind"
    )
    table.add_argument("--prompts", type=Path, default=MODELS / "data" / "prompts")
    table.add_argument("--tunes", type=Path, default=MODELS / "data" / "tunes")
    table.add_argument("--out", type=Path, default=MODELS / "build" / "continuations")
    table.add_argument("--xtask", default="cargo xtask", help="what renders, from the root of the repository")
    table.set_defaults(run=_continuations)
    transforms = commands.add_parser("transform-table", help="what the effect makes of sounds that no pack heard")
    transforms.add_argument("packs", nargs="*", default=TRANSFORMERS, help="packs as `render` takes them")
    transforms.add_argument("--notes", type=int, default=48, help="how many held-out notes")
    transforms.add_argument("--textures", type=int, default=12, help="how many held-out textures")
    transforms.add_argument("--cache", type=Path, default=MODELS / "data" / "clips", help="where packages are kept")
    transforms.add_argument("--out", type=Path, default=MODELS / "build" / "transforms")
    transforms.add_argument("--xtask", default="cargo xtask", help="what renders, from the root of the repository")
    transforms.set_defaults(run=_transform_table)
    commands.add_parser("zoo", help="what each model must reach, and what was measured").set_defaults(run=_zoo)
    judge_command.add(commands)
    return root


def main() -> None:
    """Run one command."""
    arguments = parser().parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
