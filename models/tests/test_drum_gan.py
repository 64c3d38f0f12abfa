"""The drum GAN's parts that need no torch: key map, frames, preparation, variation, noisiness, scale, score."""

import numpy as np
import pytest

from afterimage_models.drum_gan import kit, variation
from afterimage_models.drum_gan.descriptors import NAMES, fit_scale, length
from afterimage_models.drum_gan.frames import (
    BINS,
    FRAMES,
    KNOTS,
    LENGTH,
    between_knots,
    hit_frames,
    pack_frames,
    unpack_frames,
)
from afterimage_models.drum_gan.grain import STD_DB, grain_table
from afterimage_models.drum_gan.hit_score import LEAD_IN_S, SLOT_S, HitScore, cut
from afterimage_models.drum_gan.noisiness import noisiness
from afterimage_models.drum_gan.preparation import TARGET_LUFS, Hit, distinct, normalise, split
from afterimage_models.drum_gan.preparation import cut as cut_recording
from afterimage_models.drum_gan.variation import NODES_HZ, minimum_phase, vary
from afterimage_models.loudness import max_momentary_lufs
from afterimage_models.spectrum import SAMPLE_RATE

SECONDS = np.arange(LENGTH) / SAMPLE_RATE


def burst(seed: int, decay: float = 20.0) -> np.ndarray:
    """A falling noise at the training set's loudness."""
    return normalise(np.random.default_rng(seed).standard_normal(LENGTH) * np.exp(-decay * SECONDS))


def tone(hz: float) -> np.ndarray:
    return normalise(np.sin(2.0 * np.pi * hz * SECONDS) * np.exp(-10.0 * SECONDS))


def test_every_key_plays_one_class_and_hats_choke_each_other():
    keys = [row["key"] for row in kit.hits()]
    assert len(keys) == len(set(keys))
    assert {row["label"] for row in kit.hits()} == set(kit.LABELS)
    choked = {row["key"] for row in kit.hits() if row["choke_group"] == kit.HAT_GROUP}
    assert choked == {42, 44, 46}
    assert kit.label_of_key(36) == 0 and kit.label_of_key(71) is None


def test_lines_between_knots_pass_through_the_knots():
    levels = np.random.default_rng(0).normal(size=(len(KNOTS), 3))
    drawn = between_knots() @ levels
    assert drawn.shape == (FRAMES, 3)
    assert np.allclose(drawn[KNOTS], levels, atol=1e-5)
    assert np.all(drawn.max(0) <= levels.max(0) + 1e-5)


def test_stored_levels_come_back_within_half_a_step():
    frames = hit_frames(burst(1))
    assert np.abs(unpack_frames(pack_frames(frames)) - np.clip(frames, -100.0, 27.5)).max() <= 0.25 + 1e-5


def test_a_recording_is_cut_to_just_before_its_onset():
    late = np.concatenate([np.zeros(5000), burst(2)])
    assert np.flatnonzero(np.abs(cut_recording(late)) > 0.01)[0] < 0.0012 * SAMPLE_RATE
    assert abs(max_momentary_lufs(normalise(cut_recording(late))) - TARGET_LUFS) < 0.01
    assert normalise(np.zeros(LENGTH)) is None


def test_repeats_are_dropped_and_other_sounds_are_kept():
    hits = [
        Hit(burst(1), 0, "a"),
        Hit(0.999 * burst(1), 0, "again"),
        Hit(tone(200.0), 0, "tone"),
        Hit(burst(1), 1, "b"),
    ]
    assert [hit.source for hit in distinct(hits)] == ["a", "tone", "b"]


def test_related_hits_are_held_out_together():
    hits = [
        Hit(tone(60.0 * 1.3**family) + 1e-3 * copy * burst(copy), 0, str(family))
        for family in range(8)
        for copy in range(2)
    ]
    sides = {}
    for hit in split(hits):
        sides.setdefault(hit.source, set()).add(hit.held_out)
    assert all(len(side) == 1 for side in sides.values())
    assert {held for side in sides.values() for held in side} == {True, False}


def test_colour_does_not_ring_before_the_onset():
    curve = np.random.default_rng(3).normal(0.0, 6.0, len(NODES_HZ))
    taps = minimum_phase(curve)
    power = np.cumsum(taps**2) / np.sum(taps**2)
    assert power[32] > 0.5
    # Negative control: the same levels with linear phase have half of their power before the middle.
    linear = np.fft.fftshift(np.fft.irfft(np.abs(np.fft.rfft(taps))))
    assert np.cumsum(linear**2)[32] / np.sum(linear**2) < 0.05


def test_a_variant_differs_and_keeps_loudness_class_and_split():
    hit = Hit(burst(4), 3, "source")
    made = vary(hit, [Hit(tone(300.0), 3, "other")], np.random.default_rng(1))
    assert (made.label, made.held_out) == (3, False)
    assert abs(max_momentary_lufs(made.audio) - TARGET_LUFS) < 0.01
    assert np.abs(made.audio - hit.audio).max() > 0.01


def test_noise_is_told_from_partials():
    noise = noisiness(hit_frames(0.1 * np.random.default_rng(0).standard_normal(LENGTH).astype(np.float32)))
    bell = noisiness(hit_frames(sum(tone(hz) for hz in (500.0, 1310.0, 2444.0, 3999.0))))
    assert noise.mean() > 0.9
    assert bell.mean() < 0.1


def test_grain_is_as_uneven_as_the_law_of_noise_says():
    inner = grain_table()[:, 1:-1]
    assert abs(inner.std() - STD_DB) < 0.25
    assert abs(inner.mean()) < 0.1


def test_knobs_and_values_are_inverse_and_span_percentiles():
    rng = np.random.default_rng(5)
    label = np.repeat(np.arange(len(kit.LABELS)), 50)
    values = rng.normal(size=(len(label), len(NAMES))) + label[:, None]
    scale = fit_scale(values, label)
    knobs = scale.to_knobs(values, label)
    assert np.allclose(scale.to_values(knobs, label), values)
    assert 0.86 < np.mean((knobs >= 0.0) & (knobs <= 1.0)) < 0.94


def test_length_grows_as_a_sound_falls_more_slowly():
    assert length(burst(1, 40.0)) < length(burst(1, 20.0)) < length(burst(1, 5.0))


def test_a_score_moves_knobs_between_hits_and_cuts_them_back_out():
    score = HitScore()
    score.add(0, np.zeros(kit.LATENT), 0.2)
    score.add(2, np.full(kit.LATENT, 9.0), 1.4)
    made = score.automation()
    assert [note[2] for note in made["notes"]] == [36 - 1, 37]
    assert made["parameters"]["latent_1"][-1][1] == 1.0 and made["parameters"]["descriptor_1"][-1][1] == 1.0
    assert all(
        a[0] <= b[0] for a, b in zip(made["parameters"]["latent_1"], made["parameters"]["latent_1"][1:], strict=False)
    )
    audio = np.zeros(round(score.seconds() * SAMPLE_RATE), np.float32)
    audio[round((LEAD_IN_S + SLOT_S) * SAMPLE_RATE)] = 1.0
    played = cut(audio, 2)
    assert played[1].audio[0] == 1.0 and not played[0].audio.any() and not played[1].before.any()


@pytest.mark.parametrize("frames", [BINS])
def test_a_hit_begins_in_its_first_frame(frames):
    levels = hit_frames(burst(6))
    assert levels.shape == (FRAMES, frames)
    assert levels[0].max() > levels.max() - 12.0


def tail_share(audio: np.ndarray) -> float:
    """Loudest sample of the last third over the loudest of all."""
    return float(np.abs(audio[2 * len(audio) // 3 :]).max() / np.abs(audio).max())


def test_a_transposed_hit_leaves_the_time_after_it_silent_where_a_circular_transform_would_not():
    hit = np.zeros(SAMPLE_RATE // 2)
    hit[:2000] = np.random.default_rng(4).standard_normal(2000)  # begins at full level on its first sample
    for seed in range(8):
        assert tail_share(variation.transposed(hit, np.random.default_rng(seed))) < 1e-3
    circular = np.fft.irfft(np.fft.rfft(hit)[:9000], n=len(hit))
    assert tail_share(circular) > 1e-2
