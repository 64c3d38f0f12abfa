"""The WaveNet: one step at a time is the whole at once, it never looks ahead, and its bits are those of a code."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network is a torch module")

from afterimage_models.wave_continue.export import StepWaveNet  # noqa: E402
from afterimage_models.wave_continue.fixture import SHAPE, network, sound  # noqa: E402
from afterimage_models.wave_continue.mixture import GRID, Mixture, bits, on_grid  # noqa: E402


def stepped(made: torch.nn.Module, heard: torch.Tensor, label: int) -> torch.Tensor:
    """[samples, 3 * mixtures] by the exported step and queues."""
    step = StepWaveNet(made)
    past, residual = (torch.zeros(1, SHAPE.taps) for _ in range(2))
    queues = [[torch.zeros(1, SHAPE.channels)] * dilation for dilation in SHAPE.dilations]
    rows = []
    for sample in torch.cat([torch.zeros(1), heard[0, :-1]]):
        taps = [queue[0] for queue in queues]
        row, past, residual, *now = step(sample.view(1, 1), torch.tensor([[label]]), past, residual, *taps)
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


@torch.no_grad()
def test_what_lies_before_the_context_does_not_reach_a_prediction():
    made, heard = network(), sound()
    changed = heard.clone()
    changed[0, 20] += 0.1
    a, b = (made(h, torch.tensor([0])).mean[0] for h in (heard, changed))
    reached = torch.nonzero((a != b).any(-1))[:, 0]
    assert int(reached.min()) == 21
    # Two taps' lengths of whitening lie before the convolutions; the net's own taps see no further.
    assert int(reached.max()) <= 20 + SHAPE.context


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
