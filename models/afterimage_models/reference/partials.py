"""The partials of one note: place, magnitude, phase, tonality. Mirrors the method, not the code."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .counter_rng import START_PHASE, Stream
from .stft import Complex, Spec, hann_transform, partial_hann_transform

Real = NDArray[np.float64]

STRETCHED_CENTS = 15.0
STRETCHED_BINS = 0.12
STRETCHED_BINS_MOST = 0.5
PLACE_SMOOTHING = 0.25
NOISE_SMOOTHING = 0.16
MEASURABLE_SPACING = 4.5
CLEAR_PEAK = 3.0
DEVIATION_STEP = 0.35
RETURN_SHARE = 0.7
FORGET_FRAMES = 24
STIFFNESS_WITNESSES = 2.5
STIFFNESS_DISAGREEMENT = 0.3
STIFFNESS_FROM = 3
FAINT_PARTIAL = 1e-3
ONSET_WITNESSES = 16
SEPARATE_SPACING = 4.0
VALLEY_BINS = 6.0
STIFFNESS_PARTIALS = 48
PLAIN_NOISE = 0.65
TONE_SHARE = 0.15
NOISE_SHARE = 0.5
NEAR_BINS = 3
LOBE_REACH = 9.0


@dataclass
class Partial:
    """One partial; phase in turns about the frame's centre."""

    phase: float
    bins: float = 0.0
    magnitude: float = 0.0
    tonality: float = 0.0
    stretch: float = 0.0
    stretched: bool = False
    unclear_frames: int = 0
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
    stage: int = 0
    known: int = 0

    @property
    def steady(self) -> int:
        """Stage from which a frame sees nothing of the note's beginning."""
        return self.spec.fft_size // 2 // self.spec.hop

    def lobe(self, distance: Real | float, stage: int | None = None) -> Complex:
        """Lobe of a partial that began `stage` hops before the frame's centre."""
        stage = self.stage if stage is None else stage
        distance = np.asarray(distance, dtype=np.float64)
        if stage == self.steady:
            return hann_transform(distance).astype(np.complex128)
        return partial_hann_transform(distance, stage * self.spec.hop / self.spec.fft_size)

    def lobe_power(self, distance: Real | float) -> Real:
        """Squared lobe, 0 beyond the reach."""
        distance = np.abs(np.asarray(distance, dtype=np.float64))
        return np.where(distance <= LOBE_REACH, np.abs(self.lobe(distance)) ** 2, 0.0)

    def advance(self, magnitudes: Real, spacing: float) -> None:
        """Moves on by one frame; `spacing` is the pitch in bins."""
        known = len(self.active)
        wanted = min(int((self.spec.bins - 2) / spacing), self.spec.bins)
        self.active = self.active[:wanted]
        for index in range(known, wanted):
            sign = Stream(self.seed, START_PHASE, index).u32_at(0) >> 31
            self.active.append(Partial(phase=0.25 + 0.5 * sign))
        self._follow(magnitudes, spacing, known)
        self._choose_stage(magnitudes, spacing)
        self._measure(magnitudes, spacing)
        self.known = known

    def _follow(self, magnitudes: Real, spacing: float, known: int) -> None:
        below = 0.0
        for index, partial in enumerate(self.active):
            number = index + 1
            before = partial.bins
            nominal = number * spacing
            growth = min((number / index) ** 3, 2.0) if index else 0.0
            stiff = self.stiffness * number**2 * nominal
            if spacing >= MEASURABLE_SPACING:
                _follow_peak(partial, magnitudes, Expected(nominal, spacing, stiff, below * growth))
            partial.bins = float(np.clip(nominal * (1.0 + partial.stretch), 0.5, self.spec.bins - 1.5))
            below = partial.bins - nominal
            if self.frames and index < known:
                partial.phase += 0.5 * (before + partial.bins) * self.spec.hop / self.spec.fft_size

    def _read_stiffness(self) -> None:
        heard = self.active[:STIFFNESS_PARTIALS]
        faintest = FAINT_PARTIAL * max((partial.magnitude for partial in heard), default=0.0)
        product = square = witnesses = 0.0
        for index, partial in enumerate(heard):
            if index < STIFFNESS_FROM or not partial.stretched or partial.magnitude <= faintest:
                continue
            squared = float((index + 1) ** 2)
            predicted = product / square * squared if square else partial.stretch
            if abs(partial.stretch - predicted) <= STIFFNESS_DISAGREEMENT * abs(predicted):
                product += partial.stretch * squared
                square += squared * squared
                witnesses += partial.tonality
        self.stiffness = product / square if witnesses > STIFFNESS_WITNESSES else 0.0

    def _choose_stage(self, magnitudes: Real, spacing: float) -> None:
        self.stage = self.steady
        if self.frames >= self.steady:
            return
        reach = int(np.clip(int(0.5 * spacing), 1, 4))
        misfit = {self.frames: 0.0, self.steady: 0.0}
        for partial in self.active[:ONSET_WITNESSES]:
            nearest = int(partial.bins + 0.5)
            near = np.arange(max(nearest - reach, 0), min(nearest + reach, self.spec.bins - 1) + 1)
            seen = magnitudes[near]
            for stage in misfit:
                lobe = np.abs(self.lobe(near - partial.bins, stage))
                misfit[stage] += 1.0 - float((lobe @ seen) ** 2 / ((lobe @ lobe) * (seen @ seen + 1e-30)))
        if misfit[self.frames] < misfit[self.steady]:
            self.stage = self.frames

    def _measure(self, magnitudes: Real, spacing: float) -> None:
        for partial in self.active:
            near = _three_bins(partial, self.spec.bins)
            lobe = np.abs(self.lobe(near - partial.bins))
            partial.magnitude = float(lobe @ magnitudes[near] / (lobe @ lobe))
        if spacing < SEPARATE_SPACING:
            for _ in range(2):
                self._share_power(magnitudes)

    def _share_power(self, magnitudes: Real) -> None:
        drawn = np.zeros(self.spec.bins)
        for partial in self.active:
            nearest = int(partial.bins + 0.5)
            near = np.arange(max(nearest - NEAR_BINS, 0), min(nearest + NEAR_BINS, self.spec.bins - 1) + 1)
            drawn[near] += partial.magnitude**2 * self.lobe_power(near - partial.bins)
        for partial in self.active:
            near = _three_bins(partial, self.spec.bins)
            lobe = self.lobe_power(near - partial.bins)
            ratio = float(lobe @ magnitudes[near] ** 2) / float(lobe @ drawn[near] + 1e-30)
            partial.magnitude *= float(np.sqrt(min(ratio, 16.0)))

    def judge(self, magnitudes: Real, model_power: Real, spacing: float) -> None:
        """Ends a frame: compares valleys with what the partials, as drawn, leave there."""
        reach = min(0.5 * spacing, VALLEY_BINS)
        whole = float(self.lobe_power(0.0))
        leak = 1.78 / whole * float(self.lobe_power(reach) + self.lobe_power(spacing - reach))
        plain = PLAIN_NOISE * max(1.0 - leak, 0.0)
        excess = magnitudes**2 - model_power
        for index, partial in enumerate(self.active):
            places = [max(partial.bins + side, 0.0) for side in (-reach, reach)]
            bins = [min(int(place), self.spec.bins - 2) for place in places]
            beside = float(np.mean([excess[bin_ : bin_ + 2] for bin_ in bins]))
            share = max(NOISE_SMOOTHING, 1.0 / (self.frames + 1)) if index < self.known else 1.0
            partial.power += share * (partial.magnitude**2 * whole - partial.power)
            partial.noise_power += share * (beside - partial.noise_power)
            ratio = partial.noise_power / (partial.power + 1e-30)
            tone, noise = TONE_SHARE * plain, NOISE_SHARE * plain
            partial.tonality = 1.0 if plain < 0.1 else float(np.clip((noise - ratio) / (noise - tone), 0, 1))
        self._read_stiffness()
        self.frames += 1


def _three_bins(partial: Partial, bins: int) -> NDArray[np.int64]:
    nearest = int(partial.bins + 0.5)
    return np.minimum(np.array([nearest - 1, nearest, nearest + 1]), bins - 1)


@dataclass(frozen=True)
class Expected:
    """Where a partial may lie, in bins; the last two are deviations from the harmonic."""

    nominal: float
    spacing: float
    stiff: float
    neighbour: float


def _follow_peak(partial: Partial, magnitudes: Real, expected: Expected) -> None:
    deviation = _clear_peak(partial, magnitudes, expected)
    if deviation is None:
        partial.unclear_frames += 1
        if not partial.stretched or partial.unclear_frames > FORGET_FRAMES:
            partial.stretched = False
            partial.stretch += PLACE_SMOOTHING * (expected.stiff / expected.nominal - partial.stretch)
        return
    partial.unclear_frames = 0
    cents_bins = expected.nominal * STRETCHED_CENTS * np.log(2.0) / 1200.0
    threshold = float(np.clip(cents_bins, STRETCHED_BINS, STRETCHED_BINS_MOST))
    if partial.stretched:
        threshold *= RETURN_SHARE
    measured = deviation / expected.nominal
    stiff = abs(deviation - expected.stiff) < 0.5 * abs(expected.stiff)
    far = abs(deviation) > threshold
    if far and not partial.stretched:
        partial.stretch = measured
    else:
        target = measured if far or stiff else 0.0
        partial.stretch += PLACE_SMOOTHING * (target - partial.stretch)
    partial.stretched = far


def _clear_peak(partial: Partial, magnitudes: Real, expected: Expected) -> float | None:
    last = len(magnitudes) - 1
    deviation = expected.stiff if expected.stiff != 0.0 else expected.neighbour
    if partial.stretched:
        deviation = partial.stretch * expected.nominal
    guess = expected.nominal + deviation
    reach = min(0.45 * expected.spacing, 1.6)
    start = int(np.clip(np.ceil(guess - reach), 1, last - 1))
    end = int(np.clip(np.floor(guess + reach), start, last - 1))
    peak = start + int(np.argmax(magnitudes[start : end + 1]))
    left, centre, right = magnitudes[peak - 1 : peak + 2]
    aside = min(int(0.5 * expected.spacing), 3)
    beside = max(magnitudes[max(peak - aside, 0)], magnitudes[min(peak + aside, last)])
    if centre <= left or centre < right or centre < CLEAR_PEAK * beside:
        return None
    side, sign = (right, 1.0) if right >= left else (left, -1.0)
    ratio = side / centre
    # Grandke 1983: a stationary sinusoid between two bins under a Hann window.
    offset = float(np.clip(sign * (2.0 * ratio - 1.0) / (ratio + 1.0), -0.5, 0.5))
    measured = peak + offset - expected.nominal
    step = abs(measured - expected.neighbour) < DEVIATION_STEP * expected.spacing
    return measured if step or abs(measured - expected.stiff) < 1.0 else None
