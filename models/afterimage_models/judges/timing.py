"""Measures of time: attack, decay, modulation, pre-onset energy, steadiness of pitch."""

from __future__ import annotations

import numpy as np

from ..spectrum import SAMPLE_RATE, note_to_hz

STEP = 96  # 2 ms
ATTACK_FROM, ATTACK_TO = 0.1, 0.9
MODULATION_HZ = (2.0, 150.0)


def envelope(audio: np.ndarray) -> np.ndarray:
    """RMS envelope [n] at 500 Hz, over windows of 4 ms."""
    power = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])
    starts = np.arange(0, max(len(audio) - 2 * STEP, 1), STEP)
    stops = np.minimum(starts + 2 * STEP, len(audio))
    return np.sqrt(np.maximum(power[stops] - power[starts], 0.0) / (2 * STEP))


def smooth_envelope(audio: np.ndarray, note: float) -> np.ndarray:
    """Envelope averaged over at least two periods of the fundamental, so that the wave itself does not count."""
    periods = max(3, int(np.ceil(2.0 * SAMPLE_RATE / float(note_to_hz(note)) / STEP)))
    return np.convolve(envelope(audio), np.ones(periods) / periods, mode="same")


def log_attack_time(audio: np.ndarray, note: float, hold_s: float) -> float:
    """log10 of the seconds from 10 % to 90 % of the maximum of the held part; at least one step."""
    curve = smooth_envelope(audio[: int(hold_s * SAMPLE_RATE)], note)
    top = curve.max()
    first = int(np.argmax(curve >= ATTACK_TO * top))
    start = int(np.argmax(curve >= ATTACK_FROM * top))
    return float(np.log10(max(first - start, 1) * STEP / SAMPLE_RATE))


def decay_slope_db_s(audio: np.ndarray, note: float, hold_s: float) -> float:
    """Slope in dB/s of the envelope from 0.15 s to the end of the hold."""
    curve = smooth_envelope(audio[: int(hold_s * SAMPLE_RATE)], note)
    part = 20.0 * np.log10(curve[int(0.15 * SAMPLE_RATE / STEP) : -8] + 1e-6)
    if len(part) < 16:
        return float("nan")
    return float(np.polyfit(np.arange(len(part)) * STEP / SAMPLE_RATE, part, 1)[0])


def modulation_db(audio: np.ndarray, note: float, hold_s: float) -> float:
    """Standard deviation in dB of the envelope's movement between 2 and 150 Hz, from 0.2 s to the hold's end."""
    curve = smooth_envelope(audio[: int(hold_s * SAMPLE_RATE)], note)
    level = 20.0 * np.log10(curve[int(0.2 * SAMPLE_RATE / STEP) : -8] + 1e-6)
    if len(level) < 64:
        return float("nan")
    trend = np.polyval(np.polyfit(np.arange(len(level)), level, 3), np.arange(len(level)))
    spectrum = np.fft.rfft(level - trend)
    hz = np.fft.rfftfreq(len(level), STEP / SAMPLE_RATE)
    spectrum[(hz < MODULATION_HZ[0]) | (hz > MODULATION_HZ[1])] = 0.0
    return float(np.std(np.fft.irfft(spectrum, len(level))))


def before_onset_db(lead_in: np.ndarray, audio: np.ndarray) -> float:
    """Peak of the samples before note-on relative to the note's peak, in dB; -120 for silence."""
    before = float(np.max(np.abs(lead_in))) if len(lead_in) else 0.0
    return max(20.0 * np.log10(before / (float(np.max(np.abs(audio))) + 1e-12) + 1e-12), -120.0)


def pitch_jitter_cents(audio: np.ndarray, note: float, hold_s: float) -> float:
    """Standard deviation in cents of the fundamental's frequency over 21 ms steps, slow drift removed.

    From the phase advance of a narrow band around the fundamental.
    """
    hz = float(note_to_hz(note))
    part = audio[int(0.15 * SAMPLE_RATE) : int((hold_s - 0.05) * SAMPLE_RATE)]
    if len(part) < 16_384:
        return float("nan")
    carrier = part * np.exp(-2j * np.pi * hz * np.arange(len(part)) / SAMPLE_RATE)
    size = int(max(2048, 4 * SAMPLE_RATE / hz))
    window = np.hanning(size)
    baseband = np.convolve(carrier, window / window.sum(), mode="valid")[::1024]
    advance = np.angle(baseband[1:] * np.conj(baseband[:-1]))
    cents = 1200.0 / np.log(2.0) * advance * SAMPLE_RATE / 1024 / (2 * np.pi * hz)
    if len(cents) < 6:
        return float("nan")
    trend = np.polyval(np.polyfit(np.arange(len(cents)), cents, 2), np.arange(len(cents)))
    return float(np.std(cents - trend))
