"""Prompts that no model was trained on, with what truly follows: held-out pieces and rhythms, cut on the bar.

Each is a WAV: the prompt, `PROMPT_S` and up to the next bar line, and then at least `AFTER_S` of the same recording.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..tune_lstm import corpus as scores
from ..tune_lstm.split import HELD_OUT, split
from . import performance, rhythm, textures
from .build import DRUM_CHANNEL, DRUM_KITS, FONTS, SAMPLE_RATE, synthesise
from .style import DRUMS, STYLES, TEXTURE

EACH = 6  # of a label
PROMPT_S, AFTER_S = 8.0, 17.0
BAR_QUARTERS = {"4/4": 4.0, "2/2": 4.0, "3/4": 3.0, "2/4": 2.0, "6/8": 3.0}
PEAK = 0.5


@dataclass(frozen=True)
class Prompt:
    """A line of `prompts.json`. `switch_s`: where the prompt ends and the truth begins; on a bar line if it has any."""

    file: str
    label: str
    tempo_bpm: float | None
    bar_quarters: float | None
    switch_s: float


def _switch_s(tempo_bpm: float, bar_quarters: float) -> float:
    bar_s = bar_quarters * 60.0 / tempo_bpm
    return float(np.ceil(PROMPT_S / bar_s) * bar_s)


def _write(folder: Path, samples: np.ndarray, prompt: Prompt) -> Prompt:
    wanted = round((prompt.switch_s + AFTER_S) * SAMPLE_RATE)
    samples = samples[:wanted] * (PEAK / max(float(np.abs(samples).max()), 1e-6))
    soundfile.write(folder / prompt.file, samples.astype(np.float32), SAMPLE_RATE, subtype="FLOAT")
    return prompt


def build(folder: Path, tunes: Path, seed: int = 77) -> list[Prompt]:
    """Write the prompts and `prompts.json`, six of each of nine labels."""
    scores.build(tunes)
    folder.mkdir(parents=True, exist_ok=True)
    pieces = scores.load(tunes)
    parts = split(pieces)
    rng, made = np.random.default_rng(seed), []
    for style in STYLES:
        plays = [p for p, part in zip(pieces, parts, strict=True) if part == HELD_OUT and style.plays(p)]
        for number, index in enumerate(rng.permutation(len(plays))[:EACH]):
            piece, tempo = plays[index], round(float(rng.uniform(*style.quarters_per_minute)), 1)
            bar = BAR_QUARTERS[piece.metre]
            prompt = Prompt(f"{style.label}-{number}.wav", style.label, tempo, bar, _switch_s(tempo, bar))
            notes = performance.perform(piece, tempo, number, prompt.switch_s + AFTER_S)
            made.append(_write(folder, synthesise(notes, style.program, FONTS[number % 2]), prompt))
    for number in range(EACH):
        tempo, font = round(float(rng.uniform(80, 145)), 1), FONTS[number % 2]
        prompt = Prompt(f"{DRUMS}-{number}.wav", DRUMS, tempo, 4.0, _switch_s(tempo, 4.0))
        notes = rhythm.play(10_000 + number, tempo, prompt.switch_s + AFTER_S)
        made.append(_write(folder, synthesise(notes, DRUM_KITS[number], font, DRUM_CHANNEL), prompt))
        prompt = Prompt(f"{TEXTURE}-{number}.wav", TEXTURE, None, None, PROMPT_S)
        notes = textures.play(10_000 + number, PROMPT_S + AFTER_S)
        made.append(_write(folder, synthesise(notes, textures.PROGRAMS[2 * number], font), prompt))
    (folder / "prompts.json").write_text(json.dumps([asdict(p) for p in made], indent=1) + "\n")
    return made


def load(folder: Path) -> list[Prompt]:
    """What `build` wrote."""
    return [Prompt(**line) for line in json.loads((folder / "prompts.json").read_text())]
