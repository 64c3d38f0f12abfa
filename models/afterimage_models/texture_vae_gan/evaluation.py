"""What the pack must show, on the WAV that the plugin writes: likeness, loudness, and that it does not come round."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..judges import sets
from ..judges.embedding import embed
from ..spectrum import SAMPLE_RATE
from .data import mean_lufs
from .drone_score import DroneScore
from .frames import FRAMES_A_SECOND, mel_frames
from .network import LATENT

DRAWN, PIECE_S = 96, 2.4  # the judge hears 2.3 s
LONG_S = 30.0
LEAST_LAG_S, SMOOTHED_S = 1.0, 0.5
WINDOW_S, STEP_S = 2.4, 0.5
PERCENTILE = 95.0
SEED = 5


@dataclass
class Stage:
    """Where a pack is played from: the words that start xtask, the pack, where WAVs go. `late`: frames by render."""

    xtask: str
    pack: Path
    folder: Path
    late: dict[str, int] = field(default_factory=dict)

    def play(self, score: DroneScore, name: str) -> list[np.ndarray]:
        """The score's textures from the plugin's WAV."""
        played, self.late[name] = score.play(self.xtask, self.pack, self.folder, name)
        return played


def pieces(sounds: list[np.ndarray]) -> list[np.ndarray]:
    """Every PIECE_S of sounds, one after the other."""
    size = round(PIECE_S * SAMPLE_RATE)
    return [s[at : at + size] for s in sounds for at in range(0, len(s) - size + 1, size)]


def likeness(stage: Stage, training: list[np.ndarray], held_out: list[np.ndarray]) -> dict:
    """Textures at knobs drawn from the prior against held-out ones; training ones against those as the yardstick."""
    rng, score = np.random.default_rng(SEED), DroneScore(PIECE_S)
    for _ in range(DRAWN):
        score.add(rng.standard_normal(LATENT))
    made, train, held = (embed(p) for p in (stage.play(score, "made"), pieces(training), pieces(held_out)))
    return {
        "kernel_distance": vars(sets.kernel_distance(held, made)),
        "kernel_distance_real": vars(sets.kernel_distance(held, train)),
        "separability": sets.separability(held, made),
        "separability_real": sets.separability(held, train),
        "copies": sets.copy_share(made, held, train),
        "recall": float(sets.covered(held, made).mean()),
        "recall_real": float(sets.covered(held, train).mean()),
        "precision": float(sets.covered(made, train).mean()),
    }


def embedding_likeness(sound: np.ndarray) -> float:
    """Highest cosine of two windows' embeddings that begin more than LEAST_LAG_S apart."""
    size, step = round(WINDOW_S * SAMPLE_RATE), round(STEP_S * SAMPLE_RATE)
    points = embed([sound[at : at + size] for at in range(0, len(sound) - size + 1, step)])
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    apart = int(np.floor(LEAST_LAG_S / STEP_S)) + 1
    cosines = points @ points.T
    return float(np.max(cosines[np.triu_indices(len(points), apart)], initial=0.0))


def recurrence(sound: np.ndarray) -> float:
    """Largest correlation of a sound's fine structure with itself more than LEAST_LAG_S later: 1 for a loop.

    Fine structure: mel levels less their own running mean over SMOOTHED_S.
    """
    level = np.maximum(mel_frames(sound), -80.0)
    size = round(SMOOTHED_S * FRAMES_A_SECOND)
    window = np.ones(size) / size
    smooth = np.apply_along_axis(np.convolve, 0, level, window, "same")
    fine = (level - smooth)[size:-size]
    count = len(fine)
    spectrum = np.fft.rfft(fine, 2 * count, axis=0)
    overlap = np.fft.irfft((np.abs(spectrum) ** 2).sum(1))[:count]
    energy = np.cumsum(np.square(fine).sum(1))
    lags = np.arange(round(LEAST_LAG_S * FRAMES_A_SECOND), count - 2 * size)
    if not len(lags) or energy[-1] <= 0.0:
        return 0.0
    head, tail = energy[count - 1 - lags], energy[-1] - energy[lags - 1]
    return float(np.max(overlap[lags] / np.sqrt(head * tail + 1e-9)))


def long_sounds(stage: Stage, presets: dict[str, list[float]], ambiences: list[np.ndarray]) -> dict:
    """How far every preset comes round over LONG_S, against the 95th percentile of real ambiences."""
    score = DroneScore(LONG_S)
    for knobs in presets.values():
        score.add(np.array(knobs))
    played = stage.play(score, "long")
    out: dict = {}
    for name, measure in (("embedding_likeness", embedding_likeness), ("recurrence", recurrence)):
        made = dict(zip(presets, (measure(sound) for sound in played), strict=True))
        real = [measure(sound) for sound in ambiences]
        out[name] = {
            "made": {n: round(v, 3) for n, v in made.items()},
            "highest": max(made.values()),
            "real_95": float(np.percentile(real, PERCENTILE)),
            "real_median": float(np.median(real)),
        }
    loud = {name: mean_lufs(sound) for name, sound in zip(presets, played, strict=True)}
    out["presets"] = {
        "spread_lu": float(np.ptp(list(loud.values()))),
        "lufs": {n: round(v, 2) for n, v in loud.items()},
        "peak": float(max(np.abs(sound).max() for sound in played)),
    }
    return out


def goals(found: dict) -> list[dict]:
    """The model's targets with what was measured: rows of name, value, limit, met, set."""
    likeness_of, long = found["likeness"], found["long"]
    made, real = likeness_of["kernel_distance"]["value"], likeness_of["kernel_distance_real"]
    # An unbiased distance of two samples of one set lies about 0: the upper end of its interval stands in for it.
    over_upper = made / real["high"]
    same, loop = long["embedding_likeness"], long["recurrence"]
    loud = long["presets"]["spread_lu"]
    rows = [
        ("kernel_distance", made, f"<= 3 x {real['value']:.3f}", made <= 3.0 * real["value"], "held out"),
        ("kernel_distance_over_real_upper", over_upper, "<= 3", over_upper <= 3.0, "held out"),
        ("self_similarity", same["highest"], f"<= {same['real_95']:.3f}", same["highest"] <= same["real_95"],
         "most alike preset, 30 s"),
        ("recurrence", loop["highest"], f"<= {loop['real_95']:.3f}", loop["highest"] <= loop["real_95"],
         "most alike preset, 30 s"),
        ("copies", likeness_of["copies"], "<= 0.02", likeness_of["copies"] <= 0.02, "training textures"),
        ("preset_loudness_lu", loud, "<= 1.5", loud <= 1.5, "shipped presets"),
    ]  # fmt: skip
    return [
        {"name": n, "value": v, "limit": limit, "met": bool(met), "set": f"{where}, WAV of the plugin"}
        for n, v, limit, met, where in rows
    ]
