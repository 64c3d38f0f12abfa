"""The classes of drum that the model knows, the General MIDI keys that play them, and the axes they share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """A class: its label, the General MIDI percussion keys of its training sounds, its choke group (0 is none)."""

    label: str
    keys: tuple[int, ...]
    choke_group: int = 0


HAT_GROUP = 1
# Keys: General MIDI level 1, percussion key map. What lacks a key there (whistle, guiro) is left out.
PIECES = (
    Piece("kick", (35, 36)),
    Piece("snare", (38, 40)),
    Piece("stick", (37, 75, 76, 77)),
    Piece("clap", (39,)),
    Piece("closed hat", (42, 44), HAT_GROUP),
    Piece("open hat", (46,), HAT_GROUP),
    Piece("tom", (41, 43, 45, 47, 48, 50)),
    Piece("crash", (49, 52, 55, 57)),
    Piece("ride", (51, 53, 59)),
    Piece("hand drum", (60, 61, 62, 63, 64, 65, 66)),
    Piece("bell", (56, 67, 68, 80, 81)),
    Piece("shaker", (54, 69, 70, 82)),
)
LATENT = 12  # axes, the same for every class
LABELS = tuple(piece.label for piece in PIECES)


def label_of_key(key: int) -> int | None:
    """Index of the class that a General MIDI key plays; None for keys without one."""
    return next((i for i, piece in enumerate(PIECES) if key in piece.keys), None)


def hits() -> list[dict]:
    """The manifest's `play.hits`, by key."""
    rows = [{"key": k, "label": p.label, "choke_group": p.choke_group} for p in PIECES for k in p.keys]
    return sorted(rows, key=lambda row: row["key"])
