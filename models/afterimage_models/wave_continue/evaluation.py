"""Measures what is shipped: bits a sample beside linear prediction, and free runs by the plugin's own kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import free_runs, linear_prediction
from .mixture import bits
from .network import SAMPLE_RATE, WaveNet
from .sound_set import SoundSet
from .training import CROPS_A_LABEL, HEARD_BEFORE, Crops

WINDOW = 512  # 32 ms
LEAST_SPEED = 4.0


@torch.no_grad()
def likelihoods(network: WaveNet, sounds: SoundSet) -> dict[str, Any]:
    """Bits a sample on held-out crops by label: the net with the right label and with none, and its rivals.

    `own_taps`: what the taps that the net goes by miss, coded without a net.
    """
    sound, label = Crops(sounds, torch.device("cpu"), 2 * HEARD_BEFORE).fixed(CROPS_A_LABEL, 2 * HEARD_BEFORE)
    rows: dict[str, list[float]] = {"net": [], "net_any_label": [], "forward": [], "backward": [], "own_taps": []}
    for crop, own in zip(sound, label, strict=True):
        for name, said in (("net", own), ("net_any_label", torch.zeros_like(own))):
            found = bits(network(crop[None], said[None]), crop[None])[0, HEARD_BEFORE:]
            rows[name].append(float(found.mean()))
        missed = (crop - network.past_of(crop[None]).foretold[0]).numpy().astype(np.float64)
        rows["own_taps"].append(linear_prediction.bits_of_errors(missed, HEARD_BEFORE, WINDOW))
        samples = crop.numpy().astype(np.float64)
        rows["forward"].append(linear_prediction.forward_bits(samples, HEARD_BEFORE, WINDOW))
        rows["backward"].append(linear_prediction.backward_bits(samples, HEARD_BEFORE, WINDOW))
    table = {name: np.array(values) for name, values in rows.items()}
    table["best_linear"] = np.min([table[name] for name in ("forward", "backward", "own_taps")], 0)
    labels = label.numpy()
    by_label = {
        sounds.labels[k]: {name: round(float(values[labels == k].mean()), 3) for name, values in table.items()}
        for k in sorted(set(labels.tolist()))
    }
    mean = {name: round(float(values.mean()), 3) for name, values in table.items()}
    better = float((table["net"] < table["best_linear"]).mean())
    return {"crops": len(labels), "mean": mean, "share_of_crops_below_linear": round(better, 3), "by_label": by_label}


def evaluate(network: WaveNet, sounds: SoundSet, pack: Path, work: Path, xtask: str) -> dict[str, Any]:
    """Everything that metrics.json holds but its rows for the manifest."""
    runs, said = free_runs.render(sounds, pack, work, xtask)
    return {
        "bits_a_sample": likelihoods(network, sounds),
        "free_runs": free_runs.measure(runs),
        "speed": free_runs.speeds(said),
    }


def kernel_speed(found: dict[str, Any]) -> float:
    """Seconds of sound that the kernel makes in a second."""
    return 1e6 / SAMPLE_RATE / found["speed"]["the native kernel"]["median_us"]


def manifest_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the trust sheet."""
    held_out = f"{found['bits_a_sample']['crops']} held-out crops"
    names = ("net", "forward", "backward", "own_taps", "best_linear")
    rows = [
        {"name": f"bits_a_sample_{name}", "value": found["bits_a_sample"]["mean"][name], "set": held_out}
        for name in names
    ]
    runs = found["free_runs"]
    share = len(runs["collapsed"]) / runs["runs"]
    rows.append({"name": "collapsed_share", "value": share, "set": f"{runs['runs']} free runs of 8 s"})
    return [*rows, {"name": "speed", "value": round(kernel_speed(found), 1), "set": "one core, times real time"}]


def is_on_target(found: dict[str, Any]) -> bool:
    """The issue's row: fewer bits than the best linear prediction, fast enough, no run collapsed."""
    mean = found["bits_a_sample"]["mean"]
    better = mean["net"] < mean["best_linear"]
    return better and kernel_speed(found) >= LEAST_SPEED and not found["free_runs"]["collapsed"]
