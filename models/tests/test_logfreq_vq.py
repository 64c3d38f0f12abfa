"""The log-frequency VQ-VAE: its codes, its two graphs, and the bands that it is trained on."""

import numpy as np
import pytest
from pitched_pack import Pack, feed, session

from afterimage_models.reference.bands import BandInverse, log_frequency_bank
from afterimage_models.spectrum import N_FFT, SAMPLE_RATE, note_to_hz

NO_TORCH = "no torch here; the training environment runs this"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return Pack("logfreq-vq")


@pytest.fixture(scope="module")
def encoder(pack):
    return session(pack.folder / pack.manifest["graphs"]["encode"]["file"])


def silence_and_tone(encoder):
    """Encoder inputs of two made-up notes: steady partials on the note, and almost nothing."""
    shape = encoder.get_inputs()[0].shape
    frames = np.full((2, shape[1], shape[2]), -100.0, np.float32)
    frames[0, :, 100:300:9] = -30.0
    frames[1, :, 120] = -85.0
    return {
        "frame": frames, "pitch": np.array([[60.0], [72.0]], np.float32), "velocity": np.full((2, 1), 0.8, np.float32),
    }  # fmt: skip


def test_there_are_48_bands_an_octave(pack):
    representation = pack.manifest["representation"]
    assert representation["kind"] == "log-frequency"
    octaves = np.log2(representation["f_max"] / representation["f_min"])
    assert abs((representation["bins"] - 1) / octaves - 48.0) < 1e-3


def test_knobs_move_in_steps(pack):
    knobs = np.repeat(np.atleast_2d(pack.preset(pack.manifest["play"]["default_preset"])), 2000, axis=0)
    knobs[:, 0] = np.linspace(-3.0, 3.0, 2000)
    jumps = np.abs(np.diff(pack.frames(feed(knobs, 60.0)), axis=0)).max(1)
    # Between codes only the leveller moves; a code that changes moves a level by decibels.
    assert np.mean(jumps < 0.1) > 0.9
    assert np.sum(jumps > 1.0) >= 3


def test_a_pack_without_codes_glides():
    keys = Pack("keys-vae")
    knobs = np.repeat(np.atleast_2d(keys.preset("First Light")), 2000, axis=0)
    knobs[:, 0] = np.linspace(-3.0, 3.0, 2000)
    levels = np.maximum(keys.frames(feed(knobs, 60.0)), -80.0)
    assert np.abs(np.diff(levels, axis=0)).max() < 1.0


def test_encoded_knobs_choose_the_codes_again(pack, encoder):
    knobs, tokens = encoder.run(["latent", "token"], silence_and_tone(encoder))
    assert tokens.min() >= 0
    assert tokens.max() < 64
    assert np.any(tokens[0] != tokens[1])
    # Knobs stand on codes: a small move changes none, so the frame does not jump.
    still = pack.frames(feed(knobs, 60.0))
    moved = pack.frames(feed(knobs + 1e-4, 60.0))
    assert np.max(np.abs(still - moved)) < 0.05


def test_encoder_takes_any_batch(encoder):
    inputs = silence_and_tone(encoder)
    both = encoder.run(["token"], inputs)[0]
    for row in range(2):
        alone = encoder.run(["token"], {name: value[row : row + 1] for name, value in inputs.items()})[0]
        assert np.array_equal(alone[0], both[row])


@pytest.mark.parametrize("pitch", [45.0, 57.31, 69.5, 83.27])
def test_first_partial_sits_on_any_fractional_pitch(pack, pitch):
    representation = pack.manifest["representation"]
    bank = log_frequency_bank(
        SAMPLE_RATE, N_FFT, representation["bins"], representation["f_min"], representation["f_max"]
    )
    frame = pack.frames(feed(pack.preset("Stepping Stone"), pitch))[0].astype(np.float64)
    bands = np.where(frame < -90.0, 0.0, 10.0 ** (frame / 20.0))
    bins = 20.0 * np.log10(BandInverse(bank, 1).apply(bands, 2) + 1e-9)
    place = float(note_to_hz(pitch)) * N_FFT / SAMPLE_RATE
    top = round(place) + int(np.argmax(bins[round(place) - 1 : round(place) + 2])) - 1
    a, b, c = bins[top - 1 : top + 2]
    assert abs(top + 0.5 * (a - c) / (a - 2 * b + c) - place) < 0.12


def test_codes_follow_what_chooses_them_and_dead_ones_come_back():
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from afterimage_models.logfreq_vq.quantiser import GROUPS, Quantiser, use

    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    quantiser = Quantiser()
    far = 40.0 + 0.1 * torch.randn(4096, 16)  # no code of the start lies anywhere near
    before = use(quantiser.tokens(far))[0]
    for step in range(400):
        quantiser.learn(far[128 * (step % 32) :][:128], generator)
    share, perplexity = use(quantiser.tokens(far))
    assert before < 0.1
    assert share > 0.8
    assert perplexity > 20.0
    assert float((quantiser(far) - far).abs().mean()) < 0.1
    assert quantiser.tokens(far).shape == (4096, GROUPS)


def test_bands_of_a_comb_are_those_of_the_bank():
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from afterimage_models.logfreq_vq.bands import bank, combs, to_bands_db

    rng = np.random.default_rng(6)
    bins_db = -50.0 * rng.random(N_FFT // 2 + 1)
    whole = 20.0 * np.log10(bank() @ 10.0 ** (bins_db / 20.0))
    seen = np.zeros(len(whole), int)
    for comb in combs():
        part = to_bands_db(torch.tensor(bins_db, dtype=torch.float32)[comb.bins][None], comb.matrix)[0].numpy()
        assert np.max(np.abs(part - whole[comb.bands])) < 0.02
        seen[comb.bands] += 1
    assert seen.min() >= 1
