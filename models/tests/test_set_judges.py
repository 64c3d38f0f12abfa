"""The judges of sets and of single hits find what they are for, and only that."""

import numpy as np

from afterimage_models.judges import percussion, sets
from afterimage_models.spectrum import SAMPLE_RATE

SIZE = 16


def cloud(seed: int, count: int = 120, shift: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return shift + spread * np.random.default_rng(seed).standard_normal((count, SIZE))


def test_kernel_distance_of_one_law_is_about_zero_and_of_two_is_not():
    same, moved = sets.kernel_distance(cloud(1), cloud(2)), sets.kernel_distance(cloud(1), cloud(2, shift=0.7))
    assert same.low < 0.0 < same.high
    assert moved.low > same.high


def test_kernel_distance_is_unbiased_in_the_number_of_sounds():
    few = [sets.kernel_distance(cloud(i, 12), cloud(100 + i, 12)).value for i in range(60)]
    assert abs(np.mean(few)) < 3.0 * np.std(few) / np.sqrt(len(few))


def test_recall_sees_what_is_missing_and_precision_what_is_foreign():
    real = np.concatenate([cloud(1, 60), cloud(2, 60, shift=6.0)])
    half = cloud(3, 120)
    assert sets.covered(real, half)[:60].mean() > 0.7
    assert sets.covered(real, half)[60:].mean() == 0.0
    assert sets.covered(half, real).mean() > 0.7
    assert sets.covered(cloud(4, shift=20.0), real).mean() == 0.0


def test_copies_are_caught_and_new_points_are_not():
    training, held_out = cloud(1), cloud(2)
    assert sets.copy_share(training + 1e-3, held_out, training) == 1.0
    assert sets.copy_share(cloud(3), held_out, training) < 0.1


def test_separability_is_chance_for_one_law():
    assert abs(sets.separability(cloud(1), cloud(2)) - 0.5) < 0.12
    assert sets.separability(cloud(1), cloud(2, shift=1.0)) > 0.95


def test_a_smeared_hit_has_a_lower_crest_and_a_longer_attack():
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    sharp = noise * np.exp(-60.0 * seconds)
    smeared = noise * np.exp(-60.0 * np.abs(seconds - 0.03))
    assert percussion.crest_factor_db(sharp) > percussion.crest_factor_db(smeared)
    assert percussion.attack_ms(sharp) < 5.0 < percussion.attack_ms(smeared)


def test_bursts_have_a_higher_kurtosis_than_a_steady_noise():
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    assert percussion.band_kurtosis(noise * np.exp(-30.0 * seconds)) > 3.0 * percussion.band_kurtosis(noise)
