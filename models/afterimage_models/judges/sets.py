"""How two sets of sounds compare, as points [n, size] of one space: kernel distance, precision, recall, copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS = 400
INTERVAL = (2.5, 97.5)
NEIGHBOURS = 3


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Polynomial kernel (a.b / size + 1)^3 of every pair: [n, m].

    Source: Binkowski et al. 2018, "Demystifying MMD GANs", sec. 4 (the kernel inception distance).
    """
    return (a @ b.T / a.shape[1] + 1.0) ** 3


def _unbiased(within_a: np.ndarray, within_b: np.ndarray, between: np.ndarray) -> float:
    n, m = between.shape
    own = (within_a.sum() - np.trace(within_a)) / (n * (n - 1)) + (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
    return float(own - 2.0 * between.mean())


def kernel_distance(a: np.ndarray, b: np.ndarray, seed: int = 0) -> Estimate:
    """Unbiased squared maximum mean discrepancy of two sets [n, size] and [m, size]; it may be under 0.

    Source: Gretton et al. 2012, "A kernel two-sample test", eq. 3. The interval comes from drawing halves of both
    sets without replacement: a bootstrap with repeats would count a sound as its own neighbour. Halves spread
    wider than the whole by about the square root of 2, for which the interval is not narrowed.
    """
    within_a, within_b, between = kernel(a, a), kernel(b, b), kernel(a, b)
    value = _unbiased(within_a, within_b, between)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        i = rng.choice(len(a), max(len(a) // 2, 2), replace=False)
        j = rng.choice(len(b), max(len(b) // 2, 2), replace=False)
        drawn.append(_unbiased(within_a[np.ix_(i, i)], within_b[np.ix_(j, j)], between[np.ix_(i, j)]))
    low, high = np.percentile(drawn, INTERVAL)
    return Estimate(value, float(low), float(high))


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances [n, m] of every pair."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    return np.sqrt(np.maximum(squares, 0.0))


def covered(points: np.ndarray, manifold: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Which points [n, size] lie within some manifold point's distance to its k-th neighbour: [n] of bool.

    Precision is the mean with real sounds as manifold, recall the mean over real points with made ones as manifold.
    Source: Kynkaanniemi et al. 2019, "Improved precision and recall metric for assessing generative models", eq. 2.
    """
    order = min(neighbours, len(manifold) - 1)
    radius = np.sort(distances(manifold, manifold), axis=1)[:, order]
    return (distances(points, manifold) <= radius[None, :]).any(1)


def nearest(points: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Distance of each point [n, size] to its nearest training point: [n]."""
    return distances(points, training).min(1)


def copy_share(made: np.ndarray, held_out: np.ndarray, training: np.ndarray, share: float = 0.02) -> float:
    """Share of made points that lie nearer to a training point than all but `share` of the held-out points do."""
    return float(np.mean(nearest(made, training) < np.quantile(nearest(held_out, training), share)))


def separability(a: np.ndarray, b: np.ndarray, seed: int = 0) -> float:
    """Area under the curve of a ridge classifier that tells two sets apart, on folds it did not see; 0.5 is chance."""
    points, side = np.concatenate([a, b]), np.concatenate([np.ones(len(a)), -np.ones(len(b))])
    points = (points - points.mean(0)) / (points.std(0) + 1e-9)
    fold = np.random.default_rng(seed).permutation(len(points)) % 5
    score = np.zeros(len(points))
    for held in range(5):
        seen = fold != held
        gram = points[seen] @ points[seen].T + points.shape[1] * np.eye(int(seen.sum()))
        score[~seen] = points[~seen] @ (points[seen].T @ np.linalg.solve(gram, side[seen]))
    wins = score[side > 0][:, None] - score[side < 0][None, :]
    return float((wins > 0).mean() + 0.5 * (wins == 0).mean())
