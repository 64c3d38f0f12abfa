"""Measures of single hits: how sharp they are, how their bands burst, what is heard before them."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from ..spectrum import SAMPLE_RATE
from .timing import envelope

CREST_S = 0.4
BANDS_HZ = ((60.0, 250.0), (250.0, 1000.0), (1000.0, 4000.0), (4000.0, 16_000.0))
ATTACK_FROM, ATTACK_TO = 0.1, 0.9


def crest_factor_db(audio: np.ndarray) -> float:
    """Peak over root mean square of the first CREST_S seconds of a hit [samples], in dB."""
    part = audio[: int(CREST_S * SAMPLE_RATE)].astype(np.float64)
    return float(20.0 * np.log10((np.max(np.abs(part)) + 1e-12) / (np.sqrt(np.mean(part**2)) + 1e-12)))


def band_kurtosis(audio: np.ndarray) -> float:
    """Mean over BANDS_HZ of the kurtosis of a hit's band envelopes (3 is a normal distribution's).

    Source: McDermott, Simoncelli 2011, "Sound texture perception via statistics of the auditory periphery".
    """
    values = []
    for band in BANDS_HZ:
        curve = envelope(sosfilt(butter(2, band, "band", fs=SAMPLE_RATE, output="sos"), audio))
        centred = curve - curve.mean()
        values.append(np.mean(centred**4) / (np.mean(centred**2) ** 2 + 1e-30))
    return float(np.mean(values))


def attack_ms(audio: np.ndarray) -> float:
    """Milliseconds from 10 % to 90 % of the peak of the running maximum of a hit [samples]."""
    risen = np.maximum.accumulate(np.abs(audio))
    places = np.searchsorted(risen, np.array([ATTACK_FROM, ATTACK_TO]) * risen[-1])
    return float(1000.0 * (places[1] - places[0]) / SAMPLE_RATE)
