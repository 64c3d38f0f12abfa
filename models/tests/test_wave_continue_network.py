"""The WaveNet: one step at a time is the whole at once, it never looks ahead, and its bits are those of a code."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network is a torch module")

from afterimage_models.wave_continue.adaptive import BLOCK, fitted_taps  # noqa: E402
from afterimage_models.wave_continue.export import REPLACED, StepWaveNet, widths  # noqa: E402
from afterimage_models.wave_continue.fixture import SHAPE, network, sound  # noqa: E402
from afterimage_models.wave_continue.linear_prediction import least_squares_taps, past_of  # noqa: E402
from afterimage_models.wave_continue.mixture import GRID, Mixture, bits, on_grid  # noqa: E402
from afterimage_models.wave_continue.network import before, latest  # noqa: E402


def stepped(made: torch.nn.Module, heard: torch.Tensor, label: int) -> torch.Tensor:
    """[samples, 3 * mixtures] by the exported step and queues; the taps are those of all samples at once."""
    step = StepWaveNet(made)
    states = [torch.zeros(1, width) for name, width in widths(SHAPE).items() if name in REPLACED]
    queues = [[torch.zeros(1, SHAPE.channels)] * dilation for dilation in SHAPE.dilations]
    followed = made.followed(heard)[1][0]
    rows = []
    for sample, taps in zip(torch.cat([torch.zeros(1), heard[0, :-1]]), followed, strict=True):
        earlier = [queue[0] for queue in queues]
        row, *after = step(sample.view(1, 1), torch.tensor([[label]]), taps[None], *states, *earlier)
        states, now = after[: len(states)], after[len(states) :]
        queues = [[*queue[1:], x] for queue, x in zip(queues, now, strict=True)]
        rows.append(row[0])
    return torch.stack(rows)


@torch.no_grad()
def test_one_step_at_a_time_is_the_whole_at_once():
    made, heard = network(), sound()
    found = made(heard, torch.tensor([2]))
    whole = torch.cat([found.logits, found.mean, torch.exp(found.log_scale)], -1)[0]
    assert torch.allclose(stepped(made, heard, 2), whole, atol=1e-5)


@torch.no_grad()
def test_the_present_and_the_future_do_not_reach_a_prediction():
    made, heard = network(), sound()
    changed = heard.clone()
    changed[0, 100:] += 0.1
    a, b = (made(h, torch.tensor([0])).mean[0] for h in (heard, changed))
    assert torch.equal(a[:101], b[:101])
    assert not torch.allclose(a[101:110], b[101:110])


@pytest.mark.parametrize("scale", [1e-6, 1e-5, 3e-4, 1e-2])
@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_the_mass_of_all_steps_is_one(scale, mean):
    steps = torch.arange(-(2**16), 2**16, dtype=torch.float64) * GRID
    shape = (len(steps), 2)
    mixture = Mixture(
        torch.tensor([0.3, -1.0]).double().expand(shape),
        torch.tensor([mean, -0.2]).double().expand(shape),
        torch.log(torch.tensor([scale, 2.0 * scale])).double().expand(shape),
    )
    assert float((2.0 ** -bits(mixture, steps)).sum()) == pytest.approx(1.0, abs=1e-5)


def test_sound_is_put_on_the_16_bit_grid():
    sound = torch.tensor([-2.0, -0.5, 0.1, 2.0])
    assert np.allclose(on_grid(sound) * 32768.0, [-32768.0, -16384.0, 3277.0, 32767.0])


@torch.no_grad()
def test_taps_follow_a_sound_and_come_from_what_was_before_alone():
    n = torch.arange(4096)
    tone = torch.where(n < 2048, torch.sin(0.3 * n), torch.sin(0.7 * n))[None]
    taps = fitted_taps(tone, 8)
    missed = tone - (latest(before(tone), 8) * taps).sum(-1)
    settled = [slice(10 * BLOCK, 2048), slice(2048 + 24 * BLOCK, 4096)]
    assert all(float(missed[0, part].pow(2).mean()) < 1e-2 for part in settled)
    again = fitted_taps(torch.cat([tone[:, :1500], torch.zeros(1, 2596)], 1), 8)
    assert torch.equal(again[:, : 1500 // BLOCK * BLOCK], taps[:, : 1500 // BLOCK * BLOCK])
    assert not torch.allclose(again[:, 1700:], taps[:, 1700:], atol=1e-3)


def outermost(taps: np.ndarray) -> float:
    """Largest radius of the poles of a predictor [taps], newest first."""
    return float(np.abs(np.roots(np.concatenate([[1.0], -taps]))).max())


RNG = np.random.default_rng(4)
HARD = {
    "a tone": np.sin(0.3 * np.arange(1000)),
    "a tone that grows": np.exp(0.01 * np.arange(1000)) * 1e-4 * np.sin(0.3 * np.arange(1000)),
    "clipped noise": np.clip(20.0 * RNG.standard_normal(1000), -1.0, 1.0),
    "silence": np.zeros(1000),
    "a step": (np.arange(1000) > 500).astype(float),
}


@pytest.mark.parametrize("name", HARD)
def test_taps_are_stable_whatever_the_sound_is(name):
    taps = fitted_taps(torch.from_numpy(HARD[name]).float()[None], 32)[0, ::BLOCK].double().numpy()
    assert max(outermost(row) for row in taps if row.any()) < 1.0 if taps.any() else name == "silence"


def test_least_squares_over_a_growing_tone_is_seen_as_unstable():
    grows = HARD["a tone that grows"]
    assert outermost(least_squares_taps(past_of(grows, 32), grows)) > 1.0
