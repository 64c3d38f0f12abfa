"""The harmonic autoencoder: its frames, and the drawing that it is trained through."""

import numpy as np
import pytest
from pitched_pack import Pack, feed, random_feed

from afterimage_models.reference.harmonic_noise import HarmonicNoise
from afterimage_models.spectrum import N_FFT, SAMPLE_RATE, note_to_hz

NO_TORCH = "no torch here; the training environment runs this"
MOST_STRETCH = 0.1  # that the plugin takes


@pytest.fixture(scope="module")
def pack() -> Pack:
    return Pack("harmonic-ae")


def sizes(manifest):
    representation = manifest["representation"]
    partials = representation["partials"]
    noise_bands = representation["bins"] - partials - 2
    return HarmonicNoise(SAMPLE_RATE, N_FFT, partials, noise_bands, representation["f_min"], representation["f_max"])


def test_frames_are_partials_and_noise(pack):
    assert pack.manifest["representation"]["kind"] == "harmonic-noise"
    assert sizes(pack.manifest).noise_bands == 64


def test_first_partial_sits_on_any_fractional_pitch(pack):
    inputs = random_feed(64, seed=3)
    frames = pack.frames(inputs).astype(np.float64)
    first_hz = frames[:, 0] * np.sqrt(1.0 + frames[:, 1])
    cents = 1200.0 * np.log2(first_hz / note_to_hz(inputs["pitch"][:, 0]))
    assert np.max(np.abs(cents)) < 0.1


def test_strings_are_stiff_within_what_the_plugin_takes(pack):
    stretch = pack.frames(random_feed(256, seed=4))[:, 1]
    assert stretch.min() >= 0.0
    assert stretch.max() <= MOST_STRETCH


def test_a_frame_drawn_by_the_reference_peaks_at_the_note(pack):
    frame = pack.frames(feed(pack.preset("Amber String"), 69.0))[0].astype(np.float64)
    levels = np.where(frame[2:] < -90.0, 0.0, 10.0 ** (frame[2:] / 20.0))
    magnitudes = sizes(pack.manifest).render(levels, frame[0], frame[1])
    place = 440.0 * N_FFT / SAMPLE_RATE
    near = magnitudes[round(place) - 8 : round(place) + 9]
    assert abs(int(np.argmax(near)) + round(place) - 8 - place) <= 0.5


def drawn_difference_db(shift_bins: float) -> float:
    """Largest difference of the drawing to the reference's above -80 dB, the latter's note moved off."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from afterimage_models.harmonic_ae.draw import draw_db
    from afterimage_models.harmonic_ae.network import NOISE_BANDS, PARTIALS, SIZES, noise_shares

    rng = np.random.default_rng(5)
    pitch, stretch = 57.3, 2e-4
    partial_db = -20.0 - 40.0 * rng.random(PARTIALS + 2)
    noise = 10.0 ** (-60.0 / 20.0) * np.ones(NOISE_BANDS)
    spread = torch.tensor(noise**2, dtype=torch.float32) @ torch.from_numpy(noise_shares())
    row = torch.tensor([[pitch, stretch]])
    bins = torch.arange(N_FFT // 2 + 1, dtype=torch.float32)
    ours = draw_db(bins, row[:, :1], torch.tensor(partial_db, dtype=torch.float32)[None], spread, row[:, 1:])[0].numpy()
    hz = (float(note_to_hz(pitch)) + shift_bins * SAMPLE_RATE / N_FFT) / np.sqrt(1.0 + stretch)
    levels = np.concatenate([10.0 ** (partial_db[1:-1] / 20.0), noise])
    theirs = 20.0 * np.log10(SIZES.render(levels, hz, stretch) + 1e-9)
    return float(np.max(np.abs(ours - theirs)[theirs > -80.0]))


def test_what_is_trained_is_what_the_plugin_draws():
    assert drawn_difference_db(0.0) < 0.05


def test_a_partial_off_its_place_is_caught():
    assert drawn_difference_db(0.05) > 1.0


def test_a_step_that_the_model_lacks_is_one_sentence():
    pytest.importorskip("torch", reason=NO_TORCH)
    from afterimage_models.__main__ import parser

    arguments = parser().parse_args(["correct", "harmonic-ae"])
    with pytest.raises(ValueError, match="harmonic-ae has no step 'correct': its steps are data, train, export"):
        arguments.run(arguments)
