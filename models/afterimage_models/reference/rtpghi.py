"""Real-time phase gradient heap integration (Prusa, Sondergaard 2016), phases about frame centres."""

import heapq

import numpy as np
from numpy.typing import NDArray

from .counter_rng import QUIET_PHASE, Stream
from .stft import Spec

Real = NDArray[np.float64]

HANN_GAMMA = 0.25645  # Prusa, Balazs, Sondergaard 2017, table I
TOLERANCE = 20.0 * np.log(2.0)  # 120 dB, in nepers
LEVELS = 255  # the queue only tells levels half a decibel apart
SILENT = np.log(2.0**-67)  # nothing below is integrated
SMALLEST = np.log(2.0**-126)


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
        self.gradient = np.zeros(spec.bins)

    def advance(self, magnitudes: Real, following: Real | None) -> Real:
        """Phases of the next frame in turns, `[bins]`."""
        spec = self.spec
        log = _log(magnitudes)
        loudest = max([log.max(), *(past.max() for past in self.history[-1:])])
        floor = max(loudest - TOLERANCE, SILENT)
        log = np.maximum(log, floor)
        slope = self._slope(log, following, floor)

        gamma = HANN_GAMMA * spec.fft_size**2
        padded = np.pad(log, 1, mode="edge")
        gradient = spec.hop * spec.fft_size / (2.0 * np.pi * gamma) * (padded[2:] - padded[:-2]) / 2.0
        mean = (gradient + self.gradient) / 2.0 if self.index else gradient
        centre = np.arange(spec.bins) * spec.hop / spec.fft_size
        bin_step = -gamma / (2.0 * np.pi * spec.fft_size * spec.hop) * (slope[1:] + slope[:-1]) / 2.0

        self.phase = self._integrate(log, floor, mean + centre, bin_step)
        self.gradient = gradient
        self.history = [*self.history[-1:], log]
        self.index += 1
        return self.phase

    def _slope(self, log: Real, following: Real | None, floor: float) -> Real:
        """Change of the log-magnitude in one hop."""
        if self.lookahead and following is not None:
            after = np.maximum(_log(following), floor)
            if not self.history:
                return after - log
            return (after - np.maximum(self.history[-1], floor)) / 2.0
        if not self.history:
            return np.zeros_like(log)
        if len(self.history) == 1:
            return log - self.history[-1]
        # Half of the second difference, for extrapolating half way to the second-order rule.
        return 1.25 * log - 1.5 * self.history[-1] + 0.25 * self.history[-2]

    def _integrate(self, log: Real, floor: float, time_step: Real, bin_step: Real) -> Real:
        bins = self.spec.bins
        now: Real = np.array([self.quiet.u32_at(self.index * bins + k) / 2.0**32 for k in range(bins)])
        pending = log > floor
        queue: list[tuple[int, int, int]] = []
        order = 0

        def push(value: float, node: int) -> None:
            nonlocal order
            level = int(np.clip((value - floor) * LEVELS / TOLERANCE, 0, LEVELS))
            heapq.heappush(queue, (-level, -order, node))
            order += 1

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
            node = heapq.heappop(queue)[2]
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


def _log(magnitudes: Real) -> Real:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(magnitudes), SMALLEST)


def rtpghi(spec: Spec, frames: Real, seed: int, lookahead: bool) -> Real:
    """Phases in turns, `[frames, bins]`; with look-ahead the last frame is left out."""
    machine = Rtpghi(spec, seed, lookahead)
    count = len(frames) - 1 if lookahead else len(frames)
    following = [frames[n + 1] if lookahead else None for n in range(count)]
    return np.array([machine.advance(frames[n], following[n]) for n in range(count)])
