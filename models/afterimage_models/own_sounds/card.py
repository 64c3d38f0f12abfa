"""What a pack of own sounds says of itself: the card, the numbers, and the words on the shelf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..pitched.pack import Shelf
from .folder import Sound

LICENSE = "LicenseRef-own-recordings"
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
THROUGH = "NumPy stand-in"


@dataclass(frozen=True)
class Result:
    """A sound and its distances in dB from the shipped pack and from this one, each at its timbre's preset."""

    sound: Sound
    held_out: bool
    before_db: float
    after_db: float


@dataclass(frozen=True)
class Run:
    """What the training took, and the share of the way from the shipped weights to the trained ones."""

    minutes: float
    steps: int
    share: float


def shelf(base: Shelf, name: str, mod_wheel: tuple[str, ...], sounds: int) -> Shelf:
    """The shipped model's shelf with the folder's name, and its sources beside the model's own."""
    return replace(
        base,
        name=name,
        tags=["pitched", "latent", "own"],
        short=f"{sounds} sounds of your own, and what lies between them.",
        long=f"{base.name}, trained on with {sounds} sounds of the folder {name}: its timbres are the presets, the "
        "knobs move them as they move the shipped sounds.",
        mod_wheel=mod_wheel,
        maker="own",
        authors=("The owner of the recordings",),
        license=LICENSE,
        training_data=({"name": name, "source": "own recordings", "license": LICENSE}, *base.training_data),
    )


def note_name(pitch: float) -> str:
    """Key and cents, middle C being C4."""
    key = round(pitch)
    return f"{NOTES[key % 12]}{key // 12 - 1} {100.0 * (pitch - key):+.0f} ct"


def metrics(results: Sequence[Result]) -> list[dict[str, str | float]]:
    """Rows of the manifest: mean distances before and after, of trained and held-out sounds."""
    rows: list[dict[str, str | float]] = []
    for kept, words in ((False, "own sounds"), (True, "held out own sounds")):
        chosen = [r for r in results if r.held_out == kept]
        for when, values in (("before", [r.before_db for r in chosen]), ("after", [r.after_db for r in chosen])):
            if values:
                row = {"name": "log_spectral_distance_db", "value": round(float(np.mean(values)), 3)}
                rows.append(row | {"set": f"{words} {when} training, {THROUGH}"})
    return rows


def text(name: str, base: str, results: Sequence[Result], run: Run) -> str:
    """The card, in Markdown."""
    timbres = len({r.sound.timbre for r in results})
    kept = sum(r.held_out for r in results)
    table = [
        f"| {r.sound.file} | {r.sound.timbre} | {note_name(r.sound.pitch)} | {r.sound.velocity:.2f} "
        f"| {r.before_db:.2f} | {r.after_db:.2f} | {'held out' if r.held_out else ''} |"
        for r in sorted(results, key=lambda r: -r.after_db)
    ]
    before, after = (float(np.mean(v)) for v in ([r.before_db for r in results], [r.after_db for r in results]))
    better = sum(r.after_db < r.before_db for r in results)
    return "\n".join([
        f"# {name}",
        "",
        f"{base}, trained on with {len(results)} sounds of {timbres} timbres from the folder `{name}`:",
        f"{run.minutes:.1f} minutes, {run.steps} steps on one core. Sounds held out: {kept}.",
        "",
        "| | |",
        "|---|---|",
        f"| licence | `{LICENSE}`: that of your recordings; the model under it is {base}'s, MIT OR Apache-2.0 |",
        "| presets | each timbre's own; middles of neighbours (`a / b`); moved knobs (`a, more Brightness`) |",
        f"| knobs | {base}'s; their effects were measured on it, not again on this pack |",
        f"| mean distance | {before:.2f} dB before, {after:.2f} dB after; {better} of {len(results)} came nearer |",
        "",
        "Distance: log-spectral, root mean square over all bins in dB, each sound against what the pack plays on its",
        f"note at its timbre's preset, through the {THROUGH} of the plugin's inverse. Before: {base} at the best",
        "place found in it. Two draws of one white noise are 7.9 dB apart. The farthest first:",
        "",
        "| sound | timbre | note | velocity | before dB | after dB | |",
        "|---|---|---|---|---|---|---|",
        *table,
        "",
        "## What falls short",
        "- A sample has no note-off: the release is a made fall of 250 ms.",
        "- One preset a timbre: what differs between its notes and follows neither pitch nor velocity is evened out.",
        "- Chords, drums and strongly inharmonic sounds are drawn as nearly harmonic, if they were taken at all.",
        "- Sweeps and beating are evened out while a note is held: the timbre stands still but for its decay.",
        f"- The weights go {run.share} of the way to what was trained, so that notes you did not give stay whole; all",
        "  of the way would bring the given ones nearer still.",
        "- Far from your sounds the knobs play the shipped model's sounds, which it rehearsed while it was trained.",
        "",
        "![contact sheet](contact-sheet.png)",
        "",
    ])  # fmt: skip
