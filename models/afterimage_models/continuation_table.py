"""The table of continuations: what the plugin plays after prompts that no model heard, beside what truly follows.

`python -m afterimage_models continuations` renders every prompt through the audio effect with every continuer, and
judges the WAVs. Agreement is only worth what was not copied, so both stand side by side. A continuer may name settings:
`juke@continue_likeness=0` is the net without the memory of what was heard.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from .corpus.prompts import Prompt
from .judges import copying, free_run, rhythm, seam
from .judges.sets import separability
from .plugin_render import REPOSITORY, told

AFTER_S = 16.0
HOST_RATIO = 2
"""The effect runs at twice the prompts' rate, 44.1 kHz: at their own, its resampler's edge would mark the switch."""
TRUTH, MEMORY, SETTING = "true next bars", "memory", "@"
SEGMENT_S = 2.0
LEFT_S = 0.03
MEASURES = {
    "pulse": "agreement of the onsets' autocorrelation, -1 to 1",
    "chroma": "cosine of the pitch classes, 0 to 1",
    "longest copy s": "longest run of frames that the prompt holds too",
    "near duplicates": "share of frames that the prompt holds too",
    "distance dB": "of the mean spectra of 2 s and of the prompt, mean",
    "seam flux dB": "above 8 kHz, over the quiet half of the frames near it",
    "seam level dB": "size of the level step over 100 ms",
    "gap samples": "exact zeros at the switch",
}
"""What is measured of each continuation."""
Renderer = Callable[[Path, Prompt, str, Path], None]
"""Writes a WAV of the whole: (prompt's WAV, prompt, continuer, WAV to write)."""


def through_plugin(xtask: list[str]) -> Renderer:
    """Renders through the built audio effect; `xtask`: the words that start it."""

    def render(heard: Path, prompt: Prompt, continuer: str, out: Path) -> None:
        command = [*xtask, "render", "--input", str(heard), "--continue-at", f"{prompt.switch_s:.6f}s"]
        command += ["--length", f"{AFTER_S:g}s", "--out", str(out)]
        pack, *settings = continuer.split(SETTING)
        if pack != MEMORY:
            command += ["--continuer", pack]
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        late = told(done.stdout, "late samples")
        if late:
            raise RuntimeError(
                f"{out}: {late} samples came late, which is no fault of the model; the machine is too busy"
            )

    return render


def halves(audio: np.ndarray, switch: int) -> tuple[np.ndarray, np.ndarray]:
    """Prompt and continuation at the judges' rate, of a whole at the host's that switches at sample `switch`."""
    slow = resample_poly(audio, 1, HOST_RATIO)
    at = round(switch / HOST_RATIO)
    return slow[:at], slow[at : at + round(AFTER_S * rhythm.RATE)]


def left_at(audio: np.ndarray, rate: int, switch: int) -> np.ndarray:
    """The prompt as a player leaves it: it goes on while the effect switches over, and has faded `LEFT_S` later.

    A cut within the switch would be a click of the prompt's own; the effect branches 250 ms before, so that it hears
    nothing of what truly follows.
    """
    share = 1.0 - np.clip((np.arange(len(audio)) - switch - 0.5 * LEFT_S * rate) / (0.5 * LEFT_S * rate), 0.0, 1.0)
    return (audio * share).astype(np.float32)


def judge(audio: np.ndarray, rate: int, switch: int) -> dict[str, float]:
    """The measures of one whole at the host's rate: prompt up to sample `switch`, continuation after it."""
    prompt, after = halves(audio, switch)
    span = round(SEGMENT_S * rhythm.RATE)
    parts = [after[at : at + span] for at in range(0, len(after) - span + 1, span)]
    return {
        "pulse": rhythm.pulse_agreement(prompt, after),
        "chroma": rhythm.chroma_agreement(prompt, after),
        "longest copy s": copying.longest_copy_s(prompt, after),
        "near duplicates": copying.near_duplicate_share(prompt, after),
        "distance dB": float(np.mean([copying.distance_db(prompt, part) for part in parts])),
        "seam flux dB": seam.seam_flux_db(audio, rate, switch),
        "seam level dB": abs(seam.level_step_db(audio, rate, switch)),
        "gap samples": float(seam.gap_samples(audio, switch)),
    }


def run(folder: Path, prompts: list[Prompt], continuers: list[str], render: Renderer, out: Path) -> dict[str, dict]:
    """Render and judge; writes the WAVs and `table.json` into `out`, returns what it holds.

    By continuer: `rows` of measures in the prompts' order, `collapsed` reasons, `seam_auc` against the truth.
    """
    out.mkdir(parents=True, exist_ok=True)
    table: dict[str, dict] = {}
    looks: dict[str, np.ndarray] = {}
    for continuer in [TRUTH, *continuers]:
        rows, collapsed, look = [], [], []
        for prompt in prompts:
            recorded, rate = soundfile.read(folder / prompt.file, dtype="float32")
            whole, rate = resample_poly(recorded, HOST_RATIO, 1), HOST_RATIO * rate
            switch = round(prompt.switch_s * rate)
            if continuer != TRUTH:
                heard = left_at(whole, rate, switch)
                made = out / f"{Path(continuer).name}-{prompt.file}"
                soundfile.write(out / "heard.wav", heard, rate, subtype="FLOAT")
                render(out / "heard.wav", prompt, continuer, made)
                whole, rate = soundfile.read(made, dtype="float32")
                whole = whole if whole.ndim == 1 else whole.mean(axis=1)
            rows.append(judge(whole, rate, switch))
            look.append(seam.features(whole, rate, switch))
            reason = free_run.collapsed(*halves(whole, switch))
            collapsed += [f"{prompt.file}: {reason}"] if reason else []
        looks[continuer] = np.stack(look)
        auc = 0.5 if continuer == TRUTH else separability(looks[TRUTH], looks[continuer])
        table[continuer] = {"rows": rows, "collapsed": collapsed, "seam_auc": auc}
        print(f"{continuer}: {len(rows)} judged, {len(collapsed)} collapsed", flush=True)
    (out / "table.json").write_text(json.dumps(table, indent=1) + "\n")
    return table


def format_table(table: dict[str, dict]) -> str:
    """Mean and, in brackets, the tenth and ninetieth percentile of every measure, a column a continuer."""
    names = list(table)
    lines = ["| measure | " + " | ".join(Path(name).name for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for measure in MEASURES:
        cells = []
        for name in names:
            values = np.array([row[measure] for row in table[name]["rows"]])
            low, high = np.percentile(values, [10, 90])
            cells.append(f"{values.mean():.2f} ({low:.2f} to {high:.2f})")
        lines.append(f"| {measure} | " + " | ".join(cells) + " |")
    lines.append("| seam found, AUC | " + " | ".join(f"{table[n]['seam_auc']:.2f}" for n in names) + " |")
    steps = {name: np.mean([row["seam level dB"] for row in table[name]["rows"]]) for name in names}
    over = " | ".join(f"{steps[name] - steps[TRUTH]:+.2f}" for name in names)
    lines.append(f"| seam level over the true bars', dB | {over} |")
    counts = [f"{len(table[n]['collapsed'])} of {len(table[n]['rows'])}" for n in names]
    return "\n".join([*lines, "| collapsed | " + " | ".join(counts) + " |"])
