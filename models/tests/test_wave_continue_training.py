"""What the WaveNet is shown of its own errors, and taps that come early as the plugin's tape has them."""

import numpy as np
import pytest

from afterimage_models.wave_continue import own_error

WHITENING = np.array([0.9])
RESONANCE = np.tile([1.6, -0.9], (400, 1))


def wandered(gain: float) -> np.ndarray:
    missed = 0.01 * np.random.default_rng(1).standard_normal(400 * own_error.BLOCK)
    return own_error.wandering(RESONANCE, WHITENING, missed, gain, np.random.default_rng(2))


def test_its_errors_ring_in_the_colours_of_the_taps():
    spectrum = np.abs(np.fft.rfft(wandered(1.0))) ** 2
    radians = np.linspace(0.0, np.pi, len(spectrum))
    answer = 1.0 / np.abs(
        (1 - 1.6 * np.exp(-1j * radians) + 0.9 * np.exp(-2j * radians)) * (1 - 0.9 * np.exp(-1j * radians))
    )
    bands = [part.mean() for part in np.array_split(spectrum, 24)]
    wanted = [part.mean() for part in np.array_split(answer**2, 24)]
    assert np.corrcoef(np.log(bands), np.log(wanted))[0, 1] > 0.99
    white = [
        part.mean()
        for part in np.array_split(np.abs(np.fft.rfft(np.random.default_rng(3).standard_normal(25600))) ** 2, 24)
    ]
    assert np.corrcoef(np.log(white), np.log(wanted))[0, 1] < 0.9


def test_its_errors_are_as_loud_as_the_gain_says_and_never_louder_than_half_the_sound():
    assert np.allclose(wandered(2.0), 2.0 * wandered(1.0))
    sound = np.ones(25600)
    held = own_error.no_louder(1e3 * wandered(1.0), sound)
    assert np.sqrt(np.mean(held**2)) == pytest.approx(own_error.LOUDEST)
    assert np.array_equal(own_error.no_louder(1e-3 * wandered(1.0), sound), 1e-3 * wandered(1.0))


def test_taps_ahead_are_those_of_later_blocks():
    torch = pytest.importorskip("torch", reason="the network is a torch module")
    from afterimage_models.wave_continue.adaptive import BLOCK
    from afterimage_models.wave_continue.fixture import network, sound

    with torch.no_grad():
        own, early = (network().followed(sound(), ahead)[1][0] for ahead in (0, 2))
    assert torch.equal(early[: -2 * BLOCK], own[2 * BLOCK :])
    assert not torch.equal(early[: -2 * BLOCK], own[: -2 * BLOCK])


def test_rounded_weights_are_whole_steps_and_change_little():
    torch = pytest.importorskip("torch", reason="the network is a torch module")
    from afterimage_models.wave_continue.export import WHOLE, round_weights
    from afterimage_models.wave_continue.fixture import network, sound

    made, rounded = network(), network()
    round_weights(rounded)
    for layer in rounded.layers:
        for product in (*layer.gate.weight.split(layer.channels, 1), layer.out.weight):
            # What the kernel looks for before it keeps a product in bytes: all of a row on one grid, to the bit.
            step = product.abs().amax(1, keepdim=True) / WHOLE
            assert torch.equal(torch.round(product / step) * step, product)
    head = rounded.head.out.weight
    assert torch.equal(head, head.half().float())
    assert not torch.equal(rounded.layers[0].gate.weight, made.layers[0].gate.weight)
    with torch.no_grad():
        a, b = (each(sound(), torch.tensor([1])).mean for each in (made, rounded))
    assert torch.allclose(a, b, atol=5e-3)


def test_rounding_once_more_changes_nothing():
    torch = pytest.importorskip("torch", reason="the network is a torch module")
    from afterimage_models.wave_continue.export import bytes_rounded

    weight = torch.randn(40, 48, generator=torch.Generator().manual_seed(1)) * torch.logspace(-5, 2, 40)[:, None]
    weight[7] = 0.0
    once = bytes_rounded(weight)
    assert torch.equal(bytes_rounded(once), once)
    assert torch.all((once - weight).abs().amax(1) <= weight.abs().amax(1) / 250)
