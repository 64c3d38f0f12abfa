"""The NumPy reference of representations: against librosa, against torchaudio where it is there, by properties."""

import itertools

import librosa
import numpy as np
import pytest

from afterimage_models.reference import bands, golden, scales
from afterimage_models.reference.counter_rng import NOISE, Stream
from afterimage_models.reference.harmonic_noise import HarmonicNoise
from afterimage_models.reference.stft import Spec, stft

SCALES = ["slaney", "htk"]
NORMS = ["slaney", "none"]
MEL_CASES = [
    (22_050, 2048, 128, 0.0, 11_025.0),
    (16_000, 400, 128, 0.0, 8_000.0),
    (44_100, 1024, 80, 30.0, 16_000.0),
    (48_000, 4096, 229, 20.0, 20_000.0),
]


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("case", MEL_CASES)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("norm", NORMS)
def test_mel_banks_are_librosas(case: tuple, scale: str, norm: str) -> None:
    rate, fft_size, count, low, high = case
    theirs = librosa.filters.mel(
        sr=rate, n_fft=fft_size, n_mels=count, fmin=low, fmax=high, htk=scale == "htk",
        norm="slaney" if norm == "slaney" else None, dtype=np.float64,
    )  # fmt: skip
    ours = bands.mel_bank(rate, fft_size, count, low, high, scale, norm)
    assert np.max(np.abs(ours - theirs)) < 1e-9 * np.max(theirs)


@pytest.mark.filterwarnings("ignore:At least one mel filterbank")
def test_mel_banks_are_torchaudios(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="no torch here; the training environment runs this")
    # torchaudio will not be imported beside a torch of another CUDA; none is used here.
    monkeypatch.setattr(torch.version, "cuda", None)
    functional = pytest.importorskip("torchaudio.functional", reason="no torchaudio beside this torch")
    for (rate, fft_size, count, low, high), scale, norm in itertools.product(MEL_CASES, SCALES, NORMS):
        arguments = (fft_size // 2 + 1, low, high, count, rate, None if norm == "none" else norm, scale)
        theirs = functional.melscale_fbanks(*arguments).numpy().T
        ours = bands.mel_bank(rate, fft_size, count, low, high, scale, norm)
        # torchaudio computes in single precision.
        assert np.max(np.abs(ours - theirs)) < 5e-5 * np.max(ours)


def test_the_defaults_of_librosas_melspectrogram_are_the_preset() -> None:
    sound = 0.3 * Stream(5, NOISE).near_gaussian(22_050)
    theirs = librosa.feature.melspectrogram(y=sound, sr=22_050).T
    frames = np.abs(stft(Spec(2048, 512), sound)) ** 2
    ours = frames @ bands.mel_bank(22_050, 2048, 128, 0.0, 11_025.0, "slaney", "slaney").T
    assert theirs.shape == ours.shape
    assert np.max(np.abs(ours - theirs)) < 1e-5 * np.max(theirs)


def test_log_frequency_bands_are_means_around_their_centres() -> None:
    bank = bands.log_frequency_bank(44_100, 2048, 433, 43.07, 22_050.0)
    assert np.allclose(bank.sum(axis=1), 1.0)
    hz = bands.bin_frequencies(44_100, 2048)
    centre = 43.07 * (22_050.0 / 43.07) ** (np.arange(433) / 432)
    inner = slice(1, 420)  # the last triangles are cut at half the rate
    assert np.max(np.abs(bank @ hz - centre)[inner] / centre[inner]) < 0.02


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("name", ["mel_slaney", "mel_htk", "log"])
def test_a_smooth_spectrum_survives_bands(name: str, power: int) -> None:
    bank = golden.BANKS[name]()
    inverse = bands.BandInverse(bank, power)
    bins = np.arange(bank.shape[1])
    smooth = 2.0 + np.cos(bins / 30.0)
    for steps, allowed in [(0, 0.02), (10, 0.02)]:
        back = inverse.apply(smooth**power @ bank.T, steps)
        inner = slice(inverse.span.start + 6, int(bank[-3].argmax()))  # the last bands have no neighbour to lean on
        assert np.max(np.abs(back / smooth - 1.0)[inner]) < allowed


@pytest.mark.parametrize("law", ["linear", "db", "ln", "log1p"])
@pytest.mark.parametrize("power", [1, 2])
def test_scales_of_quantities_return(law: scales.Law, power: int) -> None:
    quantity = np.logspace(-6, 4, 60) ** power
    values = scales.quantity_to_values(quantity, law, power, -1e9)
    assert np.allclose(scales.values_to_quantity(values, law, power, -1e9), quantity, rtol=1e-9)
    assert np.all(scales.values_to_quantity(np.array([-50.0]), law, power, -49.0) == 0.0)


def test_partials_and_noise_are_found_where_they_were_drawn() -> None:
    model = HarmonicNoise(16_000, 512, 12, 8, 0.0, 8000.0)
    levels = np.concatenate([1.0 / np.arange(1, 13), np.full(8, 1e-4)])
    again = model.estimate(model.render(levels, 500.0, 1e-4), 500.0, 1e-4)
    assert np.max(np.abs(again[:12] / levels[:12] - 1.0)) < 0.02
    assert np.all(model.render(np.zeros(20), 500.0, 0.0) == 0.0)
