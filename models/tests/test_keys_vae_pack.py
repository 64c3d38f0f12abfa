"""The shipped keys VAE: what its graph does beyond what all packs of pitched notes do."""

import numpy as np
import pytest
from pitched_pack import Pack, feed

from afterimage_models.spectrum import BINS, N_FFT, SAMPLE_RATE, note_to_hz


@pytest.fixture(scope="module")
def pack() -> Pack:
    return Pack("keys-vae")


def test_frames_are_the_bins(pack):
    assert pack.manifest["representation"]["kind"] == "log-amplitude"
    assert pack.manifest["representation"]["bins"] == BINS


@pytest.mark.parametrize("pitch", [45.0, 57.31, 60.0, 69.5, 83.27])
def test_first_partial_sits_on_any_fractional_pitch(pack, pitch):
    frame = pack.frames(feed(pack.preset("First Light"), pitch))[0]
    place = float(note_to_hz(pitch)) * N_FFT / SAMPLE_RATE
    top = round(place) + int(np.argmax(frame[round(place) - 1 : round(place) + 2])) - 1
    a, b, c = frame[top - 1 : top + 2]
    found = top + 0.5 * (a - c) / (a - 2 * b + c)
    # A parabola through a Hann lobe in dB errs by up to 0.02 bins.
    assert abs(found - place) < 0.06, (found, place)
