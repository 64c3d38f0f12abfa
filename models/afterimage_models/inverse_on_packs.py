"""What the plugin's inverse makes of each shipped pack's own frames, heard in the WAV that the plugin writes.

Each pack is played at its default preset through the built bundle. Beside it stands the same decoder, run here, whose
frames the NumPy reference inverts whole (PGHI and 16 sweeps): an inverse that may look at everything, where the
plugin's is causal. What differs is the inverse's doing, not the model's.

A decoder's frames overlap without agreeing, so no sound has exactly them, the reference's neither: its phases make
levels ripple by a tenth. Levels are therefore judged against the frames themselves, as the same transform finds them
again in both sounds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .decoded_notes import PackDecoder, PlayedNote
from .judges import percussion, timing, tone
from .judges.layout import read_mono
from .loudness import max_momentary_lufs
from .plugin_render import render_plugin
from .reference.pghi import pghi_sgla
from .reference.stft import Spec, istft, stft
from .spectrum import SAMPLE_RATE, decibels, stft_at

MODELS = Path(__file__).resolve().parents[1]
LEAD_IN_S, SWEEPS, SEED = 0.5, 16, 7
BEFORE_S = 0.05
PITCHED_KEYS, DRONE_KEY = (40, 52, 64, 76), 50
PITCHED_HOLD_S, DRONE_HOLD_S, HIT_HOLD_S = 1.2, 3.0, 0.1
GAP_S = 1.3  # a release and silence
KNOB_LIMIT = 3.0
WITHIN = 0.15  # of the original, in tone, time and drums
WITHIN_DB = 20.0 * float(np.log10(1.0 + WITHIN))  # the same of a level
ATTACK_S, HELD_FROM_S = 0.1, 0.2
HEARD_LEVEL = 1e-2  # of the loudest frame: below, a level has no say
INSTANT = ("--set", "latency_mode=1")
PICTURE_S, PICTURE_ROWS = 6.0, 400


@dataclass(frozen=True)
class Heard:
    """One note: what the plugin wrote, what was heard just before it, the reference, and how it was played."""

    test: np.ndarray
    before: np.ndarray
    reference: np.ndarray
    key: float
    hold_s: float


def frame_levels(magnitudes: np.ndarray) -> np.ndarray:
    """Level of each frame [frames] of magnitudes [frames, bins]."""
    return np.sqrt(np.sum(np.square(magnitudes, dtype=np.float64), axis=1))


def levels_off(magnitudes: np.ndarray, spec: Spec, rate: int, hold_s: float, audio: np.ndarray) -> dict[str, float]:
    """RMS over frames of what the levels of a sound are off a decoder's frames, in dB: in the attack, and held.

    `magnitudes`: [frames, bins]. The sound's level as a whole is fitted. NaN where nothing is held so long.
    """
    wanted = frame_levels(magnitudes)
    got = frame_levels(np.abs(stft(spec, np.asarray(audio, np.float64)))[: len(wanted)])
    got *= np.sum(got * wanted) / max(np.sum(got * got), 1e-30)
    is_heard = wanted > HEARD_LEVEL * wanted.max()
    off_db = 20.0 * np.log10(np.maximum(got, 1e-12) / np.maximum(wanted, 1e-12))
    second = rate / spec.hop

    def rms(first_s: float, last_s: float) -> float:
        part = slice(round(first_s * second), round(last_s * second))
        chosen = off_db[part][is_heard[part]]
        return float(np.sqrt(np.mean(chosen**2))) if len(chosen) else float("nan")

    return {"attack": rms(0.0, ATTACK_S), "held": rms(HELD_FROM_S, hold_s)}


def score(decoder: PackDecoder, instant: bool = False) -> tuple[list[PlayedNote], float]:
    """The notes that a pack is judged by, and how long each is held.

    In Instant mode a stochastic pack's draw is the key's, else the note's ordinal (`FrameRequest::draw`).
    """
    play = decoder.manifest["play"]
    if play["mode"] == "one-shot":
        labels = next(c["labels"] for c in decoder.manifest["conditions"] if c["kind"] == "class")
        keys = {hit["label"]: hit["key"] for hit in reversed(play["hits"])}
        frames = decoder.graph["frames_per_call"]
        draws = [key if instant else n for n, key in enumerate(keys.values())]
        hits = zip(draws, keys.items(), strict=True)
        return [PlayedNote(n, key, labels.index(name), frames) for n, (name, key) in hits], HIT_HOLD_S
    drone = play["mode"] != "pitched"
    hold_s = DRONE_HOLD_S if drone else PITCHED_HOLD_S
    frames = int(hold_s * decoder.rate / decoder.spec.hop) + 1
    keys = (DRONE_KEY,) if drone else PITCHED_KEYS
    return [PlayedNote(key if instant else n, key, 0, frames) for n, key in enumerate(keys)], hold_s


def hear(folder: Path, xtask: list[str], out: Path, instant: bool = False) -> list[Heard]:
    """The notes of a pack, from the plugin and from the reference, at the same loudness.

    `instant`: in Instant mode, from attacks made ahead.
    """
    decoder = PackDecoder(folder)
    notes, hold_s = score(decoder, instant)
    slot_s = max(hold_s, notes[0].frames * decoder.spec.hop / decoder.rate) + GAP_S
    starts = [LEAD_IN_S + n * slot_s for n in range(len(notes))]
    automation = out / f"{folder.name}.automation.json"
    played = [[at, at + hold_s, note.key, 1.0, 0.0] for at, note in zip(starts, notes, strict=True)]
    # A knob's place from 0 to 1, as the plugin's parameters have it.
    places = (np.clip(decoder.knobs() / KNOB_LIMIT, -1.0, 1.0) + 1.0) / 2.0
    curves = {f"latent_{n}": [[0.0, float(place)]] for n, place in enumerate(places, 1)}
    curves["drift"] = [[0.0, 0.0]]
    automation.write_text(json.dumps({"parameters": curves, "notes": played}))
    wav = out / f"{called(folder, instant)}.wav"
    render_plugin(xtask, folder, automation, starts[-1] + slot_s, wav, *(INSTANT if instant else ()))
    audio, heard = read_mono(wav), []
    for at, note in zip(starts, notes, strict=True):
        reference = invert(decoder, note)
        first = round(at * SAMPLE_RATE)
        test = audio[first : first + len(reference)]
        level = 10.0 ** ((max_momentary_lufs(reference) - max_momentary_lufs(test)) / 20.0)
        before = level * audio[first - round(BEFORE_S * SAMPLE_RATE) : first]
        heard.append(Heard(level * test, before, reference, note.key, hold_s))
    return heard


def called(folder: Path, instant: bool) -> str:
    """What a pack's WAV and picture are called."""
    return f"{folder.name}-instant" if instant else folder.name


def invert(decoder: PackDecoder, note: PlayedNote) -> np.ndarray:
    """The reference's sound of a note's frames, [samples]."""
    magnitudes = decoder.magnitudes(note)
    spectra = pghi_sgla(decoder.spec, magnitudes, SWEEPS, SEED)
    return istft(decoder.spec, spectra, len(magnitudes) * decoder.spec.hop).astype(np.float32)


def share_off(test: float, reference: float) -> float:
    """How far a positive measure is off, as a share of the reference's."""
    return abs(test - reference) / max(abs(reference), 1e-9)


def tone_and_time(h: Heard) -> dict[str, float]:
    """Measures of a held sound; the first two in dB, shares elsewhere."""
    frames = [tone.held_frames(audio, h.hold_s) for audio in (h.test, h.reference)]
    contrast, wanted = (tone.octave_contrast_db(rows) for rows in frames)
    return {
        "between partials, dB": abs(np.subtract(*(tone.between_partials_db(rows, h.key) for rows in frames))),
        "decay, dB/s": abs(np.subtract(*(timing.decay_slope_db_s(a, h.key, h.hold_s) for a in (h.test, h.reference)))),
        "octave contrast": float(np.mean(np.abs(contrast - wanted)) / np.mean(np.abs(wanted))),
        "haze": tone.haze_share(h.reference, h.test, h.hold_s),
        "before onset, dB": timing.before_onset_db(h.before, h.test),
    }


def drums(h: Heard) -> dict[str, float]:
    """Measures of a hit; milliseconds and decibels as named, shares elsewhere."""
    pair = (h.test, h.reference)
    return {
        "attack, ms": abs(np.subtract(*(percussion.attack_ms(audio) for audio in pair))),
        "crest, dB": abs(np.subtract(*(percussion.crest_factor_db(audio) for audio in pair))),
        "kurtosis": share_off(*(percussion.band_kurtosis(audio) for audio in pair)),
        "before onset, dB": timing.before_onset_db(h.before, h.test),
    }


def table(title: str, rows: list[dict[str, float]]) -> str:
    """Mean and worst decile of each measure over the notes where it is defined; shares beyond WITHIN are marked."""
    lines = [f"{title:<28}{'mean':>9}{'worst 10%':>11}"]
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        mean, worst = float(values.mean()), float(np.percentile(values, 90))
        is_level = name.startswith("level") and "reference" not in name
        off = "  over 15 %" if mean > (WITHIN_DB if is_level else WITHIN) and ("," not in name or is_level) else ""
        lines.append(f"  {name:<26}{mean:>9.2f}{worst:>11.2f}{off}")
    return "\n".join(lines)


def convergence_db(decoder: PackDecoder, heard: list[Heard], notes: list[PlayedNote]) -> str:
    """How near WAV and reference are to the decoder's frames, in dB; the level is fitted."""
    parts = []
    for name, of in (("plugin", lambda h: h.test), ("reference", lambda h: h.reference)):
        found = []
        for h, note in zip(heard, notes, strict=True):
            wanted = decoder.magnitudes(note)
            got = np.abs(stft(decoder.spec, np.asarray(of(h), np.float64)))[: len(wanted)]
            got *= np.sum(got * wanted) / max(np.sum(got * got), 1e-30)
            found.append(20.0 * np.log10(np.linalg.norm(got - wanted) / np.linalg.norm(wanted)))
        parts.append(f"{name} {np.mean(found):.1f} dB")
    return ", ".join(parts)


def picture(heard: list[Heard], path: Path) -> None:
    """Plugin above, reference below: log frequency, 80 dB, at most PICTURE_S."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 1, figsize=(12, 8), sharex=True)
    rows: list[tuple[str, Callable[[Heard], np.ndarray]]] = [
        ("the plugin's WAV", lambda h: h.test),
        ("the reference's inverse of the decoder's frames", lambda h: h.reference),
    ]
    hz = np.geomspace(40.0, 20_000.0, PICTURE_ROWS)
    for axis, (title, of) in zip(axes, rows, strict=True):
        audio = np.concatenate([of(h) for h in heard])[: int(PICTURE_S * SAMPLE_RATE)]
        frames = decibels(stft_at(audio, np.arange(0, len(audio), 256)))
        bins = np.clip(np.round(hz * 2048 / SAMPLE_RATE).astype(int), 0, frames.shape[1] - 1)
        top = frames.max()
        axis.imshow(frames[:, bins].T, origin="lower", aspect="auto", vmin=top - 80.0, vmax=top, cmap="magma")
        axis.set_title(title)
        axis.set_yticks([int(np.searchsorted(hz, f)) for f in (100, 1000, 10_000)], ["100", "1 k", "10 k"])
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    pyplot.close(figure)


def judge(folder: Path, xtask: list[str], out: Path, instant: bool = False) -> str:
    """The table of one pack; its WAV and picture come to lie in `out`."""
    heard = hear(folder, xtask, out, instant)
    decoder = PackDecoder(folder)
    notes, _ = score(decoder, instant)
    measure: Callable[[Heard], dict[str, float]] = (
        drums if decoder.manifest["play"]["mode"] == "one-shot" else tone_and_time
    )
    picture(heard, out / f"{called(folder, instant)}.png")
    rows = []
    for h, note in zip(heard, notes, strict=True):
        magnitudes = decoder.magnitudes(note)
        off = [levels_off(magnitudes, decoder.spec, decoder.rate, h.hold_s, audio) for audio in (h.test, h.reference)]
        levels = {f"level, {part}, dB": off[0][part] for part in off[0]}
        theirs = {f"level, {part}, reference, dB": off[1][part] for part in off[1]}
        rows.append(measure(h) | levels | theirs)
    title = f"{called(folder, instant)}, {len(heard)} notes"
    return f"{table(title, rows)}\n  convergence: {convergence_db(decoder, heard, notes)}"


def played_packs() -> list[Path]:
    """Folders of the shipped packs that keys play."""
    found = sorted(MODELS.glob("*/manifest.json"))
    return [file.parent for file in found if "play" in json.loads(file.read_text())["tasks"]]


def _command(arguments: argparse.Namespace) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    for folder in played_packs():
        if not arguments.only or folder.name in arguments.only:
            print(judge(folder, arguments.xtask.split(), arguments.out, arguments.instant), flush=True)


def add(commands: argparse._SubParsersAction) -> None:
    """Add `judge packs [PACK ...] [--instant] [--xtask WORDS] [--out DIR]`."""
    packs = commands.add_parser("packs", help="what the plugin's inverse makes of each shipped pack's frames")
    packs.add_argument("only", nargs="*", metavar="PACK", help="only these")
    packs.add_argument("--instant", action="store_true", help="in Instant mode, from attacks made ahead")
    packs.add_argument("--xtask", default="cargo xtask", help="the words that start it")
    packs.add_argument("--out", type=Path, default=MODELS / "build" / "inverse-on-packs", help="WAVs and pictures")
    packs.set_defaults(run=_command)
