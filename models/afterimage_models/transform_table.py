"""The table of Transform: what the plugin makes of held-out sounds, beside those sounds.

`python -m afterimage_models transform-table` renders held-out notes and textures through the audio effect with every
pack, offline and paced as live, and judges the WAVs: when it sounds, its pitch, its tone, its level, what was late.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile

from .judges import alignment
from .judges.layout import Slice, cut, level_gain
from .judges.notes import compare_all
from .loudness import max_momentary_lufs
from .midi_file import Note
from .plugin_render import REPOSITORY, told
from .spectrum import GATE_DB, SAMPLE_RATE, note_to_hz, spectrogram

LEAD_IN_S, GAP_S, LATE_S = 0.5, 0.35, 1.0
NOTES, TEXTURES, TEXTURE_S = 48, 12, 6.0
FADE_S = 0.01
NEXT = "the next sound"
"""The yardstick: every sound judged against its neighbour, as if a pack had made that."""
IN_TUNE_CENTS = 10.0
Renderer = Callable[[Path, str, Path, bool], str]
"""Renders (input, pack, WAV to write, paced as live) and returns the report."""


@dataclass(frozen=True)
class Sound:
    """A held-out sound: `audio` [samples] at 48 kHz, its pitch if it has one, and how long it is held."""

    audio: np.ndarray
    pitch: float | None
    hold_s: float


def held_out_notes(cache: Path, count: int = NOTES) -> list[Sound]:
    """Notes of presets and keys that no pitched pack was trained on, over the whole list; kept in `cache`."""
    from .pitched.evaluation import HOLD_S, held_out_notes  # needs torch

    kept = cache / "held-out-notes.npz"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        presets, keys = held_out_notes()
        sounds = {f"{number:03d} {float(note.pitch)!r}": note.audio for number, note in enumerate([*presets, *keys])}
        np.savez(kept, **sounds)
    with np.load(kept) as notes:
        names = sorted(notes.files)
        chosen = [names[place] for place in np.linspace(0, len(names) - 1, min(count, len(names))).astype(int)]
        return [Sound(notes[name], float(name.split()[1]), HOLD_S) for name in chosen]


def held_out_textures(cache: Path, count: int = TEXTURES) -> list[Sound]:
    """Ends of recorded ambiences, then held chords that the texture pack was not trained on."""
    from .soundfonts import install
    from .texture_vae_gan import sources
    from .texture_vae_gan.data import TARGET_LUFS, mean_lufs

    install()
    cache.mkdir(parents=True, exist_ok=True)
    found = [texture.audio for texture in sources.ambiences(cache) if texture.held_out]
    programs = (*sources.HELD, *sources.STRUCK)
    for place in range(0, len(programs), 5):
        found.append(sources.played("fluid", programs[place], place % len(sources.CHORDS)))
    chosen = [found[place] for place in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]
    out = []
    for audio in chosen:
        audio = audio[: round(TEXTURE_S * SAMPLE_RATE)]
        audio = audio * 10.0 ** ((TARGET_LUFS - mean_lufs(audio)) / 20.0)
        out.append(Sound(faded(audio), None, len(audio) / SAMPLE_RATE))
    return out


def faded(audio: np.ndarray) -> np.ndarray:
    """Begins and ends within FADE_S, so that it has a beginning."""
    count = round(FADE_S * SAMPLE_RATE)
    share = np.minimum(np.arange(len(audio)) + 0.5, len(audio) - np.arange(len(audio)) - 0.5) / count
    return (audio * np.clip(share, 0.0, 1.0)).astype(np.float32)


def laid_out(sounds: list[Sound]) -> tuple[np.ndarray, list[Note]]:
    """All sounds in one input [samples], and where each lies in it."""
    at, notes = LEAD_IN_S, []
    for sound in sounds:
        key = 60 if sound.pitch is None else round(sound.pitch)
        notes.append(Note(at, at + sound.hold_s, key, 100))
        at += len(sound.audio) / SAMPLE_RATE + GAP_S
    audio = np.zeros(round((at + LATE_S) * SAMPLE_RATE), np.float32)
    for sound, note in zip(sounds, notes, strict=True):
        start = round(note.start_s * SAMPLE_RATE)
        audio[start : start + len(sound.audio)] += sound.audio
    return audio, notes


def through_plugin(xtask: list[str]) -> Renderer:
    """Renders through the built audio effect; `xtask`: the words that start it."""

    def render(heard: Path, pack: str, out: Path, live: bool) -> str:
        command = [*xtask, "render", "--input", str(heard), "--transform", pack, "--mix", "1", "--out", str(out)]
        command += ["--live"] if live else []
        return subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True).stdout

    return render


def judge(sounds: list[Sound], heard: list[Slice], made: list[Slice]) -> list[dict[str, float]]:
    """Measures of each sound; level is matched by one gain over all, as a fader would."""
    gain = level_gain(heard, made)
    pitched = all(sound.pitch is not None for sound in sounds)
    tones = compare_all(heard, made) if pitched else [{} for _ in sounds]
    rows = []
    for sound, before, after, tone in zip(sounds, heard, made, tones, strict=True):
        f0_hz = None if sound.pitch is None else float(note_to_hz(sound.pitch))
        a = np.concatenate([before.before, before.audio])
        b = np.concatenate([after.before, after.audio])
        row = {
            "lag, samples": float(alignment.envelope_lag(a, b, f0_hz)),
            "onset later, samples": float(alignment.onset(b, f0_hz) - alignment.onset(a, f0_hz)),
            "loudness off, LU": abs(max_momentary_lufs(gain * after.audio) - max_momentary_lufs(before.audio)),
            "colour off, dB": colour_db(before.audio, gain * after.audio),
        }
        if pitched:
            cents = abs(tone["pitch against original"])
            row |= {
                "within 10 cents": float(cents <= IN_TUNE_CENTS),
                "pitch off, cents": cents,
                "log-spectral distance, dB": tone["log-spectral distance"],
                "attack off, log10": abs(tone["attack time"]),
                "jitter over original's": tone["pitch jitter ratio"],
            }
        rows.append(row)
    return rows


def colour_db(reference: np.ndarray, test: np.ndarray) -> float:
    """Distance in dB of the mean power spectra: root mean square over bins that either fills."""
    rows = min(len(reference), len(test))
    a, b = (10.0 * np.log10(np.mean(10.0 ** (spectrogram(x[:rows]) / 10.0), axis=0) + 1e-12) for x in (reference, test))
    filled = np.maximum(a, b) > GATE_DB
    return float(np.sqrt(np.mean((np.maximum(a, GATE_DB) - np.maximum(b, GATE_DB))[filled] ** 2)))


def summary(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    """Mean, median and worst decile of each measure; of lags the median, and the decile by size."""
    out = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        values = values[np.isfinite(values)]
        worst = np.percentile(np.abs(values), 90)
        if name == "within 10 cents":
            worst = values.min()
        out[name] = [float(values.mean()), float(np.median(values)), float(worst)]
    return out


def run(sounds: dict[str, list[Sound]], packs: list[str], render: Renderer, out: Path) -> dict[str, dict]:
    """Render and judge; writes the WAVs and `table.json` into `out`, returns what it holds.

    By kind of sound, then by pack: `measures`, `latency`, `late offline`, `late live`, `alike`: share of the live
    samples that equal the offline ones, bit for bit.
    """
    out.mkdir(parents=True, exist_ok=True)
    table: dict[str, dict] = {"made": stamp(), "rows": {}}
    for kind, members in sounds.items():
        audio, notes = laid_out(members)
        heard_wav = out / f"{kind}.wav"
        soundfile.write(heard_wav, audio, SAMPLE_RATE, subtype="FLOAT")
        heard = cut(audio, notes)
        table["rows"][kind] = {NEXT: {"measures": summary(judge(members, heard, heard[1:] + heard[:1]))}}
        for pack in packs:
            made = {}
            reports = {}
            for live in (False, True):
                wav = out / f"{kind}-{Path(pack).name}{'-live' if live else ''}.wav"
                reports[live] = render(heard_wav.resolve(), pack, wav.resolve(), live)
                made[live] = soundfile.read(wav, dtype="float32", always_2d=True)[0].mean(axis=1)
            rows = judge(members, heard, cut(made[False], notes))
            length = min(len(made[False]), len(made[True]))
            table["rows"][kind][pack] = {
                "measures": summary(rows),
                "latency": told(reports[False], "latency"),
                "late offline": told(reports[False], "late transformed samples"),
                "late live": told(reports[True], "late transformed samples"),
                "alike": float(np.mean(made[False][:length] == made[True][:length])),
            }
            print(f"{kind} through {pack}: {len(rows)} judged", flush=True)
    (out / "table.json").write_text(json.dumps(table, indent=1) + "\n")
    return table


def stamp() -> str:
    """Day and commit."""
    command = ["git", "log", "-1", "--format=%h"]
    commit = subprocess.run(command, cwd=REPOSITORY, check=False, stdout=subprocess.PIPE, text=True).stdout.strip()
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {commit or 'unknown'}"


def format_table(table: dict[str, dict]) -> str:
    """A table a kind of sound, a column a pack: mean (median, worst decile) of each measure."""
    blocks = [f"Transform of held-out sounds, {table['made']}. Mean (median / worst decile)."]
    for kind, packs in table["rows"].items():
        lines = [f"| {kind} | " + " | ".join(Path(pack).name for pack in packs) + " |", "|---" * (len(packs) + 1) + "|"]
        for measure in packs[NEXT]["measures"]:
            cells = []
            for pack in packs.values():
                mean, median, worst = pack["measures"][measure]
                cells.append(f"{mean:.2f} ({median:.2f} / {worst:.2f})")
            lines.append(f"| {measure} | " + " | ".join(cells) + " |")
        for fact in ("latency", "late offline", "late live", "alike"):
            cells = [f"{pack[fact]:.4g}" if fact in pack else "-" for pack in packs.values()]
            lines.append(f"| {fact}{', share' if fact == 'alike' else ', samples'} | " + " | ".join(cells) + " |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
