"""Tokens of the corpus, loss and loop of the prior, for a budget of seconds on any device."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .codec import GROUP, HEARD_BEFORE, PLACES, Codec
from .corpus_frames import FlatFrames
from .prior import Prior

GROUPS = 200  # of a training window: 9.3 s
RATE, LAST_RATE = 2e-3, 2e-5
WEIGHT_DECAY = 0.05
WARM_UP_STEPS = 200
GRADIENT_LIMIT = 1.0
AVERAGING = 0.998
GAIN_DB, STRETCH = 6.0, 1.15
ANY_SHARE = 0.2  # of windows that are told no label
NOISE = 0.04  # share of tokens heard wrongly, because what the prior hears of itself is never quite right
REFRESH_STEPS = 20  # after which one variant is encoded again, at another tempo and gain
REPORT_S = 20.0
PADDING = -100
PARTS = 64
"""Windows measured at a time."""


@dataclass(frozen=True)
class FlatTokens:
    """Tokens of pieces one after another, [groups, PLACES], with start, length and label of each piece."""

    tokens: Tensor
    starts: Tensor
    lengths: Tensor
    labels: Tensor


@torch.no_grad()
def flat_tokens(codec: Codec, flat: FlatFrames, labels: Tensor, speed: float, gain_db: float) -> FlatTokens:
    """Tokens of all pieces of a variant at a tempo and gain."""
    played = flat.stretched(speed, gain_db)
    tokens = codec.encode(played.frames.unsqueeze(0))[0]
    device = tokens.device
    starts = (torch.tensor(played.starts, device=device) - HEARD_BEFORE) // GROUP
    return FlatTokens(tokens, starts, torch.tensor(played.lengths, device=device) // GROUP, labels)


def windows(flat: FlatTokens, piece: Tensor, start: Tensor, groups: int) -> Tensor:
    """Windows [n, groups, PLACES] of pieces [n] from a group [n] on; PADDING after a piece's end."""
    place = start.unsqueeze(1) + torch.arange(groups, device=start.device)
    inside = place < flat.lengths[piece].unsqueeze(1)
    index = (flat.starts[piece].unsqueeze(1) + place).clamp(max=len(flat.tokens) - 1)
    return flat.tokens[index].masked_fill(~inside.unsqueeze(2), PADDING)


def random_windows(flat: FlatTokens, rows: int, groups: int) -> tuple[Tensor, Tensor]:
    """Windows [rows, groups, PLACES] and their labels [rows], long pieces more often."""
    piece = torch.multinomial(flat.lengths.float(), rows, replacement=True)
    room = (flat.lengths[piece] - groups).clamp(min=0) + 1
    start = (torch.rand(rows, device=room.device) * room).long()
    return windows(flat, piece, start, groups), flat.labels[piece]


def all_windows(flat: FlatTokens, groups: int) -> tuple[Tensor, Tensor]:
    """Windows that cover the pieces one after another, and their labels."""
    counts = (flat.lengths + groups - 1) // groups
    piece = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    first = torch.cumsum(counts, 0) - counts
    start = (torch.arange(len(piece), device=piece.device) - first[piece]) * groups
    return windows(flat, piece, start, groups), flat.labels[piece]


def token_nats(prior: Prior, heard: Tensor, wanted: Tensor, label: Tensor) -> Tensor:
    """Nats of each token, [batch, groups, PLACES]; 0 where PADDING is wanted. `heard` may be what is slightly wrong."""
    logits = prior(heard.clamp(min=0), label).permute(0, 3, 1, 2).float()
    first = torch.arange(PLACES, device=heard.device) * prior.shape.codes
    asked = torch.where(wanted < 0, wanted, wanted - first)
    return cross_entropy(logits, asked, reduction="none", ignore_index=PADDING)


@torch.no_grad()
def measured(prior: Prior, tokens: Tensor, label: Tensor) -> dict[str, Any]:
    """Mean nats a token of windows [n, groups, PLACES], in all and at each place."""
    sums = torch.zeros(PLACES + 1, device=tokens.device, dtype=torch.float64)
    for part, named in zip(tokens.split(PARTS), label.split(PARTS), strict=True):
        nats = token_nats(prior, part, part, named)
        sums += torch.cat([nats.sum((0, 1)), (part[:, :, 0] >= 0).sum().unsqueeze(0)])
    places = (sums[:-1] / sums[-1]).tolist()
    return {"nats": sum(places) / PLACES, "places": [round(nats, 3) for nats in places]}


class PriorTrainer:
    """Owns a prior, its running average, the best average so far, and the optimiser."""

    def __init__(self, prior: Prior, codec: Codec, variants: list[FlatFrames], labels: Tensor, rows: int) -> None:
        self.prior, self.codec, self.variants, self.labels, self.rows = prior, codec, variants, labels, rows
        self.average = copy.deepcopy(prior).eval()
        self.best, self.best_nats = copy.deepcopy(prior).eval(), math.inf
        self.device = labels.device
        # Tables are left alone: decay would bring the labels together and forget rare codes.
        tables = {id(m.weight) for m in prior.modules() if isinstance(m, torch.nn.Embedding)}
        kept = [p for p in prior.parameters() if id(p) in tables or p.dim() == 1]
        decayed = [p for p in prior.parameters() if id(p) not in tables and p.dim() > 1]
        groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": kept, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, RATE, betas=(0.9, 0.99), fused=self.device.type == "cuda")
        self.bank = [self._encoded(i) for i in range(len(variants))]
        self.step = 0

    def _encoded(self, variant: int) -> FlatTokens:
        a, b = (2.0 * torch.rand(2) - 1.0).tolist()
        return flat_tokens(self.codec, self.variants[variant], self.labels, STRETCH**a, GAIN_DB * b)

    def train_batch(self) -> Tensor:
        """One step on windows of one variant; mean nats a token."""
        prior = self.prior.train()
        flat = self.bank[int(torch.randint(len(self.bank), ()))]
        tokens, label = random_windows(flat, self.rows, GROUPS)
        unnamed = torch.rand(self.rows, device=self.device) < ANY_SHARE
        label = torch.where(unnamed, prior.shape.labels - 1, label)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            nats = token_nats(prior, self._noisy(tokens), tokens, label)
        nats = nats.sum() / (tokens >= 0).sum()
        self.optimiser.zero_grad(set_to_none=True)
        nats.backward()
        torch.nn.utils.clip_grad_norm_(prior.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        share = 1.0 - min(AVERAGING, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(prior.parameters()), share)
        self.step += 1
        return nats.detach()

    def _noisy(self, tokens: Tensor) -> Tensor:
        codes = self.prior.shape.codes
        other = torch.randint_like(tokens, codes) + codes * torch.arange(PLACES, device=tokens.device)
        return torch.where((torch.rand(tokens.shape, device=tokens.device) < NOISE) & (tokens >= 0), other, tokens)

    def run(self, span: tuple[float, float, float], held_out: FlatTokens, keep: Callable[[], None]) -> None:
        """Train from `span[0]` to `span[1]` of `span[2]` seconds; the rate follows the whole of them."""
        began = shown = time.monotonic()
        losses: list[Tensor] = []
        while (spent := time.monotonic() - began + span[0]) < span[1]:
            rate = LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * min(spent / span[2], 1.0)))
            for group in self.optimiser.param_groups:
                group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP_STEPS)
            losses.append(self.train_batch())
            if self.step % REFRESH_STEPS == 0:
                variant = int(torch.randint(len(self.bank), ()))
                self.bank[variant] = self._encoded(variant)
            if time.monotonic() - shown > REPORT_S:
                self._report(losses, held_out, spent)
                shown, losses = time.monotonic(), []
                keep()
        self._report(losses, held_out, span[1])
        keep()

    def _report(self, losses: list[Tensor], held_out: FlatTokens, spent_s: float) -> None:
        tokens, label = all_windows(held_out, GROUPS)
        right = measured(self.average, tokens, label)
        wrong = measured(self.average, tokens, (label + 1) % (self.prior.shape.labels - 1))
        if right["nats"] < self.best_nats:
            self.best_nats = right["nats"]
            self.best.load_state_dict(self.average.state_dict())
        loss = float(torch.stack(losses).mean()) if losses else float("nan")
        ratio = math.exp(wrong["nats"] - right["nats"])
        print(
            f"prior step {self.step} {spent_s:.0f} s nats {loss:.4f} held out {right['nats']:.4f} {right['places']} "
            f"wrong/right {ratio:.3f}",
            flush=True,
        )
