"""Endless timbres out of stored frames: a random filter and decay on a note, the same on what it is encoded from.

Done on log-amplitude frames, where a filter is a sum: no sound is rendered again. The encoder and the decoder then see
a spectral envelope that no preset has at every step.
"""

from __future__ import annotations

import numpy as np

from ..note_summary import NOISE_EDGES, OFF_TIMES_S, ON_TIMES_S, PARTIALS
from ..spectrum import BINS, FLOOR_DB, N_FFT, SAMPLE_RATE, note_to_hz

NODES_HZ = np.array([20.0, 90.0, 180.0, 360.0, 720.0, 1440.0, 2880.0, 5760.0, 11_500.0, 24_000.0])
FILTERED, DECAYED = 0.6, 0.3
SPREAD_DB, LIMIT_DB = 5.0, 14.0
DECAY_DB_S = (2.0, 30.0)
TIMES = len(ON_TIMES_S) + len(OFF_TIMES_S)
BANDS = len(NOISE_EDGES) - 1
LEVELS = TIMES * (len(PARTIALS) + BANDS)


def _node_matrix() -> np.ndarray:
    bins = np.log(np.maximum(np.arange(BINS), 0.5) * SAMPLE_RATE / N_FFT)
    return np.stack([np.interp(bins, np.log(NODES_HZ), one) for one in np.eye(len(NODES_HZ))]).astype(np.float32)


NODE_MATRIX = _node_matrix()


class Colouring:
    """One random filter and decay for each note of a batch. `curve_db`: [notes, BINS]. `decay_db_s`: [notes]."""

    def __init__(self, notes: int, rng: np.random.Generator) -> None:
        nodes = np.clip(rng.normal(0.0, SPREAD_DB, (notes, len(NODES_HZ))), -LIMIT_DB, LIMIT_DB)
        nodes *= rng.random((notes, 1)) < FILTERED
        self.curve_db = (nodes.astype(np.float32)) @ NODE_MATRIX
        rate = np.exp(rng.uniform(np.log(DECAY_DB_S[0]), np.log(DECAY_DB_S[1]), notes))
        self.decay_db_s = (rate * (rng.random(notes) < DECAYED)).astype(np.float32)

    def on_summaries(self, summary: np.ndarray, pitch: np.ndarray, hold_s: np.ndarray) -> np.ndarray:
        """Coloured summaries [notes, sources, SIZE]. `pitch`, `hold_s`: [notes, sources].

        First brings `curve_db` of each note to the level that keeps the first source's loudest frame as loud.
        """
        notes, sources, _ = summary.shape
        levels = summary[..., :LEVELS].reshape(notes, sources, TIMES, -1) * 30.0 - 60.0
        self._keep_loudness(levels[:, 0], pitch[:, 0])
        partial_bins = np.round(PARTIALS * note_to_hz(pitch)[..., None] * N_FFT / SAMPLE_RATE).astype(int)
        band_bins = (NOISE_EDGES[:-1] + NOISE_EDGES[1:]) // 2
        bins = np.concatenate(
            [np.clip(partial_bins, 0, BINS - 1), np.broadcast_to(band_bins, (notes, sources, BANDS))], axis=2
        )
        shift = np.take_along_axis(self.curve_db, bins.reshape(notes, -1), axis=1).reshape(bins.shape)[:, :, None, :]
        on_s = np.minimum(ON_TIMES_S, hold_s[..., None] - 0.03)
        seconds = np.concatenate([on_s, hold_s[..., None] + OFF_TIMES_S], axis=2)
        shift = shift - (self.decay_db_s[:, None, None] * seconds)[..., None]
        out = summary.copy()
        out[..., :LEVELS] = ((_add(levels, shift) + 60.0) / 30.0).reshape(notes, sources, -1)
        return out

    def on_stacks(self, stacks: np.ndarray, time_on_s: np.ndarray, hz: np.ndarray) -> np.ndarray:
        """Coloured frames [notes, sources, times, bands] in dB at `time_on_s` [notes, sources, times].

        `hz`: [bands], centres of the bands. `on_summaries` of the same notes goes before: it levels the filter.
        """
        at = np.clip(hz * N_FFT / SAMPLE_RATE, 0.0, BINS - 1.001)
        low = at.astype(int)
        curve = self.curve_db[:, low] + (at - low) * (self.curve_db[:, low + 1] - self.curve_db[:, low])
        decay = (self.decay_db_s[:, None, None] * time_on_s)[..., None]
        return _add(stacks, curve[:, None, None, :].astype(np.float32) - decay)

    def on_frames(self, frames: np.ndarray, owner: np.ndarray, time_on_s: np.ndarray) -> np.ndarray:
        """Coloured frames [n, BINS] in dB of notes `owner` [n] at `time_on_s` [n]."""
        return _add(frames, self.curve_db[owner] - (self.decay_db_s[owner] * time_on_s)[:, None])

    def _keep_loudness(self, levels: np.ndarray, pitch: np.ndarray) -> None:
        bins = np.round(PARTIALS * note_to_hz(pitch)[:, None] * N_FFT / SAMPLE_RATE).astype(int)
        shift = np.take_along_axis(self.curve_db, np.clip(bins, 0, BINS - 1), axis=1)
        power = 10.0 ** (levels[:, : len(ON_TIMES_S), : len(PARTIALS)] / 10.0)
        loudest = np.take_along_axis(power, power.sum(2).argmax(1)[:, None, None], axis=1)[:, 0]
        change = (loudest * 10.0 ** (shift / 10.0)).sum(1) / (loudest.sum(1) + 1e-12)
        made_up_db = np.clip(10.0 * np.log10(change + 1e-9), -LIMIT_DB, LIMIT_DB)  # a silent source says nothing
        self.curve_db = self.curve_db - made_up_db[:, None].astype(np.float32)


def _add(levels: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Levels plus shift in dB; what was under the gate stays there, because nobody knows how far under."""
    return np.where(levels <= FLOOR_DB + 0.1, FLOOR_DB, np.maximum(levels + shift, FLOOR_DB)).astype(np.float32)
