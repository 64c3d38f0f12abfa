"""Builds the training set: distinct hits, variants of the training ones, and descriptors of all.

The timbre models take the better part of a second a hit, so a share is measured and a regressor reads the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from ..soundfonts import install
from . import sources
from .descriptors import describe
from .frames import KNOTS, hit_frames, pack_frames
from .kit import LABELS
from .noisiness import noisiness
from .preparation import Hit, distinct, prepare, split
from .variation import vary

SEED = 20261122
VARIANTS = 10
MEASURED = 600
SAVE_EVERY = 20


def gather(cache: Path) -> list[Hit]:
    """Distinct hits with their split, from the sources."""
    install()
    hits = split(distinct(prepare(sources.recordings(cache))))
    for label, name in enumerate(LABELS):
        own = [hit for hit in hits if hit.label == label]
        print(f"{name}: {len(own)} distinct, {sum(h.held_out for h in own)} held out", flush=True)
    return hits


def with_variants(hits: list[Hit]) -> Iterator[tuple[Hit, bool]]:
    """The hits, then VARIANTS of every training hit; the second says whether it is a variant."""
    yield from ((hit, False) for hit in hits)
    training = [hit for hit in hits if not hit.held_out]
    for index, hit in enumerate(training):
        others = [other for other in training if other.label == hit.label and other is not hit]
        rng = np.random.default_rng([SEED, index])
        yield from ((vary(hit, others, rng), True) for _ in range(VARIANTS))


def write_hits(folder: Path, hits: list[Hit]) -> None:
    """hits.npy [rows, samples], table.npy [rows, 3] (class, held out, variant), sources.txt; of each row's knots
    levels.npy and noisiness.npy (bytes).
    """
    rows = list(with_variants(hits))
    np.save(folder / "table.npy", np.array([[h.label, h.held_out, v] for h, v in rows], np.int16))
    np.save(folder / "hits.npy", np.stack([h.audio for h, _ in rows]).astype(np.float16))
    frames = [hit_frames(hit.audio) for hit, _ in rows]
    np.save(folder / "levels.npy", np.stack([pack_frames(f[KNOTS]) for f in frames]))
    np.save(folder / "noisiness.npy", np.stack([np.round(255.0 * noisiness(f)).astype(np.uint8) for f in frames]))
    (folder / "sources.txt").write_text("".join(f"{h.source}\n" for h, _ in rows))


def measured_rows(table: np.ndarray) -> np.ndarray:
    """Which rows the timbre models hear, in a random order: no held-out ones."""
    return np.random.default_rng(SEED).permutation(np.flatnonzero(table[:, 1] == 0))[:MEASURED]


def _describe_row(job: tuple[Path, int]) -> np.ndarray:
    folder, row = job
    return describe(np.load(folder / "hits.npy", mmap_mode="r")[row].astype(np.float32))


def measure(folder: Path, processes: int = 2) -> None:
    """measured.npy [MEASURED, descriptors], as far as it is not there yet."""
    rows = measured_rows(np.load(folder / "table.npy"))
    path = folder / "measured.npy"
    found = list(np.load(path)) if path.exists() else []
    with Pool(processes) as pool:
        for values in pool.imap(_describe_row, [(folder, int(row)) for row in rows[len(found) :]]):
            found.append(values)
            if len(found) % SAVE_EVERY == 0 or len(found) == len(rows):
                np.save(path, np.stack(found))


def build(folder: Path) -> None:
    """The whole data set in `folder`; packages are kept in its folder `packages`."""
    from .regression import fit_and_apply

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "levels.npy").exists():
        write_hits(folder, gather(folder / "packages"))
    measure(folder)
    fit_and_apply(folder)
