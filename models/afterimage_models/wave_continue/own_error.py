"""What a net's errors have become by the time it hears them: noise of the level that the taps miss, coloured by them.

In playing each sample is the taps' prediction and a draw; what is wrong in a draw rings on in the samples after it, in
the colours of the sound. Scheduled sampling (Bengio et al. 2015) shows a net such pasts by running it; sample by sample
that is out of reach, so they are made of noise by the very filter that the run would be. Without torch.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

BLOCK = 64  # samples that one row of taps holds for
FADING = 0.999  # of a tap by the next: what is wrong is heard for some 60 ms
LOUDEST = 0.5  # of the sound's own root mean square


def wandering(  # fmt: skip
    taps: np.ndarray, whitening: np.ndarray, missed: np.ndarray, gain: float, rng: np.random.Generator
) -> np.ndarray:
    """[samples] to be added to a sound. `taps`: [blocks, count], newest first, those in force in each block.

    `whitening`: [count] of the fixed taps; `missed`: [samples] that the taps missed of the sound, a multiple of
    `BLOCK`; `gain`: of the noise beside the level of those in each block.
    """
    level = np.sqrt(np.mean(missed.reshape(-1, BLOCK) ** 2, 1))
    fresh = rng.standard_normal(missed.shape).reshape(-1, BLOCK) * (gain * level[:, None])
    fade = FADING ** np.arange(1, taps.shape[1] + 1)
    ringing, made = np.zeros(taps.shape[1]), np.empty_like(fresh)
    for block, row in enumerate(taps):
        # The filter is transposed: what rings keeps the taps that it began with.
        made[block], ringing = lfilter([1.0], np.concatenate([[1.0], -row * fade]), fresh[block], zi=ringing)
    return lfilter([1.0], np.concatenate([[1.0], -whitening]), made.reshape(-1))


def no_louder(wandered: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """The same [samples], at most `LOUDEST` times as loud as `sound`."""
    power, most = np.mean(wandered**2), LOUDEST**2 * np.mean(sound**2)
    return wandered * min(1.0, float(np.sqrt(most / max(power, 1e-20))))
