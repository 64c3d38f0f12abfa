"""Phases from a known pitch: partials drawn into a spectrum, real noise between them, free tones."""

import numpy as np
from numpy.typing import NDArray

from .counter_rng import NOISE, PAN, START_PHASE, Stream
from .partials import Partials
from .stft import Complex, Spec, stft

Real = NDArray[np.float64]

OWN_POWER_RATIO = 8.0
FOREIGN_POWER_RATIO = 32.0
FREE_SPACING = 4.0
MERGED_SPACING = 3.0
LOBE_REACH = 8
FLOOR_REACH = 6
LOG_MEAN_TO_POWER = 1.3346
TONE_OVER_NOISE = 5.0
FREE_REACH = 2
NOISE_BAND_BINS = 16
CENTRED_HZ = 150.0
KNOT_S = 1.1
NOISE_BAND_KEY = 1 << 32


def noise_spectra(spec: Spec, seed: int, frames: int) -> Complex:
    """STFT of a white noise that begins at sample 0; expected squared magnitude 1."""
    samples = (frames - 1) * spec.hop + spec.fft_size // 2
    noise = Stream(seed, NOISE).near_gaussian(samples)
    return stft(spec, noise)[:frames] / np.sqrt(np.sum(spec.window**2))


def noise_floor(magnitudes: Real, own: Real) -> Real:
    """Root-mean-square level of the noise, from the running mean of its logarithm."""
    share = np.where(magnitudes > 0.0, 1.0 - own + 1e-3, 0.0)
    log = np.log2(np.maximum(magnitudes, 2.0**-126))
    kernel = np.ones(2 * FLOOR_REACH + 1)
    weight = np.convolve(share, kernel, mode="same")
    mean = np.convolve(share * log, kernel, mode="same") / np.maximum(weight, 1e-3)
    return np.where(magnitudes > 0.0, LOG_MEAN_TO_POWER * np.exp2(mean), 0.0)


def pan_walk(seed: int, key: int, frame: int, frames_per_knot: float) -> float:
    """Slow walk between random knots, -1 to 1."""
    stream = Stream(seed, PAN, key)
    position = frame / frames_per_knot + stream.uniform_at(0)
    knot = int(position)
    t = position - knot
    start, end = stream.bipolar_at(knot + 1), stream.bipolar_at(knot + 2)
    return start + (end - start) * t * t * (3.0 - 2.0 * t)


class F0Lock:
    """One voice; gives the spectrum of mid and side of each frame."""

    def __init__(self, spec: Spec, rate: float, seed: int, frames: int) -> None:
        """Starts before frame 0; `frames` is how many will come."""
        self.spec, self.seed = spec, seed
        self.bin_hz = rate / spec.fft_size
        self.frames_per_knot = max(KNOT_S * rate / spec.hop, 1.0)
        self.partials = Partials(spec, seed)
        self.noise = noise_spectra(spec, seed, frames)
        stream = Stream(seed, START_PHASE, 0, 1)
        signs = [stream.u32_at(k) >> 31 for k in range(spec.bins)]
        self.free = 0.25 + 0.5 * np.array(signs, dtype=np.float64)
        self.index = 0

    def _pan(self, key: int) -> float:
        return pan_walk(self.seed, key, self.index, self.frames_per_knot)

    def render(self, magnitudes: Real, pitch_hz: float, spread: float) -> tuple[Complex, Complex]:
        """Zero-phase spectra of the next frame."""
        spec = self.spec
        spacing = float(np.clip(pitch_hz / self.bin_hz, 0.25, spec.bins))
        merged = float(np.clip((FREE_SPACING - spacing) / (FREE_SPACING - MERGED_SPACING), 0.0, 1.0))
        self.partials.advance(magnitudes, spacing)

        model = np.zeros(spec.bins, dtype=np.complex128)
        power, pan_power, own = np.zeros(spec.bins), np.zeros(spec.bins), np.zeros(spec.bins)
        reach = LOBE_REACH
        for number, partial in enumerate(self.partials.active):
            nearest = int(partial.bins + 0.5)
            near = np.arange(max(nearest - reach, 0), min(nearest + reach, spec.bins - 1) + 1)
            lobe = partial.magnitude * self.partials.lobe(near - partial.bins)
            model[near] += lobe * np.exp(2j * np.pi * partial.phase)
            power[near] += np.abs(lobe) ** 2
            if spread > 0.0:
                centred = min(partial.bins * self.bin_hz / CENTRED_HZ, 1.0)
                pan = spread * centred * self._pan(number)
                pan_power[near] += pan * np.abs(lobe) ** 2
        self.partials.judge(magnitudes, power, spacing)
        for partial in self.partials.active:
            start = int(max(partial.bins - 0.5 * spacing + 1.0, 0.0))
            own[start : int(partial.bins + 0.5 * spacing + 1.0)] = partial.tonality

        room = FOREIGN_POWER_RATIO * power - magnitudes**2
        near_share = np.clip(room / ((FOREIGN_POWER_RATIO - OWN_POWER_RATIO) * power + 1e-30), 0.0, 1.0)
        own *= near_share + merged * (1.0 - near_share)

        floor = noise_floor(magnitudes, own)
        noise = self.noise[self.index] * np.sqrt(1.0 - own) * floor
        size = np.abs(model) + 1e-20
        gain = np.sqrt(own) * (magnitudes + merged * (size - magnitudes)) / size
        mid = model * gain + noise
        self._free_tones(magnitudes, floor, own, mid)
        bands = np.arange(spec.bins) // NOISE_BAND_BINS
        band_pans = np.array([self._pan(NOISE_BAND_KEY + band) for band in range(bands[-1] + 1)])
        pans = own * pan_power / (power + 1e-30) + (1.0 - own) * spread * band_pans[bands]
        self.index += 1
        return mid, mid * pans

    def _free_tones(self, magnitudes: Real, floor: Real, own: Real, mid: Complex) -> None:
        following = FREE_REACH
        for peak in range(FREE_REACH, self.spec.bins - FREE_REACH):
            left, centre, right = magnitudes[peak - 1 : peak + 2]
            if not (centre > left and centre >= right):
                continue
            if centre < TONE_OVER_NOISE * floor[peak] or own[peak] > 0.5:
                continue
            offset = float(np.clip(0.5 * (left - right) / (left - 2.0 * centre + right), -0.5, 0.5))
            turns = self.free[peak] + (peak + offset) * self.spec.hop / self.spec.fft_size
            near = np.arange(max(peak - FREE_REACH, following), peak + FREE_REACH + 1)
            self.free[near] = turns % 1.0
            mid[near] = magnitudes[near] * np.exp(2j * np.pi * turns)
            following = peak + FREE_REACH + 1
