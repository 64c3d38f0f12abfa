"""The judges that hear timbre find what they are asked about, where their packages are installed."""

import numpy as np
import pytest

from afterimage_models.spectrum import SAMPLE_RATE

SECONDS = np.arange(SAMPLE_RATE) / SAMPLE_RATE


def low_and_bright() -> tuple[np.ndarray, np.ndarray]:
    """A falling tone of 60 Hz, and a falling noise."""
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    return np.sin(2.0 * np.pi * 60.0 * SECONDS) * np.exp(-6.0 * SECONDS), noise * np.exp(-30.0 * SECONDS)


def test_timbre_tells_a_boom_from_a_hiss_at_any_level():
    pytest.importorskip("timbral_models", reason="a judge that is installed by hand, see pyproject.toml")
    from afterimage_models.judges.timbre import timbre

    boom, hiss = (timbre(sound, ("brightness", "boominess")) for sound in low_and_bright())
    assert hiss["brightness"] > boom["brightness"] + 20.0
    assert boom["boominess"] > hiss["boominess"] + 20.0
    quiet = timbre(0.01 * low_and_bright()[1], ("brightness",))
    assert abs(quiet["brightness"] - hiss["brightness"]) < 0.1


def test_the_embedding_puts_like_beside_like():
    pytest.importorskip("torch", reason="the embedding needs torch, which CI's base environment leaves out")
    pytest.importorskip("aisfx", reason="a judge that is installed by hand, see pyproject.toml")
    from afterimage_models.judges.embedding import SIZE, embed

    boom, hiss = low_and_bright()
    other_hiss = np.random.default_rng(1).standard_normal(SAMPLE_RATE) * np.exp(-30.0 * SECONDS)
    points = embed([boom, hiss, other_hiss])
    assert points.shape == (3, SIZE)
    assert np.linalg.norm(points[1] - points[2]) < 0.5 * np.linalg.norm(points[0] - points[1])
