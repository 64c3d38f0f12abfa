"""Every measure of one note against its original, and the table over many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..loudness import max_momentary_lufs
from ..pitch import measure_note
from ..spectrum import SAMPLE_RATE
from . import timing, tone
from .distance import log_spectral_distance_db, smoothed_distance_db
from .layout import Slice, level_gain

PITCH_FROM_S, PITCH_TO_S = 0.03, 1.2
WITHIN = 0.15
CONTRAST_UNIT_DB = 20.0  # a typical octave contrast: 15 % of it is 3 dB


@dataclass(frozen=True)
class Measure:
    """One column: its name, unit, how a note is scored, and the limit that counts as kept."""

    name: str
    unit: str
    limit: float
    absolute: bool = True


MEASURES = (
    Measure("log-spectral distance", "dB", 3.0),
    Measure("distance, grain forgiven", "dB", 3.0),
    Measure("pitch against original", "cents", 25.0),
    Measure("octave contrast", "dB", WITHIN * CONTRAST_UNIT_DB),
    Measure("level between partials", "dB", 3.0),
    Measure("haze share", "", 0.02),
    Measure("floor after note end", "dB", -70.0, absolute=False),
    Measure("attack time", "log10", np.log10(1.0 + WITHIN) * 2.0),
    Measure("decay slope", "dB/s", 2.0),
    Measure("envelope modulation", "dB", 0.5),
    Measure("before onset", "dB", -60.0, absolute=False),
    Measure("pitch jitter ratio", "x", 1.5, absolute=False),
    Measure("loudness", "LU", 1.5),
)


def pitch_of(audio: np.ndarray, note: float, hold_s: float) -> float:
    """Measured fractional MIDI note of a slice's held part."""
    stop_s = min(max(hold_s, 0.3), PITCH_TO_S)
    return measure_note(audio[int(PITCH_FROM_S * SAMPLE_RATE) : int(stop_s * SAMPLE_RATE)], note)


def compare(reference: Slice, test: Slice) -> dict[str, float]:
    """All MEASURES of one note: differences test - reference, or values of the test where only those count."""
    key, hold_s = reference.note.key, reference.hold_s
    a, b = reference.audio, test.audio
    frames_a, frames_b = tone.held_frames(a, hold_s), tone.held_frames(b, hold_s)
    contrast = tone.octave_contrast_db(frames_b) - tone.octave_contrast_db(frames_a)
    jitter_a = timing.pitch_jitter_cents(a, key, hold_s)
    jitter_b = timing.pitch_jitter_cents(b, key, hold_s)
    pitch_a = pitch_of(a, key, hold_s)
    return {
        "log-spectral distance": float(log_spectral_distance_db(a, b).mean()),
        "distance, grain forgiven": float(smoothed_distance_db(a, b).mean()),
        "pitch against original": 100.0 * (pitch_of(b, key, hold_s) - pitch_a),
        "octave contrast": float(np.mean(np.abs(contrast))),
        "level between partials": tone.between_partials_db(frames_b, pitch_a)
        - tone.between_partials_db(frames_a, pitch_a),
        "haze share": tone.haze_share(a, b, hold_s),
        "floor after note end": tone.floor_after_end_db(b, hold_s),
        "attack time": timing.log_attack_time(b, key, hold_s) - timing.log_attack_time(a, key, hold_s),
        "decay slope": timing.decay_slope_db_s(b, key, hold_s) - timing.decay_slope_db_s(a, key, hold_s),
        "envelope modulation": timing.modulation_db(b, key, hold_s) - timing.modulation_db(a, key, hold_s),
        "before onset": timing.before_onset_db(test.before, b),
        "pitch jitter ratio": (jitter_b + 0.5) / (jitter_a + 0.5),
        "loudness": max_momentary_lufs(b) - max_momentary_lufs(a),
    }


def compare_all(reference: list[Slice], test: list[Slice]) -> list[dict[str, float]]:
    """Rows of `compare` with the test brought to the reference's level by one gain."""
    gain = level_gain(reference, test)
    matched = [replace(t, audio=t.audio * gain, before=t.before * gain) for t in test]
    return [compare(r, t) for r, t in zip(reference, matched, strict=True)]


def summary_rows(rows: list[dict[str, float]]) -> list[tuple[str, str, float, float, float, float]]:
    """For each measure: name, unit, mean, median, worst decile and share kept, over the notes where it is defined.

    Signed differences are scored by their size, so mean and worst decile are of absolute values.
    """
    out = []
    for measure in MEASURES:
        values = np.array([row[measure.name] for row in rows])
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        score = np.abs(values) if measure.absolute else values
        kept = float(np.mean(score <= measure.limit))
        out.append((measure.name, measure.unit, score.mean(), np.median(score), np.percentile(score, 90), kept))
    return out


def format_table(rows: list[tuple[str, str, float, float, float, float]]) -> str:
    """The table as aligned text."""
    lines = [f"{'measure':28} {'unit':6} {'mean':>8} {'median':>8} {'worst 10%':>10} {'kept':>6}"]
    for name, unit, mean, median, worst, kept in rows:
        lines.append(f"{name:28} {unit:6} {mean:8.2f} {median:8.2f} {worst:10.2f} {100 * kept:5.0f}%")
    return "\n".join(lines)
