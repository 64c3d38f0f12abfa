"""Commands: data, train, correct, export, sheet, evaluate, judge, pieces. Run `python -m afterimage_models --help`."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import judge_command

MODELS = Path(__file__).resolve().parent.parent


def _keys_vae(arguments: argparse.Namespace) -> None:
    from .keys_vae import command  # torch is needed only here

    command.run(arguments)


def _pieces(arguments: argparse.Namespace) -> None:
    from . import pieces

    pieces.write(arguments.out)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(prog="python -m afterimage_models")
    commands = root.add_subparsers(required=True, dest="step")
    for step in ("data", "train", "correct", "export", "sheet", "evaluate"):
        command = commands.add_parser(step)
        command.add_argument("model", choices=["keys-vae"])
        command.add_argument("--data", type=Path, default=MODELS / "data" / "notes")
        command.add_argument("--build", type=Path, default=MODELS / "build" / "keys-vae")
        command.add_argument("--pack", type=Path, default=MODELS / "keys-vae")
        command.add_argument("--minutes", type=float, default=60.0, help="wall-clock budget of training")
        command.add_argument("--rate", type=float, default=2e-3, help="learning rate that training starts at")
        command.add_argument("--start", type=Path, help="checkpoint of another run to train on from")
        command.add_argument("--stand-in", action="store_true", help="judge the NumPy inverse, not the plugin")
        command.add_argument("--xtask", default="cargo xtask", help="what renders, from the root of the repository")
        command.set_defaults(run=_keys_vae)
    pieces = commands.add_parser("pieces")
    pieces.add_argument("--out", type=Path, default=MODELS / "pieces")
    pieces.set_defaults(run=_pieces)
    judge_command.add(commands)
    return root


def main() -> None:
    """Run one command."""
    arguments = parser().parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
