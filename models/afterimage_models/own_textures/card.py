"""The card of a pack of own textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..own_sounds.card import LICENSE

BASE = "Texture VAE-GAN"


@dataclass(frozen=True)
class Result:
    """A texture, its colour's distances in dB from the shipped pack and from this one, and how lively all three are."""

    file: str
    name: str
    seconds: float
    before_db: float
    after_db: float
    lively_db: tuple[float, float, float]


def metrics(results: Sequence[Result], through: str) -> list[dict[str, str | float]]:
    """Rows of the manifest: mean distances before and after."""
    return [
        {"name": "colour_distance_db", "value": round(float(np.mean(values)), 3),
         "set": f"own textures {when} training, {through}"}
        for when, values in (("before", [r.before_db for r in results]), ("after", [r.after_db for r in results]))
    ]  # fmt: skip


def text(name: str, results: Sequence[Result], minutes: float, steps: int, through: str) -> str:
    """The card, in Markdown."""
    before, after = (float(np.mean(v)) for v in ([r.before_db for r in results], [r.after_db for r in results]))
    better = sum(r.after_db < r.before_db for r in results)
    rows = [
        f"| {r.file} | {r.seconds:.0f} s | {r.before_db:.2f} | {r.after_db:.2f} "
        f"| {r.lively_db[0]:.1f} / {r.lively_db[1]:.1f} / {r.lively_db[2]:.1f} |"
        for r in sorted(results, key=lambda r: -r.after_db)
    ]
    return "\n".join([
        f"# {name}",
        "",
        f"{BASE}, trained on with {len(results)} textures from the folder `{name}`: {minutes:.1f} minutes of one core,",
        f"{steps} steps. The last third of each texture of 7 s and more was held out, and is what is measured.",
        "",
        "| | |",
        "|---|---|",
        f"| licence | `{LICENSE}`: that of your recordings; the model under it is {BASE}'s, MIT OR Apache-2.0 |",
        "| presets | each file's own; middles of neighbours (`a / b`); moved knobs (`a, more Brightness`) |",
        f"| knobs | {BASE}'s; their effects were measured on it, not again on this pack |",
        f"| colour | {before:.2f} dB off before, {after:.2f} dB after; {better} of {len(results)} came nearer |",
        "",
        "Colour: mean power of 160 mel bands over 4 s against the recording's, one gain taken off, root mean square",
        f"over bands ({through}). Before: {BASE} where its encoder hears the texture. Lively: spread of the loudness",
        "over time, of the recording / before / after. The farthest first:",
        "",
        "| file | length | before dB | after dB | lively dB |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "## What falls short",
        "- Single events (a drop, a bird, a word) are evened out: what plays is an endless stretch of its kind.",
        "- Nothing listens for liveliness in training: swells and crackles are mostly lost, as in the shipped pack.",
        "- All textures play at one loudness, in mono; keys open them and do not transpose.",
        "- Partials are as blurred as 160 mel bands leave them.",
        "- At most the middle minute of a file is learned from.",
        "",
        "![contact sheet](contact-sheet.png)",
        "",
    ])  # fmt: skip
