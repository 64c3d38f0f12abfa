"""Loss and loop of the codec, for a budget of seconds on any device."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .codec import AFTER_GROUPS, BEFORE_GROUPS, GROUP, HEARD_BEFORE, PLACES, Codec
from .corpus_frames import FlatFrames, interpolated
from .frames import FLOOR_DB, distance_db
from .quantiser import perplexity

GROUPS = 23  # of a training window: 64 frames are decoded
RATE, LAST_RATE = 1.2e-3, 2e-5
WARM_UP_STEPS = 100
GRADIENT_LIMIT = 1.0
AVERAGING = 0.999
GAIN_DB = 8.0
STRETCH = 1.2
CUT_SHORT = 0.15  # share of windows without their last tokens, so that the first ones say the outline
POOLS = ((1, 4), (4, 1), (4, 4), (8, 8))
"""Frames and bands over which the coarser distances average."""
REPORT_S = 30.0


def misfit_db(made: Tensor, wanted: Tensor) -> Tensor:
    """Differences in dB; none where silence is wanted and what is made lies under the floor."""
    return torch.where((wanted <= FLOOR_DB) & (made < FLOOR_DB), 0.0, made - wanted)


def spectral_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Log-spectral distance of frames [batch, frames, BANDS] in dB at several resolutions, and of their changes."""
    misfit = misfit_db(made, wanted)
    loss = misfit.square().mean(-1).add(1e-4).sqrt().mean() + 0.25 * misfit.abs().mean()
    for pool in POOLS:
        loss = loss + 0.25 * avg_pool2d(misfit.unsqueeze(1), pool).square().add(1e-4).sqrt().mean()
    onsets = (misfit[:, 1:] - misfit[:, :-1]).abs().mean()
    return loss + 0.1 * onsets


class CodecTrainer:
    """Owns a codec, its running average and the optimiser."""

    def __init__(self, codec: Codec, variants: list[FlatFrames], rows: int) -> None:
        self.codec, self.variants, self.rows = codec, variants, rows
        self.average = copy.deepcopy(codec).eval()
        self.device = variants[0].frames.device
        is_cuda = self.device.type == "cuda"
        self.optimiser = torch.optim.AdamW(
            codec.parameters(), RATE, betas=(0.9, 0.98), weight_decay=1e-3, fused=is_cuda
        )
        self.step = 0

    def batch(self) -> Tensor:
        """Random windows [rows, HEARD_BEFORE + GROUPS * GROUP, BANDS] dB of one variant."""
        flat = self.variants[int(torch.randint(len(self.variants), ()))]
        length = HEARD_BEFORE + GROUPS * GROUP
        speed = STRETCH ** (2.0 * torch.rand(self.rows, 1, device=self.device) - 1.0)
        last = len(flat.frames) - 2 - length * STRETCH
        start = torch.rand(self.rows, 1, device=self.device) * last
        gain = GAIN_DB * (2.0 * torch.rand(self.rows, 1, 1, device=self.device) - 1.0)
        place = start + speed * torch.arange(length, device=self.device)
        return (interpolated(flat.frames, place) + gain).clamp(min=FLOOR_DB)

    def train_batch(self, frames: Tensor) -> Tensor:
        """One step of the weights and of the codebooks; the loss."""
        codec = self.codec
        halves = torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")
        with halves:
            latent = codec.encoder(frames)
        rest, said, commitment, learnt = latent.float(), 0.0, 0.0, []
        for stage, kept in zip(codec.stages, self._kept(len(frames)), strict=True):
            projected = stage.projected(rest)
            codes, tokens, loss = stage.book(projected)
            part = stage.out(codes)
            rest, said, commitment = rest - part, said + part * kept, commitment + loss
            learnt.append((stage.book, projected.detach(), tokens))
        with halves:
            made = codec.decoder(said)
        wanted = frames[:, HEARD_BEFORE + GROUP * BEFORE_GROUPS : frames.shape[1] - GROUP * AFTER_GROUPS]
        loss = spectral_loss(made.float(), wanted) + commitment / PLACES
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        for book, projected, tokens in learnt:
            book.learn(projected.flatten(0, 1), tokens.flatten())
        self._average()
        self.step += 1
        return loss.detach()

    def _kept(self, rows: int) -> Tensor:
        """[PLACES, rows, 1, 1]: 1 for the tokens that the decoder is told; the first always."""
        drawn = torch.randint(1, PLACES, (rows,), device=self.device)
        count = torch.where(torch.rand(rows, device=self.device) < CUT_SHORT, drawn, PLACES)
        place = torch.arange(PLACES, device=self.device)
        return (place.unsqueeze(1) < count).float()[:, :, None, None]

    @torch.no_grad()
    def _average(self) -> None:
        share = 1.0 - min(AVERAGING, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.codec.parameters()), share)
        for mine, live in zip(self.average.buffers(), self.codec.buffers(), strict=True):
            mine.copy_(live)

    def run(self, budget_s: float, held_out: FlatFrames, keep: Callable[[], None]) -> None:
        """Train for `budget_s`; say every REPORT_S how far it is, then call `keep`."""
        began = shown = time.monotonic()
        losses: list[Tensor] = []
        while (spent := time.monotonic() - began) < budget_s:
            rate = LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * spent / budget_s))
            for group in self.optimiser.param_groups:
                group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP_STEPS)
            losses.append(self.train_batch(self.batch()))
            if time.monotonic() - shown > REPORT_S:
                shown = time.monotonic()
                self._report(losses, held_out, spent)
                losses = []
                keep()
        self._report(losses, held_out, budget_s)
        keep()

    def _report(self, losses: list[Tensor], held_out: FlatFrames, spent_s: float) -> None:
        figures = measured(self.average, held_out)
        loss = float(torch.stack(losses).mean()) if losses else float("nan")
        print(f"codec step {self.step} {spent_s:.0f} s loss {loss:.3f} {figures}", flush=True)


@torch.no_grad()
def measured(codec: Codec, held_out: FlatFrames) -> dict[str, Any]:
    """Held-out distance in dB, in all and with the top level alone, and each codebook's perplexity."""
    flat = held_out.stretched(1.0, 0.0)
    tokens = codec.encode(flat.frames.unsqueeze(0))
    wanted = flat.frames[HEARD_BEFORE + GROUP * BEFORE_GROUPS : len(flat.frames) - GROUP * AFTER_GROUPS]
    distance = distance_db(wanted, codec.decode(tokens)[0])
    outline = distance_db(wanted, codec.decoder(codec.latent(tokens, 1))[0].clamp(min=FLOOR_DB))
    numbers = tokens[0] - torch.arange(PLACES, device=tokens.device) * codec.shape.codes
    uses = [perplexity(numbers[:, place], codec.shape.codes) for place in range(PLACES)]
    return {
        "lsd_db": round(float(distance.mean()), 3),
        "lsd_p90_db": round(float(distance.quantile(0.9)), 3),
        "top_alone_db": round(float(outline.mean()), 3),
        "perplexities": [round(use) for use in uses],
    }
