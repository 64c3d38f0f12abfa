"""The partials of one note: place, magnitude, phase, tonality. Mirrors the method, not the code."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .counter_rng import START_PHASE, Stream
from .stft import Spec, hann_transform

Real = NDArray[np.float64]

STRETCHED_CENTS = 15.0
STRETCHED_BINS = 0.12
STRETCHED_BINS_MOST = 0.5
PLACE_SMOOTHING = 0.25
NOISE_SMOOTHING = 0.16
MEASURABLE_SPACING = 3.0
SEPARATE_SPACING = 4.0
VALLEY_BINS = 6.0
STIFFNESS_PARTIALS = 48
PLAIN_NOISE = 0.65
TONE_SHARE = 0.15
NOISE_SHARE = 0.5
LOBE_REACH = 9.0


def lobe_power(distance: Real | float) -> Real:
    """Squared lobe, 0 beyond the reach."""
    distance = np.abs(np.asarray(distance, dtype=np.float64))
    return np.where(distance <= LOBE_REACH, hann_transform(distance) ** 2, 0.0)


@dataclass
class Partial:
    """One partial; phase in turns about the frame's centre."""

    phase: float
    bins: float = 0.0
    magnitude: float = 0.0
    tonality: float = 0.0
    stretch: float = 0.0
    stretched: bool = False
    power: float = 0.0
    noise_power: float = 0.0


@dataclass
class Partials:
    """All partials of a note."""

    spec: Spec
    seed: int
    active: list[Partial] = field(default_factory=list)
    stiffness: float = 0.0
    frames: int = 0

    def advance(self, magnitudes: Real, spacing: float) -> None:
        """Moves on by one frame; `spacing` is the pitch in bins."""
        known = len(self.active)
        wanted = min(int((self.spec.bins - 2) / spacing), self.spec.bins)
        self.active = self.active[:wanted]
        for index in range(known, wanted):
            sign = Stream(self.seed, START_PHASE, index).u32_at(0) >> 31
            self.active.append(Partial(phase=0.25 + 0.5 * sign))
        self._follow(magnitudes, spacing, known)
        self._measure(magnitudes, spacing)
        self._judge(magnitudes, spacing, known)
        self.frames += 1

    def _follow(self, magnitudes: Real, spacing: float, known: int) -> None:
        below = 0.0
        for index, partial in enumerate(self.active):
            number = index + 1
            before = partial.bins
            nominal = number * spacing
            neighbour = below * (number / index) ** 2 if index else 0.0
            if spacing >= MEASURABLE_SPACING:
                reach = min(0.45 * spacing, 1.6)
                _follow_peak(partial, magnitudes, nominal, self.stiffness * number**2, neighbour, reach)
            partial.bins = float(np.clip(nominal * (1.0 + partial.stretch), 0.5, self.spec.bins - 1.5))
            below = partial.stretch
            if self.frames and index < known:
                partial.phase += 0.5 * (before + partial.bins) * self.spec.hop / self.spec.fft_size
        told = [
            partial.stretch / (index + 1) ** 2
            for index, partial in enumerate(self.active[:STIFFNESS_PARTIALS])
            if partial.stretched
        ]
        self.stiffness = float(np.mean(told)) if told else 0.0

    def _measure(self, magnitudes: Real, spacing: float) -> None:
        for partial in self.active:
            near = _three_bins(partial, self.spec.bins)
            lobe = hann_transform(near - partial.bins)
            partial.magnitude = float(lobe @ magnitudes[near] / (lobe @ lobe))
        if spacing < SEPARATE_SPACING:
            for _ in range(2):
                self._share_power(magnitudes)

    def _share_power(self, magnitudes: Real) -> None:
        old = [(partial.bins, partial.magnitude) for partial in self.active]
        for index, partial in enumerate(self.active):
            near = _three_bins(partial, self.spec.bins)
            lobe = lobe_power(near - partial.bins)
            around = old[max(index - 1, 0) : index + 2]
            model = sum(magnitude**2 * lobe_power(near - bins) for bins, magnitude in around)
            ratio = float(lobe @ magnitudes[near] ** 2) / float(lobe @ model + 1e-30)
            partial.magnitude *= float(np.sqrt(min(ratio, 16.0)))

    def _judge(self, magnitudes: Real, spacing: float, known: int) -> None:
        reach = min(0.5 * spacing, VALLEY_BINS)
        leak = 1.78 * float(lobe_power(reach) + lobe_power(spacing - reach))
        plain = PLAIN_NOISE * max(1.0 - leak, 0.0)
        for index, partial in enumerate(self.active):
            sides = [self._excess(magnitudes, index, partial.bins + side) for side in (-reach, reach)]
            share = NOISE_SMOOTHING if index < known else 1.0
            partial.power += share * (partial.magnitude**2 - partial.power)
            partial.noise_power += share * (float(np.mean(sides)) - partial.noise_power)
            ratio = partial.noise_power / (partial.power + 1e-30)
            tone, noise = TONE_SHARE * plain, NOISE_SHARE * plain
            partial.tonality = 1.0 if plain < 0.1 else float(np.clip((noise - ratio) / (noise - tone), 0, 1))

    def _excess(self, magnitudes: Real, index: int, place: float) -> float:
        bin_ = min(int(max(place, 0.0)), self.spec.bins - 2)
        pair = np.array([bin_, bin_ + 1])
        near = self.active[max(index - 1, 0) : index + 2]
        model = sum(partial.magnitude**2 * lobe_power(pair - partial.bins) for partial in near)
        return float(np.mean(magnitudes[pair] ** 2 - model))


def _three_bins(partial: Partial, bins: int) -> NDArray[np.int64]:
    nearest = int(partial.bins + 0.5)
    return np.minimum(np.array([nearest - 1, nearest, nearest + 1]), bins - 1)


def _follow_peak(
    partial: Partial, magnitudes: Real, nominal: float, stiff: float, neighbour: float, reach: float
) -> None:
    last = len(magnitudes) - 1
    guess = nominal * (1.0 + (partial.stretch if partial.stretched else neighbour))
    start = int(np.clip(np.ceil(guess - reach), 1, last - 1))
    end = int(np.clip(np.floor(guess + reach), start, last - 1))
    peak = start + int(np.argmax(magnitudes[start : end + 1]))
    left, centre, right = magnitudes[peak - 1 : peak + 2]
    if centre <= left or centre < right:
        return
    side, sign = (right, 1.0) if right >= left else (left, -1.0)
    ratio = side / centre
    # Grandke 1983: a stationary sinusoid between two bins under a Hann window.
    offset = float(np.clip(sign * (2.0 * ratio - 1.0) / (ratio + 1.0), -0.5, 0.5))
    deviation = peak + offset - nominal
    cents_bins = nominal * STRETCHED_CENTS * np.log(2.0) / 1200.0
    threshold = float(np.clip(cents_bins, STRETCHED_BINS, STRETCHED_BINS_MOST))
    measured = deviation / nominal
    if partial.stretched:
        partial.stretch += PLACE_SMOOTHING * (measured - partial.stretch)
    elif abs(deviation) > threshold:
        partial.stretch, partial.stretched = measured, True
    elif abs(measured - stiff) < 0.5 * abs(stiff):
        partial.stretch += PLACE_SMOOTHING * (measured - partial.stretch)
    else:
        partial.stretch -= PLACE_SMOOTHING * partial.stretch
