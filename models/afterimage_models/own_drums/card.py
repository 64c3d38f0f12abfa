"""The card of a pack of own hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..drum_gan.kit import LABELS
from ..own_sounds.card import LICENSE
from .folder import BY_EAR, OwnHit

BASE = "Drum GAN"


@dataclass(frozen=True)
class Result:
    """A hit, the kit that plays it (None: none does), and its distances from the shipped pack and from this one."""

    hit: OwnHit
    kit: int | None
    held_out: bool
    before_db: float
    after_db: float


def metrics(results: Sequence[Result], through: str) -> list[dict[str, str | float]]:
    """Rows of the manifest: mean distances before and after, of hits that kits play and of those held out."""
    rows: list[dict[str, str | float]] = []
    groups = (("hits of the kits", [r for r in results if r.kit is not None]),
              ("held-out hits", [r for r in results if r.held_out]))  # fmt: skip
    for words, chosen in groups:
        for when, values in (("before", [r.before_db for r in chosen]), ("after", [r.after_db for r in chosen])):
            if values:
                row = {"name": "smoothed_spectral_distance_db", "value": round(float(np.mean(values)), 3)}
                rows.append(row | {"set": f"own {words} {when} training, {through}"})
    return rows


def text(name: str, results: Sequence[Result], minutes: float, steps: int, through: str) -> str:
    """The card, in Markdown."""
    kits = 1 + max((r.kit for r in results if r.kit is not None), default=0)
    missing = [label for i, label in enumerate(LABELS) if all(r.hit.label != i for r in results)]
    rows = [
        f"| {r.hit.file} | {LABELS[r.hit.label]}{' (by ear)' if r.hit.told_by == BY_EAR else ''} "
        f"| {'' if r.kit is None else r.kit + 1} | {r.before_db:.2f} | {r.after_db:.2f} "
        f"| {'held out' if r.held_out else ''} |"
        for r in sorted(results, key=lambda r: -r.after_db)
    ]
    played = [r for r in results if r.kit is not None]
    before, after = (float(np.mean(v)) for v in ([r.before_db for r in played], [r.after_db for r in played]))
    better = sum(r.after_db < r.before_db for r in played)
    return "\n".join([
        f"# {name}",
        "",
        f"{BASE}, trained on with {len(results)} hits from the folder `{name}`: {minutes:.1f} minutes, {steps} steps",
        f"on one core. Kits: {kits}. Hits held out: {sum(r.held_out for r in results)}.",
        "",
        "| | |",
        "|---|---|",
        f"| licence | `{LICENSE}`: that of your recordings; the model under it is {BASE}'s, MIT OR Apache-2.0 |",
        "| kits | the first plays at rest, the first file of each drum; presets and knobs lead to the others |",
        f"| drums that the folder lacks | {', '.join(missing) or 'none'}: {BASE}'s own |",
        "| keys | General MIDI's, hats choke each other |",
        f"| the kits' hits | {before:.2f} dB away before, {after:.2f} dB after; {better} of {len(played)} nearer |",
        "",
        "Distance: log-spectral on power averaged over 43 ms, root mean square over all bins in dB, each hit against",
        f"what the pack gives for it ({through}). Before: {BASE} at the best place found in it. The farthest first:",
        "",
        "| file | drum | kit | before dB | after dB | |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        "## What falls short",
        "- Every hit is brought to one loudness and cut at 1.02 s: velocity is the level alone.",
        "- A drum that was told by ear may be another: a word in the file's or folder's name settles it.",
        "- Of a drum with more than six hits, six have a place on the knobs; the others were learned from.",
        "- The named knobs' effects were measured on the shipped pack's drums, not again on these.",
        "- Attacks rise some milliseconds late, as in the shipped pack: the inverse finds phases from levels alone.",
        "",
        "![contact sheet](contact-sheet.png)",
        "",
    ])  # fmt: skip
