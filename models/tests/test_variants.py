"""Made-up presets: what they may be made of, and what each stage does to a note."""

import numpy as np
import pytest

from afterimage_models import note_data, variants
from afterimage_models.soundfonts import Strike
from afterimage_models.spectrum import SAMPLE_RATE, note_to_hz

SECONDS = np.arange(SAMPLE_RATE) / SAMPLE_RATE
TRAINED = {(f, p) for f, p, _, split in note_data.preset_jobs() if split == note_data.TRAIN}
WIDE = range(note_data.FIRST_WIDE, note_data.FIRST_WIDE + note_data.WIDE_VARIANTS)
NARROW = range(note_data.FIRST_VARIANT, note_data.FIRST_VARIANT + note_data.VARIANTS)


def tone(key, levels=(1.0,)):
    hz = float(note_to_hz(key))
    partials = [level * np.sin(2 * np.pi * hz * (k + 1) * SECONDS) for k, level in enumerate(levels)]
    return sum(partials).astype(np.float32)


def partial_level(audio, key, order):
    turn = np.exp(-2j * np.pi * float(note_to_hz(key)) * order * np.arange(len(audio)) / SAMPLE_RATE)
    return 2.0 * abs(np.mean(audio * turn * np.hanning(len(audio)) * 2.0))


@pytest.mark.parametrize("indices", [NARROW, WIDE], ids=["narrow", "wide"])
def test_no_variant_sounds_a_held_out_preset_or_key(indices):
    for index in indices:
        variant, wanted = note_data.made_up(index, np.random.default_rng(index))
        assert set(variant.sources) <= TRAINED
        for (_, program), stop in zip(variant.sources, variant.stops, strict=False):
            hidden = set(note_data.held_out_keys(program).tolist())
            sounded = {variants._source_strike(s, variant.shift, stop).key for s in wanted}
            assert not sounded & hidden


def test_a_held_out_key_of_any_layer_is_noticed():
    variant = variants.Variant((("fluid", 1), ("fluid", 2)), (1.0, 1.0), 3, None, 0.0, 0.0, 0.0, (0, 12))
    strike = Strike(60, 100, 1.0, 2.0)
    assert variants.sounds_held_out(variant, strike, {1: [57], 2: []})
    assert variants.sounds_held_out(variant, strike, {1: [], 2: [69]})
    assert not variants.sounds_held_out(variant, strike, {1: [60], 2: [60]})


def test_a_variant_is_the_same_each_time():
    first, again = (variants.draw_wide(sorted(TRAINED), note_data.FIRST_WIDE + 5) for _ in range(2))
    assert first.sources == again.sources and first.stops == again.stops and first.gains == again.gains


def test_a_comb_at_half_a_period_takes_the_even_partials_and_leaves_the_odd():
    # Half a period of this key is a whole number of samples within 0.2 %.
    out = variants.comb(tone(57, (1.0, 1.0)), 57, -1.0, 0.5)
    assert partial_level(out[4800:], 57, 2) < 0.02
    assert partial_level(out[4800:], 57, 1) == pytest.approx(2.0, rel=0.02)


def test_drive_makes_odd_partials_and_stays_in_bounds():
    out = variants.driven(tone(57), 4.0)
    assert np.max(np.abs(out)) < 1.1
    assert partial_level(out, 57, 3) > 0.15
    assert partial_level(out, 57, 2) < 1e-3


@pytest.mark.parametrize("level_db", [-40.0, -20.0])
def test_breath_has_the_level_asked_for_and_follows_the_note(level_db):
    note = tone(57)
    note[SAMPLE_RATE // 2 :] = 0.0
    taps = np.zeros(variants.FILTER_TAPS)
    taps[variants.FILTER_TAPS // 2] = 1.0
    breath = variants.breathed(note, level_db, taps, np.random.default_rng(1)) - note
    sounding, after = breath[4800:20_000], breath[-20_000:]
    assert 20.0 * np.log10(sounding.std() / note[4800:20_000].std()) == pytest.approx(level_db, abs=0.5)
    assert after.std() < 1e-3 * sounding.std()


def test_doubles_lie_half_the_detuning_to_either_side():
    out = variants.doubled(tone(69), 40.0)[: SAMPLE_RATE // 2]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)), 1 << 19))
    hz = np.fft.rfftfreq(1 << 19, 1.0 / SAMPLE_RATE)
    below, above = (hz > 425) & (hz < 440), (hz > 440) & (hz < 455)
    found = [hz[side][np.argmax(spectrum[side])] for side in (below, above)]
    assert 1200.0 * np.log2(found[1] / found[0]) == pytest.approx(40.0, abs=2.0)
