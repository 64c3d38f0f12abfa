"""Draws tokens from logits: temperature, then the grammar's mask, then the nucleus."""

from __future__ import annotations

import numpy as np


def nucleus(logits: np.ndarray, allowed: np.ndarray, temperature: float, top_p: float) -> np.ndarray:
    """Probabilities [rows, size] of the smallest set of allowed tokens that holds `top_p` of their probability.

    `logits`: [rows, size]; `allowed`: the same shape, bool, at least one a row. Tokens of one probability are taken in
    order. Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", sec. 3.1.
    """
    scaled = np.where(allowed, logits.astype(np.float64) / temperature, -np.inf)
    chance = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    order = np.argsort(-chance, axis=1, kind="stable")
    ranked = np.take_along_axis(chance, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    kept = np.zeros_like(allowed)
    np.put_along_axis(kept, order, before < top_p, axis=1)
    chance = np.where(kept, chance, 0.0)
    return chance / chance.sum(axis=1, keepdims=True)


def draw(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One token a row of probabilities [rows, size], by the inverse of their running sum."""
    edges = np.cumsum(probabilities, axis=1)
    at = rng.random(len(edges))[:, None] * edges[:, -1:]
    return (edges <= at).sum(axis=1)
