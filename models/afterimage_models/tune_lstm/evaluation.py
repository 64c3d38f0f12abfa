"""Measures what is shipped: nats of held-out pieces, and pieces drawn from the graph beside held-out ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ..events.copies import CopyFinder
from ..events.motifs import (
    divergence_nats,
    motif_recurrence,
    notes_a_quarter,
    notes_at_once,
    rhythms,
    whole_bar_share,
)
from ..events.naive_bayes import KindJudge
from ..events.piece import Piece
from ..events.player import EventPlayer, Wish
from ..events.tokens import decode
from ..events.tonality import in_key_share
from ..events.vocabulary import END, NOTE
from . import continuation
from .network import TuneNetwork
from .split import HELD_OUT, TRAIN
from .training import token_nats
from .tune_set import ANY, LONGEST_TOKENS, PADDING, Batch, TuneSet
from .vocabulary import NOTES, VOCABULARY

DRAWN_A_LABEL, SEED = 20, 53
ROWS = 64
TRAINING_PIECES, LABEL_TUNES = 150, 100
WRONG_STEPS = (1, 3, 5, 7)  # to other labels in the list of folk labels
COPY_LIMIT_NOTES = 8
LOOPED = 0.6  # motif recurrence of a piece that fell into a loop; 0.2 % of the real ones have more
MEASURES = {
    "in_key_share": lambda p: in_key_share(p.notes),
    "motif_recurrence": motif_recurrence,
    "looped": lambda p: float(motif_recurrence(p) > LOOPED),
    "notes_a_quarter": notes_a_quarter,
    "notes_at_once": notes_at_once,
    "whole_bar_share": whole_bar_share,
    "notes": lambda p: float(len(p.notes)),
}

Change = Callable[[Batch], Batch]


def nats(network: TuneNetwork, tunes: TuneSet, indices: np.ndarray, change: Change | None = None) -> dict[str, float]:
    """Nats a token and a note over pieces; `change(batch)` gives the batch that is read instead."""
    total, tokens, notes = 0.0, 0, 0
    first, count = VOCABULARY.first[NOTE], len(NOTES)
    for batch in tunes.in_key(indices, ROWS):
        total += float(token_nats(network, change(batch) if change else batch).sum())
        tokens += int((batch.target != PADDING).sum())
        notes += int(((batch.target >= first) & (batch.target < first + count)).sum())
    return {"nats_a_token": total / tokens, "nats_a_note": total / notes, "tokens": tokens, "notes": notes}


def _together(parts: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The nats of all parts in one, and of each under its name."""
    tokens, notes = (sum(p[unit] for p in parts.values()) for unit in ("tokens", "notes"))
    total = sum(p["nats_a_token"] * p["tokens"] for p in parts.values())
    return {"nats_a_token": total / tokens, "nats_a_note": total / notes, "tokens": tokens, "notes": notes} | parts


def _relabelled(tunes: TuneSet, step: int) -> Change:
    """Gives each labelled piece of a batch another label, `step` places on among the folk labels; metre left open."""
    folk = np.array([n for n, name in enumerate(tunes.labels) if name not in (ANY, "chorale")])

    def change(batch: Batch) -> Batch:
        place = np.searchsorted(folk, batch.label)
        label = folk[(place + step) % len(folk)]
        return Batch(batch.token, batch.target, label, np.zeros_like(batch.metre))

    return change


def label_nats(network: TuneNetwork, tunes: TuneSet, indices: np.ndarray) -> dict[str, float]:
    """Nats a token of labelled folk tunes by the right label, by wrong ones in the mean, and by none."""
    open_labels = [tunes.labels.index(ANY), tunes.labels.index("chorale")]
    folk = indices[~np.isin(tunes.label[indices], open_labels)]
    folk = folk[:: max(len(folk) // LABEL_TUNES, 1)]
    by_step = [nats(network, tunes, folk, _relabelled(tunes, s))["nats_a_token"] for s in (0, *WRONG_STEPS)]

    def left_open(batch: Batch) -> Batch:
        return Batch(batch.token, batch.target, np.zeros_like(batch.label), np.zeros_like(batch.metre))

    none = nats(network, tunes, folk, left_open)["nats_a_token"]
    return {"right": by_step[0], "wrong": float(np.mean(by_step[1:])), "none": none}


def draw_pieces(player: EventPlayer, labels: list[str]) -> tuple[list[Piece], float]:
    """DRAWN_A_LABEL pieces of each label, metre left open, and the share that reached its own end."""
    pieces, ended = [], []
    for number, label in enumerate(labels):
        about = Piece(np.zeros((0, 3)), np.zeros(0), label, ANY, "drawn", label)
        for tokens in player.draw([Wish(label, ANY)] * DRAWN_A_LABEL, SEED + number, LONGEST_TOKENS):
            ended.append(tokens[-1] == player.vocabulary.token(END))
            pieces.append(decode(tokens, player.vocabulary, about))
    return [p for p in pieces if len(p.notes) > 1], float(np.mean(ended))


def _of_label(pieces: list[Piece], label: str) -> list[Piece]:
    return [p for p in pieces if p.label == label]


def _rhythms(pieces: list[Piece]) -> Counter:
    return sum((rhythms(p) for p in pieces), Counter())


def _music(drawn: list[Piece], real: list[Piece], held: list[Piece]) -> dict[str, dict[str, Any]]:
    """For each label the measures' means drawn, over all real pieces and held out, and rhythm divergences."""
    out: dict[str, dict[str, Any]] = {}
    rng = np.random.default_rng(SEED)
    for label in sorted({p.label for p in drawn}):
        sets = {"drawn": _of_label(drawn, label), "real": _of_label(real, label), "held_out": _of_label(held, label)}
        row: dict[str, Any] = {"pieces": {name: len(s) for name, s in sets.items()}}
        for measure, of in MEASURES.items():
            row[measure] = {name: float(np.mean([of(p) for p in s])) for name, s in sets.items()}
        others = [p for p in sets["real"] if id(p) not in {id(h) for h in sets["held_out"]}]
        mixed = [others[i] for i in rng.permutation(len(others))]
        some, rest = mixed[: len(sets["drawn"])], mixed[len(sets["drawn"]) :]
        row["rhythm_divergence_nats"] = {
            "drawn_to_real": divergence_nats(_rhythms(sets["drawn"]), _rhythms(rest)),
            "as_many_real_to_real": divergence_nats(_rhythms(some), _rhythms(rest)),
        }
        out[label] = row
    return out


def _spread(notes: np.ndarray) -> dict[str, float]:
    points = {f"p{q}": float(np.percentile(notes, q)) for q in (10, 25, 50, 75, 90)}
    return points | {"longest": float(notes.max()), "share_below_8": float((notes < COPY_LIMIT_NOTES).mean())}


def _kinds(judge: KindJudge, pieces: list[Piece]) -> dict[str, Any]:
    """Share of pieces whose label the judge finds, in all and of each label, and whether it tells reels from jigs."""
    found = [(p.label, judge.label(p)) for p in pieces if p.label in judge.labels]
    each = {name: float(np.mean([f == n for n, f in found if n == name])) for name in {n for n, _ in found}}
    pair = [(n, f) for n, f in found if {n, f} <= {"reel", "jig"}]
    apart = float(np.mean([n == f for n, f in pair])) if pair else 0.0
    return {"accuracy": float(np.mean([n == f for n, f in found])), "reel_from_jig": apart} | {
        "by_label": dict(sorted(each.items()))
    }


def evaluate(network: TuneNetwork, player: EventPlayer, tunes: TuneSet) -> dict[str, Any]:
    """All measures: nats of the network, music drawn from its graph. Every random choice has a fixed seed."""
    held_rows, train_rows = tunes.of_part(HELD_OUT), tunes.of_part(TRAIN)
    held, train = [tunes.pieces[i] for i in held_rows], [tunes.pieces[i] for i in train_rows]
    drawn, ended = draw_pieces(player, tunes.labels)
    copies = CopyFinder(train)
    judge = KindJudge(train, [name for name in tunes.labels if name != ANY])
    chorale = tunes.label[held_rows] == tunes.labels.index("chorale")
    return {
        "held_out": _together(
            {"folk": nats(network, tunes, held_rows[~chorale]), "chorales": nats(network, tunes, held_rows[chorale])}
        )
        | {"pieces": len(held_rows)},
        "training": nats(network, tunes, train_rows[:: len(train_rows) // TRAINING_PIECES]),
        "label_nats_a_token": label_nats(network, tunes, held_rows),
        "music": _music(drawn, tunes.pieces, held),
        "longest_copy_notes": {
            "drawn": _spread(copies.longest_notes(drawn)),
            "held_out": _spread(copies.longest_notes(held)),
        },
        "continuation": continuation.measure(player, tunes),
        "kinds": {"drawn": _kinds(judge, drawn), "held_out": _kinds(judge, held)},
        "drawn": {"pieces": len(drawn), "reached_their_end": ended, "seed": SEED},
    }


def _mean_of_labels(found: dict[str, Any], measure: str, of: str) -> float:
    return float(np.mean([row[measure][of] for row in found["music"].values()]))


def manifest_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The main figures as the manifest's rows."""
    held = f"{found['held_out']['pieces']} held-out pieces"
    drawn = f"{found['drawn']['pieces']} drawn pieces"
    in_key = [abs(r["in_key_share"]["drawn"] - r["in_key_share"]["real"]) for r in found["music"].values()]
    rows = [
        ("nats_a_token", found["held_out"]["nats_a_token"], held),
        ("nats_a_note", found["held_out"]["nats_a_note"], held),
        ("in_key_share_largest_difference", max(in_key), f"{drawn} against real ones, by label"),
        ("motif_recurrence", _mean_of_labels(found, "motif_recurrence", "drawn"), drawn),
        ("motif_recurrence", _mean_of_labels(found, "motif_recurrence", "held_out"), held),
        ("share_looped", _mean_of_labels(found, "looped", "drawn"), drawn),
        ("longest_copy_notes_median", found["longest_copy_notes"]["drawn"]["p50"], drawn),
        ("longest_copy_notes_median", found["longest_copy_notes"]["held_out"]["p50"], held),
        ("kind_accuracy", found["kinds"]["drawn"]["accuracy"], drawn),
    ]
    return [{"name": n, "value": round(v, 4), "set": s} for n, v, s in rows]
