"""The table of `cargo xtask bench --continuations`: what was composed beside the pieces' true next bars."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..events.copies import CopyFinder
from ..events.motifs import MOTIF_NOTES, divergence_nats, motif_recurrence, rhythms, steps
from ..events.piece import TICKS_PER_QUARTER, Piece
from ..events.tonality import find_key, share_in
from . import corpus
from .prompts import NEXT_BARS, PROMPT_BARS, read
from .split import TRAIN
from .tune_set import TuneSet

KEY_TOLERANCE = 0.05
"""What the in-key share may differ by from the prompts' own."""
LOOPED = 0.6  # motif recurrence of one that fell into a loop
LEAST_NOTES = MOTIF_NOTES  # fewer have no motif


@dataclass(frozen=True)
class Continued:
    """A prompt and what follows it, each from tick 0."""

    prompt: Piece
    following: Piece


def _part(piece: Piece, low: int, high: int, shift: int = 0) -> Piece:
    starts = piece.notes[:, 0]
    notes = piece.notes[(starts >= low) & (starts < high)] + [-low, 0, shift]
    return Piece(notes, np.array([0, high - low]), piece.label, piece.metre, piece.source, piece.title)


def prompt_of(excerpt: Piece, shift: int = 0) -> Piece:
    """What was played of an excerpt, `shift` semitones higher."""
    return _part(excerpt, 0, int(excerpt.bars[PROMPT_BARS]), shift)


def truth_of(excerpt: Piece) -> Continued:
    """An excerpt's prompt, and what its composer wrote next."""
    next_bars = _part(excerpt, int(excerpt.bars[PROMPT_BARS]), int(excerpt.bars[PROMPT_BARS + NEXT_BARS]))
    return Continued(prompt_of(excerpt), next_bars)


def composed_of(row: dict, excerpts: list[Piece]) -> Continued:
    """A continuation as the bench writes it."""
    excerpt = excerpts[row["excerpt"]]
    notes = np.array(sorted(row["notes"], key=lambda n: (n[0], n[2])), int).reshape(-1, 3)
    length = int(excerpt.bars[PROMPT_BARS + NEXT_BARS] - excerpt.bars[PROMPT_BARS])
    made = Piece(notes, np.array([0, length]), excerpt.label, excerpt.metre, "composed", excerpt.title)
    return Continued(prompt_of(excerpt, row["shift"]), made)


def from_prompt(one: Continued) -> float:
    """Share of the continuation's runs of MOTIF_NOTES notes, in any key, that the prompt has."""

    def runs(piece: Piece) -> list[tuple]:
        rows = [tuple(r) for r in steps(piece).tolist()]
        return [tuple(rows[i : i + MOTIF_NOTES - 1]) for i in range(len(rows) - MOTIF_NOTES + 2)]

    known, made = set(runs(one.prompt)), runs(one.following)
    return float(np.mean([run in known for run in made])) if made else 0.0


def density_ratio(one: Continued) -> float:
    """Notes a quarter note of the continuation over those of the prompt."""

    def density(piece: Piece) -> float:
        return len(piece.top_line()) * TICKS_PER_QUARTER / float(piece.bars[-1])

    return density(one.following) / density(one.prompt)


MEASURES = {
    "prompt in its key": lambda c: share_in(c.prompt.notes, *find_key(c.prompt.notes)),
    "in the prompt's key": lambda c: share_in(c.following.notes, *find_key(c.prompt.notes)),
    "motifs that recur": lambda c: motif_recurrence(c.following),
    "loops": lambda c: float(motif_recurrence(c.following) > LOOPED),
    "motifs from the prompt": from_prompt,
    "rhythm, nats to prompt": lambda c: divergence_nats(rhythms(c.following), rhythms(c.prompt)),
    "density to prompt's": density_ratio,
}
"""Each of one continuation; the table has their means."""


def measure(all_: list[Continued], training: CopyFinder | None) -> dict[str, float]:
    """Means of the measures, the longest copies in the median and in the ninth decile, and how many had notes."""
    heard = [c for c in all_ if len(c.following.top_line()) >= LEAST_NOTES]
    found = {name: float(np.mean([of(c) for c in heard])) for name, of in MEASURES.items()}
    own = np.array([CopyFinder([c.prompt]).longest_notes([c.following])[0] for c in heard])
    found |= {"copy from prompt, median": float(np.median(own)), "copy from prompt, p90": float(np.percentile(own, 90))}
    if training is not None:
        theirs = training.longest_notes([c.following for c in heard])
        found |= {"copy from training, median": float(np.median(theirs))}
        found |= {"copy from training, p90": float(np.percentile(theirs, 90))}
    return found | {"continuations": len(heard), "too few notes": len(all_) - len(heard)}


def format_table(rows: dict[str, dict[str, float]]) -> str:
    """One measure a line, one column a row."""
    names = list(next(iter(rows.values())))
    lines = [" " * 28 + "".join(f"{name:>18}" for name in rows)]
    for name in names:
        values = [row[name] for row in rows.values()]
        shown = [f"{value:18d}" if isinstance(value, int) else f"{value:18.3f}" for value in values]
        lines.append(f"{name:<28}" + "".join(shown))
    return "\n".join(lines)


def verdicts(rows: dict[str, dict[str, float]]) -> str:
    """How far each row's in-key share is from its prompts'."""
    lines = []
    for name, row in rows.items():
        off = row["prompt in its key"] - row["in the prompt's key"]
        word = "within" if abs(off) <= KEY_TOLERANCE else "NOT within"
        lines.append(f"key share of {name}: {off:+.3f} below its prompts', {word} {KEY_TOLERANCE}")
    return "\n".join(lines)


def training_copies(data: Path) -> CopyFinder | None:
    """What the net was trained on, where it lies; None elsewhere."""
    if not all((data / f"{name}.npz").exists() for name in corpus.COLLECTIONS):
        return None
    tunes = TuneSet(data)
    return CopyFinder([tunes.pieces[i] for i in tunes.of_part(TRAIN)])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m afterimage_models.tune_lstm.continuation_table", description=__doc__
    )
    parser.add_argument("--prompts", type=Path, required=True, help="excerpts")
    parser.add_argument("--composed", type=Path, required=True, help="what the bench wrote")
    parser.add_argument("--corpus", type=Path, required=True, help="the training corpus (models/data/tunes)")
    arguments = parser.parse_args()
    excerpts, training = read(arguments.prompts), training_copies(arguments.corpus)
    rows = {"true next bars": measure([truth_of(e) for e in excerpts], training)}
    for variant in json.loads(arguments.composed.read_text()):
        rows[variant["name"]] = measure([composed_of(r, excerpts) for r in variant["continuations"]], training)
    print(f"{len(excerpts)} prompts of {PROMPT_BARS} bars, {NEXT_BARS} bars after each; means, but for copies (notes)")
    print(f"{format_table(rows)}\n{verdicts(rows)}")
    if training is None:
        print(f"copies from training were not looked for: {arguments.corpus} has no corpus (`data tune-lstm` reads it)")


if __name__ == "__main__":
    main()
