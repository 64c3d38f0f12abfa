"""The drum GAN's networks and its pack, where torch is installed."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch, which CI's base environment leaves out")

from afterimage_models.drum_gan import pack  # noqa: E402
from afterimage_models.drum_gan.axes import Space  # noqa: E402
from afterimage_models.drum_gan.calibration import Loss, fit_loss  # noqa: E402
from afterimage_models.drum_gan.descriptors import NAMES, TIMBRAL, Scale, length  # noqa: E402
from afterimage_models.drum_gan.export import INPUTS, PackGenerator, export_onnx  # noqa: E402
from afterimage_models.drum_gan.finishing import RECORDED, SETTINGS, BandMisfit, Finisher, even_misfit  # noqa: E402
from afterimage_models.drum_gan.frames import BINS, FRAMES, KNOTS, LENGTH, hit_frames  # noqa: E402
from afterimage_models.drum_gan.hit_score import Played  # noqa: E402
from afterimage_models.drum_gan.hit_set import Batch  # noqa: E402
from afterimage_models.drum_gan.kit import LABELS, LATENT  # noqa: E402
from afterimage_models.drum_gan.network import Critic, Encoder, Generator, Leveller, condition  # noqa: E402
from afterimage_models.drum_gan.noisiness import GRAIN_BANDS  # noqa: E402
from afterimage_models.drum_gan.preparation import TARGET_LUFS, normalise  # noqa: E402
from afterimage_models.drum_gan.presets import RECIPES, named_knobs  # noqa: E402
from afterimage_models.drum_gan.regression import fit  # noqa: E402
from afterimage_models.drum_gan.regressor import Features, Regressor, Standing  # noqa: E402
from afterimage_models.drum_gan.training import FREE_NATS, Trainer, divergence, misfit  # noqa: E402
from afterimage_models.spectrum import SAMPLE_RATE  # noqa: E402

ROWS = 3


def hit(decay: float = 20.0) -> np.ndarray:
    noise = np.random.default_rng(2).standard_normal(LENGTH)
    return normalise(noise * np.exp(-decay * np.arange(LENGTH) / SAMPLE_RATE))


def given() -> torch.Tensor:
    return condition(torch.tensor([0, 4, 11]), torch.full((ROWS, len(NAMES)), 0.5))


def plain_space(axes: list[dict]) -> Space:
    return Space(np.eye(LATENT), np.stack([np.eye(LATENT)] * len(LABELS)), np.zeros((len(LABELS), LATENT)), axes)


@pytest.fixture(scope="module")
def generator() -> PackGenerator:
    torch.manual_seed(1)
    return PackGenerator(Generator(), plain_space([])).eval()


def test_the_leveller_finds_the_loudness_that_the_meter_does():
    frames = torch.from_numpy(hit_frames(hit()))[None]
    assert abs(Leveller(KNOTS)(frames[:, KNOTS]).item()) < 0.4
    assert abs(Leveller(KNOTS)(frames[:, KNOTS] - 7.0).item() - 7.0) < 0.4


def test_every_hit_of_the_pack_has_the_same_loudness(generator: PackGenerator):
    latent, label = 2.0 * torch.randn(ROWS, LATENT), torch.tensor([[0], [4], [11]])
    level, noisiness = generator.knots(latent, label, torch.rand(ROWS, len(NAMES)))
    assert level.shape == noisiness.shape == (ROWS, len(KNOTS), BINS)
    assert noisiness.min() >= 0.0 and noisiness.max() <= 1.0
    again = Leveller(KNOTS)(level + 2.507 * noisiness**2)
    assert again.abs().max() < 1e-3


def test_the_graph_gives_what_torch_gives(generator: PackGenerator, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    export_onnx(generator, tmp_path / "g.onnx")
    feed = {
        "latent": np.random.default_rng(1).standard_normal((ROWS, LATENT)).astype(np.float32),
        "noise": np.array([[-1.0], [0.0], [2.5]], np.float32), "class": np.array([[0], [4], [11]]),
        "descriptor": np.full((ROWS, len(NAMES)), 0.3, np.float32),
    }  # fmt: skip
    (frames,) = onnxruntime.InferenceSession(str(tmp_path / "g.onnx")).run(None, feed)
    with torch.no_grad():
        expected = generator(*(torch.from_numpy(feed[name]) for name in INPUTS)).numpy()
    assert frames.shape == (ROWS, FRAMES, BINS)
    assert np.mean(np.abs(frames - expected) > 1e-2) < 1e-4  # but for cells that lie on the gate


def test_noise_changes_the_grain_and_nothing_else(generator: PackGenerator):
    latent, label, knobs = torch.zeros(1, LATENT), torch.zeros(1, 1, dtype=torch.long), torch.full((1, len(NAMES)), 0.5)
    with torch.no_grad():
        a, b = (generator(latent, torch.full((1, 1), n), label, knobs) for n in (-1.0, 1.0))
        again = generator(latent, torch.full((1, 1), 1.0), label, knobs)
    assert (a - b).abs().max() > 1.0
    assert torch.equal(b, again)
    heard = (a > -80.0) & (b > -80.0)
    assert (a[heard] - b[heard]).mean().abs() < 0.5


def test_the_regressor_reads_length_as_the_wave_has_it():
    flat = np.zeros((len(LABELS), len(NAMES)))
    regressor = Regressor(Scale(flat, flat + 1.0)).eval()
    for decay in (8.0, 20.0, 60.0):
        frames = torch.from_numpy(hit_frames(hit(decay))[KNOTS])[None]
        assert abs(regressor.values(frames)[0, -1].item() - length(hit(decay))) < 0.35


def test_a_regressor_is_fitted_to_every_hit_but_those_that_check_it():
    blank = np.zeros((len(LABELS), len(NAMES)))
    seen = torch.randn(40, Features().size + Standing().size, generator=torch.Generator().manual_seed(1))
    values = seen[:, : len(TIMBRAL)] * 2.0 + 1.0

    def fitted(first: float, checked: int) -> torch.Tensor:
        torch.manual_seed(2)
        regressor = Regressor(Scale(blank, blank + 1.0))
        features = seen.clone()
        features[:8] *= first
        fit(regressor, features, values, checked)
        return regressor.layers[0].weight

    assert torch.equal(fitted(1.0, 8), fitted(-1.0, 8))
    assert not torch.equal(fitted(1.0, 0), fitted(-1.0, 0))


def test_what_stands_near_the_loudest_cell_is_counted_and_loudness_is_not():
    standing = Standing()
    level = torch.full((1, len(KNOTS), BINS), -100.0)
    level[:, 10, 20] = -10.0  # one loud cell, and a haze under it that does or does not stand over the limits
    haze = {db: torch.maximum(level, torch.full_like(level, -10.0 + db)) for db in (-60.0, -20.0)}
    low, high = (standing(haze[db]) for db in (-60.0, -20.0))
    assert low.shape == (1, standing.size)
    assert torch.all(high > low + 1.0)
    assert torch.allclose(standing(haze[-20.0] - 7.0), high, atol=1e-4)


def test_made_up_hits_are_drawn_where_the_classes_lie():
    trainer = SimpleNamespace(
        generator=lambda latent, given: (latent, given), heard=lambda latent, given: latent,
        spread=2.0 * torch.eye(LATENT).repeat(len(LABELS), 1, 1),
        mean=torch.arange(len(LABELS)).float()[:, None].expand(-1, LATENT),
    )  # fmt: skip
    batch = Batch(
        torch.zeros(6, 1, 1), torch.zeros(6, 1, 1), torch.tensor([0, 1, 5, 2, 11, 3]), torch.rand(6, len(NAMES))
    )
    made = Trainer.made_up(trainer, batch)
    assert made.label.tolist() == [0, 5, 11]
    assert torch.allclose(made.heard, 2.0 * made.white + made.label.float()[:, None])


def test_finishing_moves_the_generator_and_leaves_the_encoder(tmp_path):
    rng = np.random.default_rng(8)
    count, classes = RECORDED + 4, len(LABELS)
    scale = Scale(np.zeros((classes, len(NAMES))), np.ones((classes, len(NAMES))))
    level = torch.tensor(rng.uniform(-80.0, -20.0, (count, len(KNOTS), BINS)), dtype=torch.float32)
    label = torch.arange(count) % classes
    hits = Batch(level, torch.rand(count, len(KNOTS), GRAIN_BANDS), label, torch.rand(count, len(NAMES)))
    finisher = Finisher(None, SETTINGS, tmp_path / "checkpoint.pt", Regressor(scale).eval())
    before = [copy.deepcopy(network.state_dict()) for network in (finisher.encoder, finisher.generator)]
    shown = finisher.make_step(hits) | finisher.critic_step(hits)
    assert all(np.isfinite(value) for value in shown.values()) and "critic" in shown
    after = [network.state_dict() for network in (finisher.encoder, finisher.generator)]
    same = [all(torch.equal(a[name], b[name]) for name in a) for a, b in zip(before, after, strict=True)]
    assert same == [True, False]


def test_networks_take_and_give_the_shapes_they_say():
    level = torch.full((ROWS, len(KNOTS), BINS), -60.0)
    mean, log_variance = Encoder()(level, given())
    assert mean.shape == log_variance.shape == (ROWS, LATENT)
    score, patches, seen = Critic()(level, given())
    assert score.shape == (ROWS, 1) and patches.shape[0] == ROWS and len(seen) == 5


def test_the_misfit_forgives_what_lies_under_the_gate_and_nothing_else():
    target = torch.full((1, len(KNOTS), BINS), -100.0)
    weight = torch.ones(1, 1, 1)
    assert misfit(torch.full_like(target, -140.0), target, weight) < 1e-3
    assert misfit(torch.full_like(target, -70.0), target, weight) > 1.0


def test_a_tail_that_is_off_costs_as_much_as_an_attack_that_is():
    target = torch.full((1, len(KNOTS), BINS), -20.0)
    target[:, 1:] = -75.0
    weight = torch.ones(1, 1, 1)
    quiet, loud = target.clone(), target.clone()
    quiet[:, 1] += 8.0
    loud[:, 0] += 8.0
    assert abs(even_misfit(quiet, target, weight) / even_misfit(loud, target, weight) - 1.0) < 0.02
    assert misfit(quiet, target, weight) < 0.6 * misfit(loud, target, weight)


def test_bands_take_other_noise_of_one_power_for_nearly_the_same_and_another_power_for_another():
    rng, bands = np.random.default_rng(9), BandMisfit()
    one, other = (
        torch.tensor(10.0 * np.log10(rng.exponential(1e-4, (1, len(KNOTS), BINS))), dtype=torch.float32)
        for _ in range(2)
    )
    assert bands(one, one) == 0.0
    assert bands(one + 12.0, one) > 1.5 * bands(other, one)
    assert (one - other).abs().mean() > 1.2 * 4.0 * bands(other, one)


def test_a_posterior_like_the_prior_costs_nothing_and_axes_have_free_nats():
    assert divergence(torch.zeros(4, LATENT), torch.zeros(4, LATENT)).abs().max() == 0.0
    assert divergence(torch.full((4, LATENT), 3.0), torch.zeros(4, LATENT)).min() > FREE_NATS


def test_the_manifest_names_what_the_graph_takes():
    axes = [{"name": f"Axis {i}", "descriptor": "pitch" if i == 2 else "tail"} for i in range(LATENT)]
    space = plain_space(axes)
    presets = named_knobs(space)
    assert len(presets) == len(RECIPES) >= 12 and presets["Deep Floor"][2] == RECIPES["Deep Floor"]["pitch"]
    made = json.loads(json.dumps(pack.manifest(space, presets, [], [])))
    assert [row["tensor"] for row in made["graphs"]["decode"]["inputs"]] == list(INPUTS)
    assert made["play"]["default_preset"] in {p["name"] for p in made["latent"]["presets"]}
    kinds = [c["kind"] for c in made["conditions"]]
    assert kinds == ["class"] + ["continuous"] * len(NAMES)
    assert {hit["label"] for hit in made["play"]["hits"]} <= set(made["conditions"][0]["labels"])


def test_a_loss_that_follows_the_features_is_made_up_for():
    rng = np.random.default_rng(4)
    loss, played, features = Loss(), [], rng.normal(size=(60, Loss().weight.numel()))
    weight = rng.normal(size=features.shape[1])
    for row in features:
        played.append(Played(hit() * 10.0 ** (-(row @ weight) / 20.0), np.zeros(0)))
    assert fit_loss(loss, features, played, TARGET_LUFS) < 0.25 * np.std(features @ weight)


def test_knobs_and_latents_are_inverse_in_every_class():
    rng = np.random.default_rng(6)
    roots = rng.normal(size=(len(LABELS), LATENT, LATENT))
    basis = np.linalg.qr(rng.normal(size=(LATENT, LATENT)))[0]
    space = Space(basis, roots @ roots.transpose(0, 2, 1), rng.normal(size=(len(LABELS), LATENT)), [])
    label, knobs = np.arange(len(LABELS)), rng.normal(size=(len(LABELS), LATENT))
    assert np.allclose(space.to_knobs(space.to_inner(knobs, label), label), knobs)
    generator = PackGenerator(Generator(), space)
    torch_inner = torch.tensor(knobs, dtype=torch.float32).unsqueeze(1) @ generator.rotation + generator.mean[:, None]
    assert np.allclose(torch_inner[:, 0].numpy(), space.to_inner(knobs, label), atol=1e-3)
