"""Linear prediction as the rival of the WaveNet: its bits are those of a code, and it finds what is predictable."""

import json

import numpy as np
import pytest
import soundfile

from afterimage_models.wave_continue import linear_prediction, sound_set
from afterimage_models.wave_continue.linear_prediction import GRID, backward_bits, forward_bits

LAWS = [linear_prediction.laplace_bits, linear_prediction.gauss_bits]
SCALES = [GRID / 16.0, GRID / 3.0, GRID, 20.0 * GRID, 1e-2]


def coloured(samples: int, seed: int = 1) -> np.ndarray:
    """Noise through a resonance, on the grid; its innovations have a standard deviation of 100 steps."""
    rng = np.random.default_rng(seed)
    noise = 100.0 * GRID * rng.standard_normal(samples)
    out = np.zeros(samples)
    for n in range(samples):
        out[n] = 1.8 * out[n - 1] - 0.9 * out[n - 2] + noise[n] if n > 1 else noise[n]
    return np.round(out / GRID) * GRID


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scale", SCALES)
def test_the_mass_of_all_steps_is_one(law, scale):
    steps = np.arange(-(2**17), 2**17) * GRID
    assert np.sum(2.0 ** -law(steps, scale)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("coder", [forward_bits, backward_bits])
def test_a_coder_comes_near_the_entropy_of_what_cannot_be_predicted(coder):
    entropy = np.log2(100.0 * np.sqrt(2.0 * np.pi * np.e))
    assert entropy < coder(coloured(8192), 2048, 512) < entropy + 0.35


def test_noise_without_colour_gains_nothing():
    noise = np.round(300.0 * np.random.default_rng(3).standard_normal(8192)) * GRID
    assert backward_bits(noise, 2048, 512) > np.log2(300.0 * np.sqrt(2.0 * np.pi * np.e))


def test_common_taps_foretell_every_clip():
    clips = [coloured(4096, seed) for seed in range(3)]
    taps = linear_prediction.common_taps(clips, 8)
    past = linear_prediction.past_of(clips[0], 8)
    missed = clips[0] - past @ taps
    assert np.std(missed) < 0.2 * np.std(clips[0])
    assert np.std(missed) == pytest.approx(100.0 * GRID, rel=0.05)


def test_a_corpus_is_read_at_the_rate_asked_for(tmp_path):
    tone = 0.4 * np.sin(2.0 * np.pi * 440.0 * np.arange(22_050) / 22_050)
    index = []
    for name, split in (("a", "train"), ("b", "train"), ("c", "test")):
        soundfile.write(tmp_path / f"{name}.wav", tone, 22_050)
        index.append({"file": f"{name}.wav", "label": f"label {name}", "split": split})
    (tmp_path / "index.json").write_text(json.dumps(index))
    sounds = sound_set.load(tmp_path, "train", 16_000)
    assert sounds.labels == [sound_set.ANY, "label a", "label b", "label c"]
    assert [clip.label for clip in sounds.clips] == [1, 2]
    spectrum = np.abs(np.fft.rfft(sounds.clips[0].sound))
    assert len(sounds.clips[0].sound) == 16_000
    assert int(np.argmax(spectrum)) == 440


def test_a_split_without_clips_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(SystemExit, match="no clip of split 'test'"):
        sound_set.load(tmp_path, "test", 16_000)
