"""Fits the regressor of descriptors to the hits that were measured, and reads the knobs of all hits with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .descriptors import TIMBRAL, Scale, fit_scale
from .frames import unpack_frames
from .hit_data import measured_rows
from .kit import LABELS
from .regressor import Regressor

EPOCHS, BATCH = 120, 32
RATE = 2e-3
CHECKED_SHARE = 0.15
FEATURE_JITTER = 0.04
SEED = 3
CORRECTIONS = "corrections.pt"  # made hits that were measured, beside the regressor that was fitted to them


def levels_of(folder: Path, rows: np.ndarray) -> Tensor:
    """Knot levels [rows, knots, BINS] in dB."""
    return torch.from_numpy(unpack_frames(np.load(folder / "levels.npy", mmap_mode="r")[rows]))


@torch.no_grad()
def features_of(regressor: Regressor, folder: Path, rows: np.ndarray) -> Tensor:
    """What the regressor sees of hits [rows, size]."""
    return torch.cat([regressor.seen(levels_of(folder, part)) for part in np.array_split(rows, len(rows) // 64 + 1)])


def fit(regressor: Regressor, features: Tensor, values: Tensor, checked: int = 0) -> np.ndarray:
    """Fit to values [n, TIMBRAL] in their own units, but for the first `checked`; returns the correlation on those."""
    torch.manual_seed(SEED)
    regressor.centre.copy_(values.mean(0))
    regressor.spread.copy_(values.std(0))
    target = (values - regressor.centre) / regressor.spread
    optimiser = torch.optim.AdamW(regressor.layers.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        regressor.train()
        for rows in (torch.randperm(len(values) - checked) + checked).split(BATCH):
            seen = features[rows] + FEATURE_JITTER * torch.randn(len(rows), features.shape[1])
            loss = torch.nn.functional.smooth_l1_loss(regressor.layers(seen), target[rows], beta=0.3)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        schedule.step()
    regressor.eval()
    if checked == 0:
        return np.empty(0)
    with torch.no_grad():
        read = regressor.layers(features[:checked]).numpy()
    return np.array([np.corrcoef(read[:, i], target[:checked, i])[0, 1] for i in range(target.shape[1])])


def fit_and_apply(folder: Path) -> None:
    """regressor.pt, values.npy [rows, NAMES] of every hit, scale.npz with the ends of the knobs."""
    table = np.load(folder / "table.npy")
    measured = np.load(folder / "measured.npy")
    rows = measured_rows(table)[: len(measured)]
    sound = np.isfinite(measured).all(1)
    blank = np.zeros((len(LABELS), measured.shape[1]))
    regressor = Regressor(Scale(blank, blank + 1.0))
    values = torch.tensor(measured[sound, : len(TIMBRAL)], dtype=torch.float32)
    agreement = fit(regressor, features_of(regressor, folder, rows[sound]), values, int(CHECKED_SHARE * len(values)))
    print("regressor against timbre models, unfitted hits:", dict(zip(TIMBRAL, agreement.round(3), strict=True)))
    everything = np.arange(len(table))
    with torch.no_grad():
        parts = [regressor.values(levels_of(folder, part)) for part in np.array_split(everything, len(table) // 64 + 1)]
    read = torch.cat(parts).numpy()
    scale = fit_scale(read[table[:, 1] == 0], table[table[:, 1] == 0, 0])
    regressor.low.copy_(torch.from_numpy(scale.low))
    regressor.high.copy_(torch.from_numpy(scale.high))
    np.save(folder / "values.npy", read.astype(np.float32))
    np.savez(folder / "scale.npz", low=scale.low, high=scale.high)
    torch.save(regressor.state_dict(), folder / "regressor.pt")


def load_regressor(folder: Path, corrected: Path | None = None) -> Regressor:
    """The fitted one of a data folder, or what `correct` made of it, if that is there."""
    saved = np.load(folder / "scale.npz")
    regressor = Regressor(Scale(saved["low"], saved["high"]))
    path = corrected if corrected is not None and corrected.exists() else folder / "regressor.pt"
    regressor.load_state_dict(torch.load(path, weights_only=True))
    return regressor.eval()


def corrections(path: Path) -> list[tuple[Tensor, Tensor]]:
    """What earlier rounds of `correct` for the regressor at `path` heard: features and values [n, TIMBRAL] of each,
    the last round first.
    """
    kept = path.with_name(CORRECTIONS)
    return torch.load(kept, weights_only=True) if kept.exists() else []


def correct(folder: Path, levels: np.ndarray, values: np.ndarray, path: Path) -> dict[str, tuple[float, float]]:
    """Fit anew to the measured recordings and to made hits, of earlier rounds as well, and save it.

    `levels`: knots of made hits [n, knots, BINS] as the pack draws them; `values`: [n, TIMBRAL] measured on what the
    plugin plays of them. What training holds made hits to is then what the judge hears; a round forgotten is a way to
    cheat that is open again. Returns the correlation of the regressor on these made hits before and after, the latter
    on a share of them that was not fitted yet.
    """
    regressor = load_regressor(folder)
    measured = np.load(folder / "measured.npy")[:, : len(TIMBRAL)]
    sound, made_sound = np.isfinite(measured).all(1), np.isfinite(values).all(1)
    rows = measured_rows(np.load(folder / "table.npy"))[: len(measured)][sound]
    with torch.no_grad():
        made = torch.cat([regressor.seen(torch.from_numpy(part)) for part in np.array_split(levels[made_sound], 8)])
        before = (regressor.layers(made) * regressor.spread + regressor.centre).numpy()
    rounds = [(made, torch.tensor(values[made_sound], dtype=torch.float32)), *corrections(path)]
    torch.save(rounds, path.with_name(CORRECTIONS))
    recorded = (features_of(regressor, folder, rows), torch.tensor(measured[sound], dtype=torch.float32))
    features, target = (torch.cat(both) for both in zip(*rounds, recorded, strict=True))
    # A share of the newest hits says how well it reads what it was not fitted to; then all of them are fitted, since a
    # hit left out is a way to cheat that stays open.
    after = fit(regressor, features, target, int(CHECKED_SHARE * len(made)))
    fit(regressor, features, target)
    torch.save(regressor.state_dict(), path)
    return {
        name: (float(np.corrcoef(before[:, i], values[made_sound, i])[0, 1]), float(after[i]))
        for i, name in enumerate(TIMBRAL)
    }
