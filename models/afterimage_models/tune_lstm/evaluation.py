"""Measures the shipped graph: nats of held-out pieces, and what is drawn from it beside held-out pieces."""

from __future__ import annotations

from collections import Counter
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
from .split import HELD_OUT, TRAIN
from .tune_set import ANY, LONGEST_TOKENS, PADDING, Batch, TuneSet

DRAWN_A_LABEL, SEED = 20, 53
ROWS = 64
COPY_LIMIT_NOTES = 8
MEASURES = {
    "in_key_share": lambda p: in_key_share(p.notes),
    "motif_recurrence": motif_recurrence,
    "notes_a_quarter": notes_a_quarter,
    "notes_at_once": notes_at_once,
    "whole_bar_share": whole_bar_share,
    "notes": lambda p: float(len(p.notes)),
}


def _batch_nats(player: EventPlayer, batch: Batch) -> np.ndarray:
    """[steps, batch] nats of each target by the shipped graph; zero at padding."""
    conditions = {"label": batch.label[:, None].astype(np.int64), "metre": batch.metre[:, None].astype(np.int64)}
    state, out = player.rest(len(batch.label)), np.zeros(batch.target.shape)
    for step, (token, target) in enumerate(zip(batch.token, batch.target, strict=True)):
        logits, state = player.step(token, conditions, state)
        top = logits.max(axis=1, keepdims=True)
        norm = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
        there = target != PADDING
        chosen = logits[np.arange(len(target)), np.maximum(target, 0)]
        out[step] = np.where(there, norm - chosen, 0.0)
    return out


def _nats(player: EventPlayer, tunes: TuneSet, indices: np.ndarray, change: Any = None) -> dict[str, float]:
    """Nats a token and a note over pieces; `change(batch)` gives the batch that is read instead."""
    total, tokens, notes = 0.0, 0, 0
    first, count = player.vocabulary.first[NOTE], len(player.vocabulary.values[NOTE])
    for batch in tunes.in_key(indices, ROWS):
        total += _batch_nats(player, change(batch) if change else batch).sum()
        tokens += int((batch.target != PADDING).sum())
        notes += int(((batch.target >= first) & (batch.target < first + count)).sum())
    return {"nats_a_token": total / tokens, "nats_a_note": total / notes}


def _relabelled(tunes: TuneSet, step: int) -> Any:
    """Gives each labelled piece of a batch another label, `step` places on among the folk labels; metre left open."""
    folk = np.array([n for n, name in enumerate(tunes.labels) if name not in (ANY, "chorale")])

    def change(batch: Batch) -> Batch:
        place = np.searchsorted(folk, batch.label)
        label = folk[(place + step) % len(folk)]
        return Batch(batch.token, batch.target, label, np.zeros_like(batch.metre))

    return change


def _label_nats(player: EventPlayer, tunes: TuneSet, indices: np.ndarray) -> dict[str, float]:
    """Nats a token of labelled folk tunes by the right label, by each wrong one in the mean, and by none."""
    open_labels = [tunes.labels.index(ANY), tunes.labels.index("chorale")]
    folk = indices[~np.isin(tunes.label[indices], open_labels)]
    by_step = [_nats(player, tunes, folk, _relabelled(tunes, s))["nats_a_token"] for s in range(len(tunes.labels) - 2)]

    def left_open(batch: Batch) -> Batch:
        return Batch(batch.token, batch.target, np.zeros_like(batch.label), np.zeros_like(batch.metre))

    none = _nats(player, tunes, folk, left_open)["nats_a_token"]
    return {"right": by_step[0], "wrong": float(np.mean(by_step[1:])), "none": none}


def draw_pieces(player: EventPlayer, labels: list[str]) -> tuple[list[Piece], float]:
    """DRAWN_A_LABEL pieces of each label, metre left open, and the share that reached its own end."""
    wishes = [Wish(label, ANY) for label in labels for _ in range(DRAWN_A_LABEL)]
    tokens = player.draw(wishes, SEED, LONGEST_TOKENS)
    ended = [t[-1] == player.vocabulary.token(END) for t in tokens]
    pieces = [
        decode(t, player.vocabulary, Piece(np.zeros((0, 3)), np.zeros(0), w.label, w.metre, "drawn", w.label))
        for t, w in zip(tokens, wishes, strict=True)
    ]
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
        others = [p for p in sets["real"] if not any(p is h for h in sets["held_out"])]
        like = [others[i] for i in rng.permutation(len(others))[: len(sets["drawn"])]]
        row["rhythm_divergence_nats"] = {
            "drawn_to_real": divergence_nats(_rhythms(sets["drawn"]), _rhythms(others)),
            "as_many_real_to_real": divergence_nats(
                _rhythms(like), _rhythms([p for p in others if not any(p is x for x in like)])
            ),
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


def evaluate(player: EventPlayer, tunes: TuneSet) -> dict[str, Any]:
    """All measures. Every random choice has a fixed seed."""
    held_rows, train_rows = tunes.of_part(HELD_OUT), tunes.of_part(TRAIN)
    held, train = [tunes.pieces[i] for i in held_rows], [tunes.pieces[i] for i in train_rows]
    drawn, ended = draw_pieces(player, tunes.labels)
    copies = CopyFinder(train)
    judge = KindJudge(train, [name for name in tunes.labels if name != ANY])
    chorale = tunes.label[held_rows] == tunes.labels.index("chorale")
    return {
        "held_out": _nats(player, tunes, held_rows)
        | {"folk": _nats(player, tunes, held_rows[~chorale]), "chorales": _nats(player, tunes, held_rows[chorale])}
        | {"pieces": len(held_rows)},
        "training": _nats(player, tunes, train_rows[:: max(len(train_rows) // 300, 1)]),
        "label_nats_a_token": _label_nats(player, tunes, held_rows),
        "music": _music(drawn, tunes.pieces, held),
        "longest_copy_notes": {
            "drawn": _spread(copies.longest_notes(drawn)),
            "held_out": _spread(copies.longest_notes(held)),
        },
        "continuation": continuation.measure(player, tunes),
        "kinds": {"drawn": _kinds(judge, drawn), "held_out": _kinds(judge, held)},
        "drawn": {"pieces": len(drawn), "reached_their_end": ended, "seed": SEED},
    }


def manifest_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The main figures as the manifest's rows."""
    held = f"{found['held_out']['pieces']} held-out pieces"
    drawn = f"{found['drawn']['pieces']} drawn pieces"
    in_key = [abs(r["in_key_share"]["drawn"] - r["in_key_share"]["real"]) for r in found["music"].values()]
    rows = [
        ("nats_a_token", found["held_out"]["nats_a_token"], held),
        ("nats_a_note", found["held_out"]["nats_a_note"], held),
        ("in_key_share_largest_difference", max(in_key), f"{drawn} against real ones, by label"),
        ("longest_copy_notes_median", found["longest_copy_notes"]["drawn"]["p50"], drawn),
        ("longest_copy_notes_median", found["longest_copy_notes"]["held_out"]["p50"], held),
        ("kind_accuracy", found["kinds"]["drawn"]["accuracy"], drawn),
    ]
    return [{"name": n, "value": round(v, 4), "set": s} for n, v, s in rows]
