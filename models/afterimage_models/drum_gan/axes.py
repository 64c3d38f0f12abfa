"""Latent axes with names: whitened, turned towards what they change most beside the descriptors, ordered by effect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..latent_axes import Heard, Measure, named_axes
from ..spectrum import GATE_DB, SAMPLE_RATE
from .descriptors import NAMES
from .frames import HOP, KNOTS, N_FFT
from .hit_set import TRAIN, HitSet
from .kit import LABELS, LATENT
from .network import Encoder, Generator, Leveller, condition, expected_level, soft_gate
from .regressor import Regressor

VARIANT_WEIGHT = 12.0
# Knobs reach this much further than encodings do: hits drawn from a normal distribution over twelve axes lie nearer to
# each other than recordings do, whose axes go together.
REACH = 1.8
HZ = np.fft.rfftfreq(N_FFT, 1.0 / SAMPLE_RATE)
STEPS = np.gradient(KNOTS.astype(np.float64))
MS = KNOTS * HOP * 1000.0 / SAMPLE_RATE
MEASURES = {
    "pitch": Measure("Pitch", "power centroid below 1.5 kHz", "octaves"),
    "punch": Measure("Punch", "share of the power in the first 16 ms", "dB"),
    "grit": Measure("Grit", "mean noisiness of what is audible", "share"),
    "air": Measure("Air", "power above 8 kHz relative to the whole", "dB"),
    "body": Measure("Body", "power from 150 to 600 Hz relative to the whole", "dB"),
    "tail": Measure("Tail", "level from 0.25 to 0.5 s relative to the first 0.1 s", "dB"),
    "click": Measure("Click", "centroid of the first 10 ms relative to the whole", "octaves"),
    "width": Measure("Width", "spread of the power over frequency", "octaves"),
    "peak": Measure("Ring", "loudest bin relative to the mean level of the audible ones", "dB"),
    "swing": Measure("Bend", "centroid below 1.5 kHz of the first 20 ms relative to after", "octaves"),
}


@dataclass
class Space:
    """Knob space: inner latent = knobs @ basis @ spread[class] + mean[class]. `axes`: manifest rows in knob order.

    A class's latents lie where its drums do, so that knobs drawn at random give drums of that class.
    `basis`: orthonormal [LATENT, LATENT]; `spread`: symmetric [classes, LATENT, LATENT]; `mean`: [classes, LATENT].
    """

    basis: np.ndarray
    spread: np.ndarray
    mean: np.ndarray
    axes: list[dict]

    def to_knobs(self, inner: np.ndarray, label: np.ndarray) -> np.ndarray:
        """[n, LATENT] network latents of hits of classes `label` [n] to knob units."""
        white = np.linalg.solve(self.spread[label], (inner - self.mean[label])[:, :, None])[:, :, 0]
        return white @ self.basis.T

    def to_inner(self, knobs: np.ndarray, label: np.ndarray) -> np.ndarray:
        """[n, LATENT] knob units to network latents."""
        return np.einsum("ni,nij->nj", knobs @ self.basis, self.spread[label]) + self.mean[label]

    def save(self, path: Path) -> None:
        """All but the axes, which the manifest has."""
        np.savez(path, basis=self.basis, spread=self.spread, mean=self.mean)

    @classmethod
    def load(cls, path: Path) -> Space:
        """What `save` wrote."""
        saved = np.load(path)
        return cls(saved["basis"], saved["spread"], saved["mean"], [])


def class_spaces(encoder: Encoder, hits: HitSet) -> tuple[np.ndarray, np.ndarray]:
    """Root covariance [classes, LATENT, LATENT] and mean [classes, LATENT] of the training hits' latents.

    Recorded hits count by their number, variants of them together as VARIANT_WEIGHT: a class of four needs help.
    The root is widened by REACH.
    """
    spreads, means = [], []
    rows = [hits.rows(TRAIN, varied) for varied in (False, True)]
    for own in range(len(LABELS)):
        parts = [encode(encoder, hits, r[hits.label[r] == own]) for r in rows]
        weights = np.array([len(parts[0][0]), VARIANT_WEIGHT])
        weights = weights / weights.sum()
        centre = sum(w * mean.mean(0) for w, (mean, _) in zip(weights, parts, strict=True))
        covariance = sum(
            w * ((mean - centre).T @ (mean - centre) / len(mean) + np.diag(variance.mean(0)))
            for w, (mean, variance) in zip(weights, parts, strict=True)
        )
        values, vectors = np.linalg.eigh(covariance)
        spreads.append(REACH * (vectors * np.sqrt(np.maximum(values, 1e-6))) @ vectors.T)
        means.append(centre)
    return np.stack(spreads), np.stack(means)


@torch.no_grad()
def encode(encoder: Encoder, hits: HitSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and variances [rows, LATENT]."""
    parts = []
    for part in np.array_split(rows, len(rows) // 64 + 1):
        batch = hits.whole(part)
        parts.append(encoder.eval()(batch.level, condition(batch.label, batch.knobs)))
    mean, log_variance = (torch.cat(both) for both in zip(*parts, strict=True))
    return mean.numpy(), log_variance.exp().numpy()


@torch.no_grad()
def draw(generator: Generator, inner: np.ndarray, label: np.ndarray) -> tuple[Tensor, Tensor]:
    """Gated levels and noisiness [n, knots, BINS] of hits at middle knobs."""
    leveller, levels, noise = Leveller(KNOTS), [], []
    for part in np.array_split(np.arange(len(inner)), len(inner) // 32 + 1):
        classes = torch.from_numpy(label[part])
        given = condition(classes, torch.full((len(part), len(NAMES)), 0.5))
        level, noisiness = generator.eval()(torch.tensor(inner[part], dtype=torch.float32), given)
        levels.append(soft_gate(level + leveller(expected_level(level, noisiness))))
        noise.append(noisiness)
    return torch.cat(levels), torch.cat(noise)


def _db(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return 10.0 * np.log10((part + 1e-12) / (whole + 1e-12))


def _octave_centroid(power: np.ndarray, low: int = 1, high: int | None = None) -> np.ndarray:
    octaves = np.log2(HZ[low:high])
    return (power[:, low:high] * octaves).sum(1) / (power[:, low:high].sum(1) + 1e-12)


def measure(level: Tensor, noisiness: Tensor) -> dict[str, np.ndarray]:
    """MEASURES of hits [n] from their knots."""
    heard = level.numpy()
    audible = heard > GATE_DB + 15.0
    cells = 10.0 ** (heard / 10.0) * audible * STEPS[None, :, None]
    over_time, over_hz = cells.sum(2), cells.sum(1)
    total = over_time.sum(1)
    low = int(1500.0 * N_FFT / SAMPLE_RATE)
    centre = _octave_centroid(over_hz)
    spread = ((np.log2(HZ[1:])[None] - centre[:, None]) ** 2 * over_hz[:, 1:]).sum(1) / (over_hz[:, 1:].sum(1) + 1e-12)
    start = cells[:, MS <= 20.0].sum(1)
    after = cells[:, MS > 20.0].sum(1)
    count = audible.sum((1, 2)) + 1.0
    tail, early = over_time[:, (MS > 250.0) & (MS < 500.0)].sum(1) / 250.0, over_time[:, MS <= 100.0].sum(1) / 100.0
    return {
        "pitch": _octave_centroid(over_hz, 1, low),
        "punch": _db(over_time[:, MS <= 16.0].sum(1), total),
        "grit": (noisiness.numpy() * audible).sum((1, 2)) / count,
        "air": _db(over_hz[:, HZ > 8000.0].sum(1), total),
        "body": _db(over_hz[:, (HZ > 150.0) & (HZ < 600.0)].sum(1), total),
        "tail": np.maximum(_db(tail, early), -60.0),
        "click": _octave_centroid(cells[:, MS <= 10.0].sum(1)) - centre,
        "width": np.sqrt(spread),
        "peak": heard.max((1, 2)) - (heard * audible).sum((1, 2)) / count,
        "swing": _octave_centroid(start, 1, low) - _octave_centroid(after, 1, low),
    }


def build_space(encoder: Encoder, generator: Generator, hits: HitSet, regressor: Regressor) -> Space:
    """Measure the latents of the training hits and return the named, ordered knob space."""
    spread_of, mean_of = class_spaces(encoder, hits)
    space = Space(np.eye(LATENT), spread_of, mean_of, [])

    def listen(white: np.ndarray) -> Heard:
        label = np.arange(len(white)) % len(LABELS)
        levels, noisiness = draw(generator, space.to_inner(white, label), label)
        with torch.no_grad():
            descriptors = regressor(levels, torch.from_numpy(label)).numpy()
        return Heard(measure(levels, noisiness), levels.numpy(), descriptors)

    basis, axes = named_axes(listen, MEASURES, LATENT, len(LABELS))
    return Space(basis, spread_of, mean_of, axes)
