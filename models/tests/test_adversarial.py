"""Critics, losses, augmentation and the clock that the adversarial models share."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need torch, which CI's base environment leaves out")

from afterimage_models.adversarial.augmentation import augment  # noqa: E402
from afterimage_models.adversarial.critic import Critic, Judgement, judge_sets  # noqa: E402
from afterimage_models.adversarial.losses import critic_loss, crowding_loss, fooled_loss, matching_loss  # noqa: E402
from afterimage_models.adversarial.run import AVERAGING, Clock, apply, follow, save  # noqa: E402


def judgement(score: float) -> Judgement:
    return Judgement(torch.full((2, 1), score), torch.full((2, 1, 3, 3), score), [torch.full((2, 4), score)])


def test_a_set_is_judged_alike_alone_and_beside_others():
    torch.manual_seed(1)
    critic = Critic(3, (8, 8)).eval()
    images, givens = [torch.randn(n, 1, 16, 16) for n in (3, 5)], [torch.randn(n, 3) for n in (3, 5)]
    together = judge_sets(critic, images, givens)
    for image, given, beside in zip(images, givens, together, strict=True):
        (alone,) = judge_sets(critic, [image], [given])
        assert torch.allclose(alone.whole, beside.whole, atol=1e-5)
        assert torch.allclose(alone.patches, beside.patches, atol=1e-5)


def test_the_condition_has_a_say_and_may_be_left_out():
    torch.manual_seed(1)
    critic, image = Critic(3, (8, 8)).eval(), torch.randn(2, 1, 16, 16)
    scores = [critic(image, given, [2]).whole for given in (torch.zeros(2, 3), torch.ones(2, 3), None)]
    assert not torch.allclose(scores[0], scores[1])
    assert scores[2].shape == (2, 1)


def test_the_hinge_asks_no_more_of_what_is_told_apart():
    assert critic_loss(judgement(1.5), [judgement(-1.5), judgement(-2.0)]) == 0.0
    assert critic_loss(judgement(-0.5), [judgement(-1.5)]) == pytest.approx(3.0)
    assert critic_loss(judgement(1.5), [judgement(0.0), judgement(-2.0)]) == pytest.approx(1.0)


def test_the_generator_wants_higher_scores_and_matched_layers():
    assert fooled_loss([judgement(2.0)]) < fooled_loss([judgement(1.0)])
    assert matching_loss(judgement(1.0), judgement(1.0)) == 0.0
    assert matching_loss(judgement(1.0), judgement(3.0)) == pytest.approx(2.0)


def test_crowded_sounds_cost_more_than_sounds_apart():
    latents = (torch.zeros(4, 3), torch.ones(4, 3))
    near, far = ((torch.zeros(4, 5), torch.full((4, 5), step)) for step in (0.1, 1.0))
    assert crowding_loss(near, latents) > 5.0 * crowding_loss(far, latents)


def test_augmentation_keeps_shapes_and_passes_gradients_but_changes_images():
    torch.manual_seed(2)
    image = torch.randn(6, 1, 20, 30, requires_grad=True)
    changed = augment(image)
    changed.sum().backward()
    assert changed.shape == image.shape
    assert not torch.allclose(changed, image)
    assert image.grad is not None and image.grad.abs().sum() > 0.0


def test_the_rate_rises_falls_and_ends_with_the_budget():
    clock = Clock(100.0, step=1000)
    first = clock.rate_share(0.1)
    clock.elapsed_s = 50.0
    assert clock.done == 0.5 and clock.rate_share(0.1) == pytest.approx(0.55)
    clock.elapsed_s = 300.0
    assert clock.done == 1.0 and clock.rate_share(0.1) == pytest.approx(0.1) and first > 0.99
    assert Clock(100.0).rate_share(0.1) < 0.01


def test_a_step_with_gradients_that_are_no_numbers_changes_nothing():
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.Adam([weight])
    apply(optimiser, (weight * float("nan")).sum(), 0.1, 1.0)
    assert torch.equal(weight, torch.ones(2))
    apply(optimiser, weight.sum(), 0.1, 1.0)
    assert (weight < 1.0).all()


def test_averages_follow_their_network():
    average, network = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    torch.nn.init.zeros_(average.weight)
    torch.nn.init.ones_(network.weight)
    follow(average, network, 10**6)
    assert torch.allclose(average.weight, torch.full((2, 2), 1.0 - AVERAGING), atol=1e-5)


def test_a_saved_file_is_whole_and_leaves_no_scratch(tmp_path):
    save({"step": 3}, tmp_path / "a.pt")
    assert torch.load(tmp_path / "a.pt", weights_only=True) == {"step": 3}
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]
