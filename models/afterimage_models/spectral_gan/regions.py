"""Where in the latent space each class lies: a plain GAN heeds its noise more than its class, so knobs begin there.

A classifier that was fitted to recordings says of random draws which class they sound like; the latents of those that
sound like a class, weighed by how much, give the class's normal distribution.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..drum_gan.hit_set import TRAIN, HitSet
from ..drum_gan.kit import LABELS
from ..drum_gan.network import soft_gate, with_grain
from ..drum_gan.regressor import Regressor
from .network import LATENT, MagnitudeGenerator, RandomGrain

STEPS, BATCH, RATE, DECAY = 1500, 64, 1e-3, 0.05
JITTER = 0.1
DRAWN, ROUNDS = 240, 5  # of each class
PRIOR_WEIGHT = 8.0  # draws that the unit normal counts as
CHECKED_SHARE = 0.1
SEED = 71


def fit_classifier(hits: HitSet, regressor: Regressor) -> tuple[nn.Module, float]:
    """What reads classes from the regressor's features, and its share of right answers on hits it was not fitted to."""
    torch.manual_seed(SEED)
    rows = np.random.default_rng(SEED).permutation(np.flatnonzero(hits.split == TRAIN))
    with torch.no_grad():
        seen = torch.cat([regressor.features(hits.whole(np.sort(part)).level) for part in np.array_split(rows, 40)])
    label = torch.from_numpy(np.concatenate([hits.label[np.sort(part)] for part in np.array_split(rows, 40)]))
    net = nn.Sequential(
        nn.Linear(regressor.features.size, 128), nn.GELU(), nn.Dropout(0.3), nn.Linear(128, len(LABELS))
    )
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    kept = torch.arange(len(rows)) >= CHECKED_SHARE * len(rows)
    chance = torch.where(kept, torch.bincount(label)[label].float() ** -0.5, 0.0)
    for _ in range(STEPS):
        chosen = torch.multinomial(chance, BATCH, replacement=True)
        noisy = seen[chosen] + JITTER * torch.randn(BATCH, seen.shape[1])
        loss = functional.cross_entropy(net(noisy), label[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        right = (net(seen[~kept]).argmax(1) == label[~kept]).float().mean()
    return net, float(right)


@torch.no_grad()
def likeness(
    generator: MagnitudeGenerator, classifier: nn.Module, regressor: Regressor, latent: Tensor, label: int
) -> Tensor:
    """How likely hits of latents [n, LATENT] and a class are to be taken for that class, [n]."""
    grain, out = RandomGrain(), []
    for part in latent.split(40):
        own = torch.full((len(part),), label)
        level, noisiness = generator.smooth(part, own)
        heard = soft_gate(with_grain(level, noisiness, grain(len(part)), generator.leveller))
        out.append(classifier(regressor.features(heard)).softmax(1)[:, label])
    return torch.cat(out)


def class_regions(
    generator: MagnitudeGenerator, classifier: nn.Module, regressor: Regressor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root covariance [classes, LATENT, LATENT] and mean [classes, LATENT] of each class's latents, and how likely its
    draws are to be taken for it before and after, [classes, 2].
    """
    rng = np.random.default_rng(SEED)
    roots, means, shares = [], [], []
    for own in range(len(LABELS)):
        mean, root, found = np.zeros(LATENT), np.eye(LATENT), []
        for _ in range(ROUNDS):
            latent = rng.standard_normal((DRAWN, LATENT)) @ root + mean
            given = torch.tensor(latent, dtype=torch.float32)
            weight = likeness(generator, classifier, regressor, given, own).numpy().astype(np.float64)
            found.append(float(weight.mean()))
            mean, root = _weighed(latent, weight)
        roots.append(root)
        means.append(mean)
        shares.append([found[0], found[-1]])
    return np.stack(roots), np.stack(means), np.array(shares)


def _weighed(latent: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and symmetric root of the covariance of weighed latents, drawn towards the unit normal where few count."""
    count = weight.sum() ** 2 / (np.square(weight).sum() + 1e-12)  # as many as the weights are worth
    share = count / (count + PRIOR_WEIGHT)
    weight = weight / (weight.sum() + 1e-12)
    mean = share * (weight @ latent)
    moved = latent - weight @ latent
    covariance = share * (moved.T * weight) @ moved + (1.0 - share) * np.eye(latent.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    return mean, (vectors * np.sqrt(np.maximum(values, 1e-3))) @ vectors.T
