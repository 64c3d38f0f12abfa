"""Real-time phase gradient heap integration (Prusa, Sondergaard 2016), phases about frame centres.

With look-ahead a frame is then heard between its neighbours, as by RTISI-LA (Zhu, Beauregard, Wyse 2007).
The gradients are exact for a Hann window: along frequency for a steady sinusoid, along time for a click.
"""

import copy
import heapq

import numpy as np
from numpy.typing import NDArray

from .counter_rng import QUIET_PHASE, Stream
from .stft import Spec

Real = NDArray[np.float64]

TOLERANCE = 20.0 * np.log(2.0)  # 120 dB, in nepers
# Weights of this frame and the two before it, and of the frame after and these three, in the time derivative.
BACKWARD = (1.35, -1.7, 0.35)
CENTRED = (0.375, 0.375, -0.875, 0.125)
SILENT = np.log(2.0**-67)  # nothing below is integrated
SMALLEST = np.log(2.0**-126)
LEAST_WINDOW_SUM = 1e-6
OWN = 0.2  # share of a frame's own value that is taken out of what is heard in its place


class Rtpghi:
    """Phases of one sound; `lookahead` lets `advance` see the frame after."""

    def __init__(self, spec: Spec, seed: int, lookahead: bool) -> None:
        """Starts before frame 0."""
        self.spec = spec
        self.lookahead = lookahead
        self.quiet = Stream(seed, QUIET_PHASE)
        self.index = 0
        self.history: list[Real] = []
        self.phase = np.zeros(spec.bins)
        self.deviation = np.zeros(spec.bins)

    def advance(self, magnitudes: Real, following: Real | None) -> Real:
        """Phases of the next frame in turns, `[bins]`."""
        spec = self.spec
        log = _log(magnitudes)
        loudest = max([log.max(), *(past.max() for past in self.history[-1:])])
        floor = max(loudest - TOLERANCE, SILENT)
        log = np.maximum(log, floor)
        slope = self._slope(log, following, floor)

        deviation = deviation_bins(magnitudes, np.exp(floor)) * spec.hop / spec.fft_size
        mean = (deviation + self.deviation) / 2.0 if self.index else deviation
        centre = np.arange(spec.bins) * spec.hop / spec.fft_size
        delay = delay_windows(spec, slope)

        self.phase = self._integrate(log, floor, mean + centre, -(delay[1:] + delay[:-1]) / 2.0)
        self.deviation = deviation
        self.history = [*self.history[-1:], log]
        self.index += 1
        return self.phase

    def _slope(self, log: Real, following: Real | None, floor: float) -> Real:
        """Change of the log-magnitude in one hop."""
        if self.lookahead and following is not None:
            after = np.maximum(_log(following), floor)
            if not self.history:
                return after - log
            if len(self.history) == 1:
                return (after - self.history[-1]) / 2.0
            return sum(w * frame for w, frame in zip(CENTRED, (after, log, *self.history[::-1]), strict=True))
        if not self.history:
            return np.zeros_like(log)
        if len(self.history) == 1:
            return log - self.history[-1]
        return sum(w * frame for w, frame in zip(BACKWARD, (log, *self.history[::-1]), strict=True))

    def _integrate(self, log: Real, floor: float, time_step: Real, bin_step: Real) -> Real:
        bins = self.spec.bins
        now: Real = np.array([self.quiet.u32_at(self.index * bins + k) / 2.0**32 for k in range(bins)])
        pending = log > floor
        queue: list[tuple[float, int]] = []

        def push(value: float, node: int) -> None:
            heapq.heappush(queue, (-value, node))

        def settle(bin_: int, phase: float) -> None:
            now[bin_] = phase
            pending[bin_] = False
            push(log[bin_], bin_)

        if self.history:
            for bin_ in np.flatnonzero(pending & (self.history[-1] > floor)):
                push(self.history[-1][bin_], bins + int(bin_))
        while pending.any():
            if not queue:
                first = int(np.argmax(pending))
                run = pending[first:]
                length = len(run) if run.all() else int(np.argmin(run))
                start = first + int(np.argmax(log[first : first + length]))
                settle(start, now[start])
                continue
            node = heapq.heappop(queue)[1]
            if node >= bins:
                bin_ = node - bins
                if pending[bin_]:
                    settle(bin_, self.phase[bin_] + time_step[bin_])
                continue
            if node + 1 < bins and pending[node + 1]:
                settle(node + 1, now[node] + bin_step[node])
            if node > 0 and pending[node - 1]:
                settle(node - 1, now[node] - bin_step[node - 1])
        return now % 1.0


def deviation_bins(magnitudes: Real, least: float) -> Real:
    """How far, in bins, each bin's frequency lies from its centre, `[..., bins]`; 0 at both ends.

    Under a Hann window bins at d + 1 and d - 1 from a sinusoid have the ratio
    (1 - d)(2 - d) / ((1 + d)(2 + d)); with t, the difference over the sum of the two, t d^2 - 3 d + 2 t = 0.
    """
    left, right = magnitudes[..., :-2], magnitudes[..., 2:]
    tilt = (right - left) / (right + left + least)
    safe = np.where(np.abs(tilt) < 1e-9, 1e-9, tilt)
    root = (3.0 - np.sqrt(9.0 - 8.0 * safe**2)) / (2.0 * safe)
    edge = [(0, 0)] * (magnitudes.ndim - 1) + [(1, 1)]
    return np.pad(np.where(np.abs(tilt) < 1e-9, 2.0 / 3.0 * tilt, root), edge)


def delay_windows(spec: Spec, slope: Real) -> Real:
    """When, in windows after the centre, a click sounds whose log-magnitude has this slope in nepers a hop."""
    return np.arctan2(slope * spec.fft_size, 2.0 * np.pi * spec.hop) / np.pi


def _log(magnitudes: Real) -> Real:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(magnitudes), SMALLEST)


def rtpghi(spec: Spec, frames: Real, seed: int, lookahead: bool) -> Real:
    """Phases in turns, `[frames, bins]`; with look-ahead the last frame is left out."""
    machine = Rtpghi(spec, seed, lookahead)
    count = len(frames) - 1 if lookahead else len(frames)
    following = [frames[n + 1] if lookahead else None for n in range(count)]
    return np.array([machine.advance(frames[n], following[n]) for n in range(count)])


def projected(spec: Spec, frames: Real, seed: int) -> Real:
    """Phases in turns, `[frames - 1, bins]`: look-ahead, and one projection between the neighbours."""
    machine = Rtpghi(spec, seed, lookahead=True)
    count, size, half = len(frames) - 1, spec.fft_size, spec.fft_size // 2
    sums, windows = np.zeros((2, (count + 1) * spec.hop + size))
    turns = np.zeros((count, spec.bins))

    def piece(magnitudes: Real, phases: Real) -> Real:
        spectrum = magnitudes * np.exp(2j * np.pi * phases)
        return np.fft.fftshift(np.fft.irfft(spectrum, size)) * spec.window

    for n in range(count):
        phases = machine.advance(frames[n], frames[n + 1])
        further = copy.deepcopy(machine)
        further.lookahead = False
        after = further.advance(frames[n + 1], None)
        here, there = (slice(m * spec.hop, m * spec.hop + size) for m in (n, n + 1))
        heard, weights = sums.copy(), windows.copy()
        for place, values in ((here, piece(frames[n], phases)), (there, piece(frames[n + 1], after))):
            heard[place] += values
            weights[place] += spec.window**2
        exists = weights > LEAST_WINDOW_SUM
        exists[:half] = False  # buffers begin half a window early
        sound = np.where(exists, heard / np.where(exists, weights, 1.0), 0.0)[here]
        spectrum = np.fft.rfft(np.fft.ifftshift(sound * spec.window))
        moved = spectrum - OWN * frames[n] * np.exp(2j * np.pi * phases)
        turns[n] = machine.phase = np.angle(moved) / (2.0 * np.pi) % 1.0
        sums[here] += piece(frames[n], turns[n])
        windows[here] += spec.window**2
    return turns
