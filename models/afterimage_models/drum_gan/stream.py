"""Endless variants of the training hits, made on the device that trains: transposed, layered, coloured, reshaped.

A few hundred distinct hits are too few, and ten variants of each, made ahead, were learned by heart. Colour and shape
are drawn apart from each other, so that descriptors which go together in recordings come apart.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..spectrum import FLOOR_DB, GATE_DB, SAMPLE_RATE
from .frames import BINS, FRAMES, HOP, KNOTS, LENGTH, N_FFT, REFERENCE
from .hit_set import Batch
from .kit import LABELS
from .network import Leveller
from .noisiness import (
    APART,
    AUDIBLE_DB,
    CLEAN_SHARE,
    CURVE,
    NEIGHBOUR_BINS,
    NOISE_SHARE,
    OF_NOISE_DB,
    OWN_WORD_CELLS,
    SMOOTHED_FRAMES,
    band_weights,
)
from .preparation import FADE_OUT_S
from .regressor import Regressor
from .variation import (
    BUMP_DB,
    COLOURED,
    DECAY_DB_S,
    LAYERED,
    LONGER_DB_S,
    NODES_HZ,
    SEMITONES,
    SHAPED,
    SOFTEST_S,
    STRIKE_DB,
    STRIKE_S,
    STRUCK,
    TILT_DB,
    TRANSPOSED,
)

TRANSPOSITIONS = 21
LONGER_SHARE, SOFTER_SHARE = 0.25, 0.4
COLOUR_LIMITS_DB = (-24.0, 18.0)
LAYER_DB = 14.0
UNCHANGED = 0.4  # share of a batch that stays as recorded


def noisiness(frames: Tensor) -> Tensor:
    """`noisiness.noisiness` of many hits: [batch, knots, bands] of frames [batch, FRAMES, BINS] in dB."""
    before, here, after = frames[:, : -2 * APART], frames[:, APART:-APART], frames[:, 2 * APART :]
    audible = (torch.minimum(torch.minimum(before, after), here) > GATE_DB + AUDIBLE_DB).float()
    jump = (here - 0.5 * (before + after)) * audible
    around = _mean_along_bins(audible) + 1e-9
    size = (jump - _mean_along_bins(jump) / around).abs() * audible
    bands = torch.tensor(band_weights(), dtype=torch.float32, device=frames.device)
    sizes, cells = _mean_along_frames(size @ bands), _mean_along_frames(audible @ bands)
    overall = size.sum((1, 2), keepdim=True) / audible.sum((1, 2), keepdim=True).clamp(min=1.0)
    mean = (sizes + OWN_WORD_CELLS * overall) / (cells + OWN_WORD_CELLS)
    share = ((mean / OF_NOISE_DB - CLEAN_SHARE) / (NOISE_SHARE - CLEAN_SHARE)).clamp(0.0, 1.0) ** CURVE
    return share[:, np.clip(KNOTS - APART, 0, share.shape[1] - 1)]


def _mean_along_bins(x: Tensor) -> Tensor:
    return functional.avg_pool1d(x, NEIGHBOUR_BINS, 1, NEIGHBOUR_BINS // 2)


def _mean_along_frames(x: Tensor) -> Tensor:
    reach = SMOOTHED_FRAMES // 2
    padded = functional.pad(x.transpose(1, 2), (reach, reach), mode="replicate")
    return functional.avg_pool1d(padded, SMOOTHED_FRAMES, 1).transpose(1, 2)


def transposed(audio: Tensor, semitones: float) -> Tensor:
    """Hits [n, LENGTH] played faster or slower, as a tape does it, and cut to LENGTH again."""
    # Padded to twice its length: what rings before the onset would come round into the tail.
    length = 2 * round(LENGTH / 2.0 ** (semitones / 12.0))
    spectrum = torch.fft.rfft(audio, 2 * LENGTH)[:, : length // 2 + 1]
    spectrum = functional.pad(spectrum, (0, length // 2 + 1 - spectrum.shape[1]))
    made = torch.fft.irfft(spectrum, n=length)[:, : min(length // 2, LENGTH)] * (length / (2 * LENGTH))
    return functional.pad(made, (0, LENGTH - made.shape[1])) * _fade(audio.device)


def _fade(device: torch.device) -> Tensor:
    fall = int(FADE_OUT_S * SAMPLE_RATE)
    shape = torch.ones(LENGTH, device=device)
    shape[-fall:] = 0.5 + 0.5 * torch.cos(torch.pi * torch.arange(fall, device=device) / fall)
    return shape


class HitStream:
    """Training hits in memory, and batches of variants of them."""

    def __init__(self, audio: np.ndarray, label: np.ndarray, regressor: Regressor, device: torch.device) -> None:
        """`audio`: [n, LENGTH] at 48 kHz; `label`: [n]."""
        self.device, self.regressor = device, regressor
        hits = torch.from_numpy(np.ascontiguousarray(audio, np.float32)).to(device)
        steps = np.linspace(-SEMITONES, SEMITONES, TRANSPOSITIONS)
        self.pool = torch.stack([transposed(hits, float(s)).half() for s in steps])
        self.label = torch.from_numpy(label.astype(np.int64)).to(device)
        count = np.bincount(label, minlength=len(LABELS))
        # Between the classes' own shares and equal ones: a rare class is not repeated until it is known by heart.
        self.chance = torch.tensor(count[label] ** -0.5, dtype=torch.float32, device=device)
        order = np.argsort(label, kind="stable")
        self.order = torch.from_numpy(order).to(device)
        self.first = torch.from_numpy(np.concatenate([[0], np.cumsum(count)[:-1]])).to(device)
        self.count = torch.from_numpy(count).to(device)
        self.window = torch.hann_window(N_FFT, device=device)
        self.leveller = Leveller(KNOTS).to(device)
        self.curves = torch.tensor(_node_weights(), dtype=torch.float32, device=device)

    def batch(self, count: int, unchanged: float = UNCHANGED) -> Batch:
        """`count` hits, a share of them as recorded."""
        varied = self._rand(count) >= unchanged
        rows = self._rows(count)
        audio = self._reshape(self._layer(self._take(rows, varied), rows, varied), varied)
        return self.seen(audio, self.label[rows], self._colour(varied))

    def labels(self, count: int) -> Tensor:
        """Classes [count] as batches have them."""
        return self.label[self._rows(count)]

    def _rows(self, count: int) -> Tensor:
        return torch.multinomial(self.chance, count, replacement=True)

    @torch.no_grad()
    def seen(self, audio: Tensor, label: Tensor, colour: Tensor | float = 0.0) -> Batch:
        """Sounds [batch, LENGTH] of classes `label` [batch] as the networks see them; `colour` in dB is added."""
        frames = self.frames(audio)
        noisy = noisiness(torch.where(frames < GATE_DB, FLOOR_DB, frames))
        level = frames[:, KNOTS] + colour
        level = level + self.leveller(level)
        level = torch.where(level < GATE_DB, FLOOR_DB, level)
        return Batch(level, noisy, label, self.regressor(level, label).clamp(-0.25, 1.25))

    def frames(self, audio: Tensor) -> Tensor:
        """Levels [batch, FRAMES, BINS] in dB of sounds [batch, LENGTH], not gated."""
        spectrum = torch.stft(audio, N_FFT, HOP, window=self.window, center=True, pad_mode="constant",
                              return_complex=True)  # fmt: skip
        power = spectrum.real.square() + spectrum.imag.square()
        return 10.0 * torch.log10(power[:, :, :FRAMES].transpose(1, 2) / REFERENCE**2 + 1e-12)

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(*shape, device=self.device)

    def _happens(self, share: float, varied: Tensor) -> Tensor:
        return ((self._rand(len(varied)) < share) & varied).float().unsqueeze(1)

    def _take(self, rows: Tensor, varied: Tensor) -> Tensor:
        step = torch.randint(0, TRANSPOSITIONS, rows.shape, device=self.device)
        moved = self._happens(TRANSPOSED, varied).squeeze(1) > 0
        return self.pool[torch.where(moved, step, TRANSPOSITIONS // 2), rows].float()

    def _layer(self, audio: Tensor, rows: Tensor, varied: Tensor) -> Tensor:
        label = self.label[rows]
        other = self.order[self.first[label] + (self._rand(len(rows)) * self.count[label]).long()]
        gain = 10.0 ** (-LAYER_DB * self._rand(len(rows), 1) / 20.0) * self._happens(LAYERED, varied)
        return audio + gain * self._take(other, varied)

    def _reshape(self, audio: Tensor, varied: Tensor) -> Tensor:
        count, seconds = len(audio), torch.arange(LENGTH, device=self.device) / SAMPLE_RATE
        faster = self._rand(count, 1) * DECAY_DB_S
        longer = -self._rand(count, 1) * LONGER_DB_S
        slope = torch.where(self._rand(count, 1) < LONGER_SHARE, longer, faster) * self._happens(SHAPED, varied)
        softer = self._happens(STRUCK * SOFTER_SHARE, varied)
        rise = (seconds / (0.001 + self._rand(count, 1) * (SOFTEST_S - 0.001))).clamp(max=1.0)
        strike_db = STRIKE_DB * (2.0 * self._rand(count, 1) - 1.0) * self._happens(STRUCK, varied) * (1.0 - softer)
        gain_db = strike_db * torch.exp(-seconds / STRIKE_S) - slope * seconds
        return audio * 10.0 ** (gain_db / 20.0) * (1.0 + softer * (rise - 1.0))

    def _colour(self, varied: Tensor) -> Tensor:
        """Slope and bumps in dB [batch, 1, BINS]."""
        noise = torch.randn(len(varied), 1 + len(NODES_HZ), device=self.device)
        octaves = torch.tensor(np.log2(NODES_HZ / 1000.0), dtype=torch.float32, device=self.device)
        nodes = TILT_DB * noise[:, :1] * octaves + BUMP_DB * noise[:, 1:]
        curve = nodes.clamp(*COLOUR_LIMITS_DB) @ self.curves
        return (curve * self._happens(COLOURED, varied)).unsqueeze(1)


def _node_weights() -> np.ndarray:
    """[nodes, BINS]: straight lines between NODES_HZ on an octave axis."""
    hz = np.maximum(np.arange(BINS) * SAMPLE_RATE / N_FFT, NODES_HZ[0])
    return np.stack([np.interp(np.log2(hz), np.log2(NODES_HZ), row) for row in np.eye(len(NODES_HZ))])
