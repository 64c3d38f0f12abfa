"""Measures what is shipped: the codec's frames, the prior's nats, and continuations that the plugin's code made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..judges.free_run import collapsed
from ..judges.rhythm import chroma_agreement, pulse_agreement
from .codec import AFTER_GROUPS, BEFORE_GROUPS, GROUP, HEARD_BEFORE, PLACES, Codec
from .corpus_frames import SPEEDS, Piece, flat_frames
from .frames import SAMPLE_RATE, distance_db
from .prior import Prior
from .prior_training import GROUPS, all_windows, flat_tokens, measured
from .prompts import Prompt, choose, continued, speeds
from .quantiser import perplexity

PROMPTS, SEED = 5, 7  # prompts of each label
KEPT_BY_TRUTH = 0.25  # quantile of what truly follows: what agrees with its prompt as well as that has kept it
CPU = torch.device("cpu")
MOST_LSD_DB, LEAST_RATIO, LEAST_SPEED = 4.0, 1.5, 4.0


def reported(test: Sequence[Piece]) -> list[Piece]:
    """The half of the held-out pieces that training did not stop by."""
    return list(test[1::2])


@torch.no_grad()
def codec_figures(codec: Codec, pieces: Sequence[Piece]) -> dict[str, Any]:
    """Log-spectral distance in dB of decoded frames to the original's own, by label, and the use of codes."""
    by_label: dict[str, list[np.ndarray]] = {}
    tokens = []
    for piece in pieces:
        flat = flat_frames([piece], SPEEDS[0], CPU).stretched(1.0, 0.0)
        said = codec.encode(flat.frames.unsqueeze(0))
        wanted = flat.frames[HEARD_BEFORE + GROUP * BEFORE_GROUPS : len(flat.frames) - GROUP * AFTER_GROUPS]
        by_label.setdefault(piece.label, []).append(distance_db(wanted, codec.decode(said)[0]).numpy())
        tokens.append(said[0])
    all_frames = np.concatenate([part for parts in by_label.values() for part in parts])
    numbers = torch.cat(tokens) - torch.arange(PLACES) * codec.shape.codes
    return {
        "log_spectral_distance_db": round(float(all_frames.mean()), 3),
        "worst_decile_db": round(float(np.sort(all_frames)[-len(all_frames) // 10 :].mean()), 3),
        "by_label_db": {name: round(float(np.concatenate(parts).mean()), 2) for name, parts in by_label.items()},
        "code_perplexities": [round(perplexity(numbers[:, place], codec.shape.codes)) for place in range(PLACES)],
        "seconds": round(len(all_frames) * 256 / SAMPLE_RATE),
    }


def prior_figures(codec: Codec, prior: Prior, pieces: Sequence[Piece], labels: list[str]) -> dict[str, Any]:
    """Perplexity a token with the right label, with every wrong one, and with none."""
    flat = flat_frames(list(pieces), SPEEDS[0], CPU)
    own = torch.tensor([labels.index(piece.label) for piece in pieces])
    tokens, right = all_windows(flat_tokens(codec, flat, own, 1.0, 0.0), GROUPS)
    named = len(labels) - 1
    nats = measured(prior, tokens, right)
    wrong = [measured(prior, tokens, (right - 1 + shift) % named + 1)["nats"] for shift in range(1, named)]
    return {
        "nats_a_token": round(nats["nats"], 4),
        "nats_by_place": nats["places"],
        "perplexity": round(math.exp(nats["nats"]), 1),
        "perplexity_any_label": round(math.exp(measured(prior, tokens, right * 0)["nats"]), 1),
        "perplexity_wrong_label": round(math.exp(float(np.mean(wrong))), 1),
        "wrong_over_right": round(math.exp(float(np.mean(wrong)) - nats["nats"]), 3),
        "least_wrong_over_right": round(math.exp(min(wrong) - nats["nats"]), 3),
    }


class Runs(NamedTuple):
    """Held-out prompts and what follows them: in truth, from the prompt, and from nothing; what `check-model` said."""

    prompts: list[Prompt]
    after: dict[str, list[np.ndarray]]
    said: str


def render(pack: Path, pieces: Sequence[Piece], labels: list[str], work: Path, xtask: str) -> Runs:
    """PROMPTS of each label but the one for any, continued by the plugin's own code, with their label."""
    runs = Runs([], {"truth": [], "primed": [], "unprimed": []}, "")
    for label in labels[1:]:
        own = choose(pieces, label, PROMPTS, SEED)
        primed, words = continued(pack, own, work / label, xtask)
        unprimed, more = continued(pack, own, work / f"{label}-imagined", xtask, ["--imagine"])
        runs.prompts.extend(own)
        for who, made in (("truth", [p.truth for p in own]), ("primed", primed), ("unprimed", unprimed)):
            runs.after[who].extend(made)
        runs = runs._replace(said=runs.said + words + more)
    return runs


def continuation_figures(runs: Runs) -> dict[str, Any]:
    """How often what follows keeps pulse and pitch classes of its prompt: primed, from nothing, and the truth."""
    prompts, after, said = runs
    found: dict[str, Any] = {"prompts": len(prompts), "speed": speeds(said)}
    found["collapsed"] = {
        prompt.name: reason
        for prompt, made in zip(prompts, after["primed"], strict=True)
        if (reason := collapsed(prompt.heard, made))
    }
    for name, judge in (("pulse", pulse_agreement), ("chroma", chroma_agreement)):
        values = {
            who: np.array([judge(prompt.heard, made) for prompt, made in zip(prompts, many, strict=True)])
            for who, many in after.items()
        }
        least = float(np.quantile(values["truth"], KEPT_BY_TRUTH))
        found[name] = {
            "least": round(least, 3),
            **{f"{who}_mean": round(float(own.mean()), 3) for who, own in values.items()},
            **{f"{who}_kept": round(float((own >= least).mean()), 3) for who, own in values.items()},
            "primed_wins": round(float((values["primed"] > values["unprimed"]).mean()), 3),
        }
    return found


def evaluate(
    model: tuple[Codec, Prior, list[str]], test: Sequence[Piece], pack: Path, work: Path, xtask: str
) -> dict[str, Any]:
    """Everything that metrics.json holds but its rows for the manifest. No choice was made by the codec's figures."""
    codec, prior, labels = model
    pieces = reported(test)
    return {
        "codec": codec_figures(codec, test),
        "prior": prior_figures(codec, prior, pieces, labels),
        "continuations": continuation_figures(render(pack, pieces, labels, work, xtask)),
    }


def manifest_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the trust sheet."""
    runs, held_out = found["continuations"], "held-out pieces"
    after = f"{runs['prompts']} continuations of 8 s after 4 s"
    rows = [
        ("log_spectral_distance_db", found["codec"]["log_spectral_distance_db"], f"{held_out}, frames of the codec"),
        ("perplexity", found["prior"]["perplexity"], held_out),
        ("wrong_label_over_right_label_perplexity", found["prior"]["wrong_over_right"], held_out),
        ("speed_over_real_time", min(row["plays"] for row in runs["speed"].values()), "slower of two runtimes"),
    ]
    for name in ("pulse", "chroma"):
        for who in ("primed", "unprimed", "truth"):
            rows.append((f"{name}_kept_{who}", runs[name][f"{who}_kept"], after))
        rows.append((f"{name}_kept_gain", round(runs[name]["primed_kept"] - runs[name]["unprimed_kept"], 3), after))
    rows.append(("collapsed_share", len(runs["collapsed"]) / runs["prompts"], after))
    return [{"name": name, "value": value, "set": place} for name, value, place in rows]


def is_on_target(found: dict[str, Any]) -> bool:
    """The issue's row: a codec of 4 dB, labels that matter, real time four times over, prompts that are kept."""
    runs = found["continuations"]
    kept = all(runs[name]["primed_kept"] > runs[name]["unprimed_kept"] for name in ("pulse", "chroma"))
    fast = all(row["plays"] >= LEAST_SPEED for row in runs["speed"].values())
    heard = found["codec"]["log_spectral_distance_db"] <= MOST_LSD_DB
    return kept and fast and heard and found["prior"]["wrong_over_right"] >= LEAST_RATIO
