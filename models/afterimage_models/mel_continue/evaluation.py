"""Measures what is shipped: likelihood beside its rivals', and continuations that the plugin's own code made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..judges.free_run import collapsed
from ..judges.rhythm import chroma_agreement, pulse_agreement
from ..judges.seam import gap_samples, level_step_db, seam_flux_db
from . import baseline
from .frames import Analysis
from .layout import SAMPLE_RATE
from .network import FrameNetwork
from .prompts import Run, choose, render, speeds
from .sounds import Corpus, stretches, whole_frames
from .training import LEAST_FRAMES, Settings, nats_a_band

RUNS, SEED = 50, 7
FITTED_SOUNDS = 45


def likelihoods(network: FrameNetwork, corpus: Corpus) -> dict[str, Any]:
    """Nats a band on held-out pieces: the net, without its label, its rival without frequency, the last frame again."""
    analysis = Analysis(torch.device("cpu"))
    test, train = corpus.split("test"), corpus.split("train")
    rival = baseline.fit([whole_frames(s, analysis) for s in train[:: max(len(train) // FITTED_SOUNDS, 1)]])
    batches = {
        label: stretches([s for s in test if s.label == number], analysis, Settings.frames, LEAST_FRAMES)
        for number, label in enumerate(corpus.labels[1:], start=1)
    }
    every = [batch for own in batches.values() for batch in own]
    named = nats_a_band(network, every)
    return {
        "net": round(named.own, 4),
        "net_any_label": round(nats_a_band(network, every, right_label=False).own, 4),
        "without_frequency": round(named.rival, 4),
        "repeat_last_frame": round(baseline.nats_a_band(rival, every), 4),
        "by_label": {label: round(nats_a_band(network, own).own, 3) for label, own in batches.items()},
    }


def agreement(prompt: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """What a continuation shares with its prompt."""
    return {"pulse": pulse_agreement(prompt, after), "chroma": chroma_agreement(prompt, after)}


def continuations(runs: list[Run]) -> dict[str, Any]:
    """Collapse, agreement with the prompt beside that of what really followed, and seams beside real places."""
    reasons = [collapsed(run.prompt, run.made) for run in runs]
    real = [run for run in runs if len(run.truth) >= 4 * SAMPLE_RATE]
    made = [agreement(run.prompt, run.made[: len(run.truth)]) for run in real]
    true = [agreement(run.prompt, run.truth) for run in real]
    seams = [_seam(np.concatenate([run.prompt, run.made]), len(run.prompt)) for run in runs]
    true_seams = [_seam(np.concatenate([run.prompt, run.truth]), len(run.prompt)) for run in real]
    return {
        "runs": len(runs),
        "collapsed": {run.name: reason for run, reason in zip(runs, reasons, strict=True) if reason},
        "agreement": {"made": _means(made), "truth": _means(true), "pieces": len(real)},
        "seam": {"made": _means(seams), "truth": _means(true_seams)},
    }


def _seam(whole: np.ndarray, at: int) -> dict[str, float]:
    return {
        "flux_db": seam_flux_db(whole, SAMPLE_RATE, at),
        "level_step_db": abs(level_step_db(whole, SAMPLE_RATE, at)),
        "gap_samples": float(gap_samples(whole, at)),
    }


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}


def evaluate(network: FrameNetwork, corpus: Corpus, pack: Path, work: Path, xtask: str) -> dict:
    """Everything that metrics.json holds but its rows for the manifest."""
    runs, said = render(pack, choose(corpus.split("test"), RUNS, SEED), work, xtask, SEED)
    return {
        "nats_a_band": likelihoods(network, corpus),
        "speed": {name: {"plays": p, "hears": h} for name, (p, h) in speeds(said).items()},
        "continuations": continuations(runs),
    }


def manifest_rows(found: dict) -> list[dict[str, Any]]:
    """The rows of the trust sheet, as the zoo's table reads them."""
    nats, runs = found["nats_a_band"], found["continuations"]
    held_out, share = "held-out pieces", len(runs["collapsed"]) / runs["runs"]
    names = {
        "nats_a_band": "net",
        "nats_a_band_without_frequency": "without_frequency",
        "nats_a_band_repeat_last_frame": "repeat_last_frame",
    }
    rows = [{"name": name, "value": nats[key], "set": held_out} for name, key in names.items()]
    rows += [{"name": "times_real_time", "value": row["plays"], "set": name} for name, row in found["speed"].items()]
    return [*rows, {"name": "collapsed_share", "value": share, "set": f"{runs['runs']} continuations of 16 s"}]
