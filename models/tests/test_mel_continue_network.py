"""The mel continuer's likelihood, order of drawing, packing, and the agreement of its graphs with its network."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network is trained and exported with torch")

from afterimage_models.mel_continue import frames, logistic  # noqa: E402
from afterimage_models.mel_continue.export import states  # noqa: E402
from afterimage_models.mel_continue.layout import (  # noqa: E402
    BANDS,
    CEILING_DB,
    FLOOR_DB,
    HOP,
    MEANS_WIDTH,
    MIDDLE_DB,
    N_FFT,
    PRIME_FRAMES,
    REFERENCE,
    STEP_DB,
    UNIFORMS,
    UNIT_DB,
)
from afterimage_models.mel_continue.network import FrameNetwork, Shape, tier_bands  # noqa: E402
from afterimage_models.mel_continue.sounds import Crops, Sound  # noqa: E402
from afterimage_models.mel_continue.step import PULL, PrimeNetwork, RunningMeans, StepNetwork  # noqa: E402
from afterimage_models.packing import packed, unpacked  # noqa: E402
from afterimage_models.reference.bands import mel_bank  # noqa: E402
from afterimage_models.reference.stft import Spec, stft  # noqa: E402


def network():
    torch.manual_seed(3)
    shape = Shape(labels=3, entry=12, hidden=16, tier_hidden=12, components=4, dropout=0.0)
    return FrameNetwork(shape).eval()


def levels(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return frames.rounded(FLOOR_DB + 80.0 * torch.rand(*shape, generator=generator))


def test_the_mass_of_all_steps_of_the_grid_is_one():
    grid = torch.arange(FLOOR_DB, 400.0, STEP_DB, dtype=torch.float64)
    for mean, scale in ((-30.0, 0.2), (-79.9, 3.0), (-200.0, 1.0), (0.0, 8.0)):
        mass = logistic.log_mass(grid, torch.tensor(mean).double(), torch.tensor(scale).double()).exp().sum()
        assert abs(float(mass) - 1.0) < 1e-6, (mean, scale)


def test_bands_that_move_together_are_likelier_under_a_joint_mixture():
    weight = torch.zeros(2)
    mean, scale = torch.tensor([[-60.0] * 16, [-20.0] * 16]), torch.ones(2, 16)
    joint = logistic.Mixture(weight, mean, scale)
    apart = logistic.Mixture(weight[:, None].expand(2, 16), mean, scale)
    together, mixed = torch.full((16,), -20.0), torch.tensor([-20.0, -60.0] * 8)
    assert float(logistic.joint_nats(together, joint)) < float(logistic.band_nats(together, apart)) - 5.0
    assert float(logistic.joint_nats(mixed, joint)) > float(logistic.band_nats(mixed, apart))


def test_draws_follow_the_mixture():
    mixture = logistic.Mixture(
        torch.log(torch.tensor([0.25, 0.75])).expand(20000, 2),
        torch.tensor([[-60.0], [-20.0]]).expand(20000, 2, 1),
        torch.tensor([[1.0], [2.0]]).expand(20000, 2, 1),
    )
    drawn = logistic.joint_draw(mixture, torch.Generator().manual_seed(2))[:, 0]
    high = drawn > -40.0
    assert abs(float(high.float().mean()) - 0.75) < 0.02
    assert abs(float(drawn[high].std()) - 2.0 * np.pi / 3.0**0.5) < 0.15


def test_a_tier_sees_the_tiers_before_it_and_no_other():
    net, label = network(), torch.zeros(1, dtype=torch.int64)
    before, target = levels(1, 3, BANDS), levels(1, 3, BANDS, seed=2)
    context, _ = net.context(before, label)

    def means(heard, index):
        drawn = torch.cat([heard[..., tier_bands(k)] for k in range(index)] or [context[..., :0]], -1)
        return net.tiers[index](context, before, drawn).mean

    plain, _ = net.nats(target, before, target, label)
    last = target.clone()
    last[..., tier_bands(7)] += 5.0
    assert torch.equal(net.nats(target, before, last, label)[0], plain), "the last tier's bands were seen"
    first = target.clone()
    first[..., tier_bands(0)] += 5.0
    assert not torch.equal(net.nats(target, before, first, label)[0], plain), "the first tier's bands were not"
    assert means(target, 3).shape == (1, 3, 4, 16)


def test_the_rival_does_not_see_across_bands():
    net, label = network(), torch.zeros(1, dtype=torch.int64)
    before, target = levels(1, 3, BANDS), levels(1, 3, BANDS, seed=2)
    _, plain = net.nats(target, before, target, label)
    assert torch.equal(net.nats(target, before, target + 5.0, label)[1], plain)


def test_frames_are_those_of_the_reference():
    rng = np.random.default_rng(4)
    sound = rng.normal(0.0, 0.1, 6000)
    made = frames.Analysis(torch.device("cpu"))(torch.from_numpy(sound).float()[None])[0].numpy()
    bank = mel_bank(22050, N_FFT, BANDS, 0.0, 11025.0, "slaney", "none")
    wanted = 20.0 * np.log10(np.abs(stft(Spec(N_FFT, HOP), sound)) @ bank.T / REFERENCE + 1e-9)
    assert np.abs(made - np.maximum(wanted, FLOOR_DB))[2:-3].max() < 1e-2


def test_eight_bits_come_back_to_half_a_step():
    state = network().state_dict()
    back = unpacked(packed(state))
    for name, value in state.items():
        step = value.abs().amax(1, keepdim=True) / 127.0 if value.dim() == 2 else torch.tensor(1e-3)
        assert ((back[name] - value).abs() <= 0.51 * step + 1e-6).all(), name


def test_steps_leave_the_states_that_priming_leaves():
    net = network()
    step, prime = StepNetwork(net), PrimeNetwork(net)
    heard, label = levels(2, PRIME_FRAMES, BANDS), torch.tensor([[0], [2]])
    now = states(net, 2)
    wanted = prime(heard, label, *now)
    for frame in heard.unbind(1):
        _, *now = step(frame, label, *now, torch.full((2, UNIFORMS), 0.5), torch.ones(2, 1))
    for a, b in zip(now, wanted, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_step_draws_from_the_mixtures_that_are_trained():
    """At temperature 0 the drawn bands are the means of the likeliest component, given the bands drawn before."""
    net, half = network(), torch.full((1, UNIFORMS), 0.5)
    label, before = torch.tensor([[1]]), levels(1, 1, BANDS)
    with torch.no_grad():
        # After one frame both running means are that frame: nothing pulls.
        drawn, *_ = StepNetwork(net)(before[:, 0], label, *states(net, 1), half, torch.zeros(1, 1))
        normal = (before - MIDDLE_DB) / UNIT_DB
        context, _ = net.context(normal, label[:, 0])
        heard = (drawn[:, None] - MIDDLE_DB) / UNIT_DB
        for index, tier in enumerate(net.tiers):
            seen = [heard[..., tier_bands(k)] for k in range(index)] or [context[..., :0]]
            mixture = tier(context, normal, torch.cat(seen, -1))
            chosen = int(mixture.weight[0, 0].argmax())
            wanted = mixture.mean[0, 0, chosen].clamp(FLOOR_DB, CEILING_DB)
            assert torch.allclose(drawn[0, tier_bands(index)], wanted, atol=2e-2), f"tier {index}"


def test_a_run_is_pulled_towards_what_was_heard_for_long():
    means = RunningMeans()
    loud, quiet = torch.zeros(1, BANDS), torch.full((1, BANDS), -1.0)
    state = torch.zeros(1, MEANS_WIDTH)
    for frame in [loud] * 800 + [quiet] * 80:
        state = means(frame, state)
    pull = means.pull(state)
    assert float(pull.min()) > PULL * UNIT_DB and float(pull.max()) < 2.0 * PULL * UNIT_DB


def test_a_run_of_its_own_goes_on_from_what_it_was_given():
    net, label = network(), torch.zeros(2, dtype=torch.int64)
    torch.manual_seed(1)
    run = net.go_on(levels(2, 5, BANDS), label, 3)
    assert run.shape == (2, 3, BANDS) and float(run.min()) >= FLOOR_DB - 1e-3 and float(run.max()) <= CEILING_DB + 1e-3


def test_crops_are_finite_labelled_and_reproducible():
    rng = np.random.default_rng(1)
    sounds = [Sound(str(n), 1 + n % 2, rng.normal(0.0, 0.1, 40000 + 999 * n).astype(np.float16)) for n in range(4)]
    first, again = (Crops(sounds, torch.device("cpu"), 5).batch(6, 40) for _ in range(2))
    assert first.frames.shape == (6, 40, BANDS) and bool(torch.isfinite(first.frames).all())
    assert torch.equal(first.frames, again.frames) and set(first.label.tolist()) <= {0, 1, 2}
