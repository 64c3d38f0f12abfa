"""`judge`: the tables of `judges` on WAV files, by hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import inverse_on_packs
from .judges.layout import read_mono, read_slices
from .judges.notes import compare_all, format_table, summary_rows
from .judges.transcription import transcribe
from .loudness import max_momentary_lufs
from .midi_file import read_notes


def _pairs(folder: Path) -> list[tuple[Path, Path, Path]]:
    """(original, test, midi) of every NAME.original.wav, NAME.wav and NAME.mid of a folder."""
    out = []
    for original in sorted(folder.glob("*.original.wav")):
        name = original.name.removesuffix(".original.wav")
        out.append((original, folder / f"{name}.wav", folder / f"{name}.mid"))
    return [row for row in out if row[1].exists() and row[2].exists()]


def judge_folder(arguments: argparse.Namespace) -> None:
    """Print the table of every pair in a folder."""
    pairs = _pairs(arguments.folder)
    if not pairs:
        raise SystemExit(f"{arguments.folder}: no NAME.original.wav with NAME.wav and NAME.mid beside it")
    for original, test, midi in pairs:
        rows = compare_all(read_slices(original, midi), read_slices(test, midi, arguments.delay))
        print(f"{test.stem}: {len(rows)} notes\n{format_table(summary_rows(rows))}\n")


def judge_transcription(arguments: argparse.Namespace) -> None:
    """Print basic-pitch's scores of one WAV, and beside a reference their ratio."""
    notes = read_notes(arguments.midi)
    scores = {}
    for label, path in (("test", arguments.wav), ("reference", arguments.reference)):
        if path is not None:
            audio = read_mono(path)
            scores[label] = transcribe(audio, notes, arguments.delay if label == "test" else 0.0)
            shown = "  ".join(f"{k} {v:.3f}" for k, v in scores[label].items())
            print(f"{label:9} {shown}  {max_momentary_lufs(audio):.1f} LUFS max")
    if len(scores) == 2:
        print(f"ratio of F1: {scores['test']['f1'] / max(scores['reference']['f1'], 1e-9):.3f}")


def add(commands: argparse._SubParsersAction) -> None:
    """Add `judge packs`, `judge notes FOLDER` and `judge transcription --wav W --midi M [--reference R]`."""
    judge = commands.add_parser("judge").add_subparsers(required=True)
    notes = judge.add_parser("notes", help="every NAME.wav of a folder against its NAME.original.wav")
    notes.add_argument("folder", type=Path)
    notes.add_argument("--delay", type=float, default=0.0, help="seconds by which the test plays late")
    notes.set_defaults(run=judge_folder)
    transcription = judge.add_parser("transcription", help="basic-pitch on a WAV against the MIDI it plays")
    transcription.add_argument("--wav", type=Path, required=True)
    transcription.add_argument("--midi", type=Path, required=True)
    transcription.add_argument("--reference", type=Path)
    transcription.add_argument("--delay", type=float, default=0.0)
    transcription.set_defaults(run=judge_transcription)
    inverse_on_packs.add(judge)
