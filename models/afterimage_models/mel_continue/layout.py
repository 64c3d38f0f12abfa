"""Sizes and units that the net, its graphs and its manifest share."""

SAMPLE_RATE, N_FFT, HOP, BANDS = 22050, 1024, 256, 128
F_MIN, F_MAX = 0.0, SAMPLE_RATE / 2
MEL_SCALE, MEL_NORM = "slaney", "none"
REFERENCE = N_FFT / 4  # STFT magnitude of a sine of full scale under the Hann window
FLOOR_DB, CEILING_DB = -80.0, 6.0
STEP_DB = 0.5  # likelihoods are those of values rounded to this grid: finite also where many frames are silent
MIDDLE_DB, UNIT_DB = -40.0, 20.0  # a net sees (value - middle) / unit

TIERS = 8
TIER_BANDS = BANDS // TIERS
ORDER = (0, 4, 2, 6, 1, 3, 5, 7)
"""Tier k draws the bands ORDER[k], ORDER[k] + 8, ...: coarse ones first, then those between."""

STATE, MEANS_STATE = "state.h", "state.means"
MEANS_WIDTH = 2 * (BANDS + 2)  # a slow and a quick running mean of each band and of the level, and their weights
UNIFORMS = TIERS * (1 + TIER_BANDS)  # a component and then its bands, tier after tier
PRIME_FRAMES = 16
