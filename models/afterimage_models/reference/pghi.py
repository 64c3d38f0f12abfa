"""Offline inversion: phase gradient heap integration (Prusa, Balazs, Sondergaard 2017), then fast
Griffin-Lim (Perraudin, Balazs, Sondergaard 2013), or Griffin-Lim frame after frame; phases about frame centres.
"""

import heapq

import numpy as np
from numpy.typing import NDArray

from .counter_rng import QUIET_PHASE, Stream
from .rtpghi import SILENT, SMALLEST, TOLERANCE, delay_windows, deviation_bins
from .stft import Complex, Spec

Real = NDArray[np.float64]

MOMENTUM = 0.99
OWN, CHANGES = 0.4, (0.3, 0.1)  # how far a frame steps beyond what the others tell it; sweeps take turns
LEVELS = 255  # the queue only tells levels half a decibel apart
LEAST_WINDOW_SUM = 1e-6


def pghi(spec: Spec, frames: Real, seed: int) -> Real:
    """Phases in turns, `[frames, bins]`, integrated along the loudest path."""
    count, bins = frames.shape
    with np.errstate(divide="ignore"):
        log = np.maximum(np.log(frames), SMALLEST)
    floor = max(log.max() - TOLERANCE, SILENT)
    log = np.maximum(log, floor)
    along_time = (deviation_bins(frames, np.exp(floor)) + np.arange(bins)) * spec.hop / spec.fft_size
    slope = np.gradient(log, axis=0) if count > 1 else np.zeros_like(log)
    along_bins = -delay_windows(spec, slope)

    stream = Stream(seed, QUIET_PHASE)
    turns: Real = np.array([stream.u32_at(k) / 2.0**32 for k in range(count * bins)]).reshape(count, bins)
    pending = log > floor
    # A hair more, so that the loudest has the top level in any precision.
    level = np.clip((log - floor) * LEVELS / TOLERANCE + 1e-6, 0, LEVELS).astype(int)
    nodes = np.flatnonzero(pending)
    # The loudest first; of equals the one that was met last.
    starts = nodes[np.lexsort((-nodes, -level.ravel()[nodes]))]
    order = 0
    for start in starts:
        begin = divmod(int(start), bins)
        if not pending[begin]:
            continue
        pending[begin] = False
        heap = [(-level[begin], -order, *begin)]
        order += 1
        while heap:
            _, _, n, k = heapq.heappop(heap)
            for dn, dk in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                to = (n + dn, k + dk)
                if not (0 <= to[0] < count and 0 <= to[1] < bins and pending[to]):
                    continue
                mean = (along_time[n, k] + along_time[to]) * dn + (along_bins[n, k] + along_bins[to]) * dk
                turns[to] = turns[n, k] + mean / 2.0
                pending[to] = False
                heapq.heappush(heap, (-level[to], -order, *to))
                order += 1
    return turns % 1.0


def _window_rows(spec: Spec, count: int) -> tuple[NDArray[np.int64], int]:
    """Sample indices of each frame, `[frames, fft_size]`, in a buffer that begins half a window early."""
    starts = spec.hop * np.arange(count)
    return starts[:, None] + np.arange(spec.fft_size), (count - 1) * spec.hop + spec.fft_size


def consistent(spec: Spec, spectra: Complex) -> Complex:
    """Spectra of the sound that fits `spectra` best and is silent before the centre of frame 0."""
    rows, length = _window_rows(spec, len(spectra))
    sums, windows = np.zeros(length), np.zeros(length)
    pieces = np.fft.fftshift(np.fft.irfft(spectra, spec.fft_size, axis=1), axes=1) * spec.window
    np.add.at(sums, rows, pieces)
    np.add.at(windows, rows, np.broadcast_to(spec.window**2, rows.shape))
    heard = windows > LEAST_WINDOW_SUM
    heard[: spec.fft_size // 2] = False
    sound = np.where(heard, sums / np.where(heard, windows, 1.0), 0.0)
    return np.fft.rfft(np.fft.ifftshift(sound[rows] * spec.window, axes=1), axis=1)


def pghi_fgla(spec: Spec, frames: Real, iterations: int, seed: int) -> Complex:
    """Spectra `[frames, bins]` with the magnitudes `frames`."""
    spectra = frames * np.exp(2j * np.pi * pghi(spec, frames, seed))
    previous = None
    for _ in range(iterations):
        projected = consistent(spec, spectra)
        moved = projected if previous is None else projected + MOMENTUM * (projected - previous)
        previous = projected
        spectra = frames * np.exp(1j * np.angle(moved))
    return spectra


def pghi_sgla(spec: Spec, frames: Real, sweeps: int, seed: int) -> Complex:
    """Spectra `[frames, bins]` with the magnitudes `frames`, each frame told what the ones before it became."""
    spectra = frames * np.exp(2j * np.pi * pghi(spec, frames, seed))
    rows, length = _window_rows(spec, len(spectra))
    sums, windows = np.zeros(length), np.zeros(length)
    np.add.at(windows, rows, np.broadcast_to(spec.window**2, rows.shape))
    heard = windows > LEAST_WINDOW_SUM
    heard[: spec.fft_size // 2] = False
    windows = np.where(heard, windows, np.inf)

    def piece(values: Complex) -> Real:
        return np.fft.fftshift(np.fft.irfft(values, spec.fft_size)) * spec.window

    for row, values in zip(rows, spectra, strict=True):
        sums[row] += piece(values)
    previous = np.zeros_like(spectra)
    for sweep in range(sweeps):
        last = sweep + 1 == sweeps
        own, change = (0.0 if last else OWN), (0.0 if last or sweep == 0 else CHANGES[sweep % 2])
        for n, row in enumerate(rows):
            now = np.fft.rfft(np.fft.ifftshift(sums[row] / windows[row] * spec.window))
            moved = now - own * spectra[n] + change * (now - previous[n])
            new = frames[n] * np.exp(1j * np.angle(moved))
            sums[row] += piece(new - spectra[n])
            spectra[n], previous[n] = new, now
    return spectra
