"""The NumPy reference judged by properties, and the golden files it writes."""

from pathlib import Path

import numpy as np
import pytest

from afterimage_models.reference import golden, scales
from afterimage_models.reference.counter_rng import NOISE, START_PHASE, Stream
from afterimage_models.reference.f0_lock import F0Lock
from afterimage_models.reference.pghi import consistent, pghi_fgla, pghi_sgla
from afterimage_models.reference.rtpghi import delay_windows, deviation_bins, projected, rtpghi
from afterimage_models.reference.spsi import spsi
from afterimage_models.reference.stft import Spec, hann_transform, istft, stft

GOLDEN = Path(__file__).parents[2] / "plugin" / "crates" / "spectral" / "tests" / "golden"
SPEC = Spec(256, 32)


def convergence_db(frames: np.ndarray, sound: np.ndarray) -> float:
    got = np.abs(stft(SPEC, sound))
    rows = slice(8, min(len(frames), len(got)) - 8)
    return float(20.0 * np.log10(np.linalg.norm(frames[rows] - got[rows]) / np.linalg.norm(frames[rows])))


def inverted(frames: np.ndarray, turns: np.ndarray) -> np.ndarray:
    kept = (len(turns) - 8) * SPEC.hop
    return istft(SPEC, frames[: len(turns)] * np.exp(2j * np.pi * turns), kept)


@pytest.mark.parametrize("spec", [Spec(256, 64), Spec(256, 32), Spec(512, 64), Spec(96, 16)])
def test_istft_of_stft_is_identity_first_hop_included(spec: Spec) -> None:
    sound = Stream(3, NOISE).near_gaussian(4000)
    back = istft(spec, stft(spec, sound), 3000)
    assert np.max(np.abs(back - sound[:3000])) < 1e-12


def test_a_sinusoid_has_the_phase_of_its_value_at_the_centre() -> None:
    turns = 20.3 / 256
    sound = np.cos(2 * np.pi * (turns * np.arange(2000) + 0.1))
    frame = stft(SPEC, sound)[20]
    expected = 2 * np.pi * (turns * 20 * SPEC.hop + 0.1)
    assert np.max(np.abs(np.angle(frame[19:22] * np.exp(-1j * expected)))) < 1e-3
    lobe = np.abs(frame[18:23]) / np.sum(SPEC.window) * 2
    assert np.max(np.abs(lobe - np.abs(hann_transform(np.arange(18, 23) - 20.3)))) < 1e-3


def test_splitmix_matches_its_published_first_value() -> None:
    # First output of SplitMix64 seeded with 0, as in the reference implementation by Vigna.
    from afterimage_models.reference.counter_rng import GAMMA, mix

    assert mix(GAMMA) == 0xE220A8397B1DCDAF


def test_random_values_have_their_moments() -> None:
    stream = Stream(1, START_PHASE)
    gaussian = np.array([stream.gaussian_at(n) for n in range(20_000)])
    assert abs(gaussian.mean()) < 0.03
    assert abs(gaussian.std() - 1.0) < 0.03
    assert abs(stream.near_gaussian(20_000).std() - 1.0) < 0.02


def test_scales_return_their_magnitudes() -> None:
    magnitudes = np.logspace(-4, 3, 50)
    for unit in ("db", "ln"):
        values = scales.magnitudes_to_log(magnitudes, unit, 512.0, -1000.0)
        assert np.allclose(scales.log_to_magnitudes(values, unit, 512.0, -1000.0), magnitudes)
    assert scales.log_to_magnitudes(np.array([-91.0]), "db", 512.0, -90.0)[0] == 0.0
    assert scales.magnitudes_to_log(np.array([0.0]), "db", 512.0, -100.0)[0] == -100.0


def test_a_projection_between_neighbours_is_ahead_of_lookahead_alone() -> None:
    frames = np.abs(stft(SPEC, golden.clip(3000)))
    alone, between = (
        convergence_db(frames, inverted(frames, f)) for f in (rtpghi(SPEC, frames, 1, True), projected(SPEC, frames, 1))
    )
    assert between < alone - 1.0


def test_sweeps_are_ahead_of_fast_griffin_lim() -> None:
    frames = np.abs(stft(SPEC, golden.clip(2000)))
    kept = (len(frames) - 8) * SPEC.hop
    fast, sweeps = (convergence_db(frames, istft(SPEC, f(SPEC, frames, 16, 1), kept)) for f in (pghi_fgla, pghi_sgla))
    assert sweeps < fast - 0.2


def test_rtpghi_is_ahead_of_spsi_with_and_without_lookahead() -> None:
    frames = np.abs(stft(SPEC, golden.clip(6000)))
    got = [
        convergence_db(frames, inverted(frames, turns))
        for turns in (spsi(SPEC, frames, 1), rtpghi(SPEC, frames, 1, False), rtpghi(SPEC, frames, 1, True))
    ]
    assert got[1] < got[0] - 3.0
    assert got[2] < got[0] - 3.0


def test_f0_lock_returns_a_string_at_its_frequencies() -> None:
    past = 4 * SPEC.fft_size
    sound = golden.partial_sum(587.0, 6e-4, 8000 + past, -past)
    frames = np.abs(stft(SPEC, sound))[past // SPEC.hop :]
    voice = F0Lock(SPEC, golden.RATE, 1, len(frames))
    spectra = np.array([voice.render(frame, 587.0, 0.0)[0] for frame in frames])
    back = istft(SPEC, spectra, (len(frames) - 8) * SPEC.hop)
    assert convergence_db(frames, back) < -25.0


def test_committed_goldens_are_what_this_code_makes() -> None:
    assert golden.check(GOLDEN) == []


def test_a_changed_golden_is_noticed(tmp_path: Path) -> None:
    golden.write(tmp_path)
    assert golden.main(["--check", str(tmp_path)]) == 0
    path = tmp_path / "stft_sound.npy"
    changed = np.load(path)
    changed[5] += 1e-3
    np.save(path, changed)
    (tmp_path / "rng_bits.npy").unlink()
    problems = golden.check(tmp_path)
    assert len(problems) == 2 and any("stft_sound" in problem for problem in problems)
    assert golden.main(["--check", str(tmp_path)]) == 1


def test_the_gradient_along_frequency_is_exact_for_a_sinusoid_between_bins() -> None:
    for offset in np.linspace(-0.9, 0.9, 13):
        lobe = np.abs(hann_transform(np.arange(60) - 30.0 - offset))
        assert abs(deviation_bins(lobe, 1e-20)[30] - offset) < 1e-9


def test_the_gradient_along_time_is_exact_for_a_click_beside_the_centre() -> None:
    for windows in np.linspace(-0.4, 0.4, 9):
        slope = 2.0 * np.pi * SPEC.hop / SPEC.fft_size * np.tan(np.pi * windows)
        assert abs(delay_windows(SPEC, slope) - windows) < 1e-12


def test_spectra_of_a_sound_are_consistent_and_iterations_bring_others_nearer() -> None:
    sound = golden.clip(2000)
    spectra = stft(SPEC, sound)
    assert np.max(np.abs(consistent(SPEC, spectra) - spectra)) < 1e-9 * np.max(np.abs(spectra))
    frames = np.abs(spectra)

    def inconsistency(iterations: int) -> float:
        made = pghi_fgla(SPEC, frames, iterations, 1)
        return float(np.linalg.norm(consistent(SPEC, made) - made) / np.linalg.norm(made))

    assert inconsistency(8) < 0.5 * inconsistency(0)
