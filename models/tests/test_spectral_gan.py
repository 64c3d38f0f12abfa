"""The spectral GAN's networks and pack, and the stream of variants that it and the drum GAN are trained on."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch, which CI's base environment leaves out")

from afterimage_models.drum_gan import noisiness as measured  # noqa: E402
from afterimage_models.drum_gan import stream  # noqa: E402
from afterimage_models.drum_gan.axes import Space  # noqa: E402
from afterimage_models.drum_gan.descriptors import NAMES, Scale  # noqa: E402
from afterimage_models.drum_gan.frames import BINS, FRAMES, KNOTS, LENGTH, hit_frames  # noqa: E402
from afterimage_models.drum_gan.kit import LABELS  # noqa: E402
from afterimage_models.drum_gan.preparation import normalise  # noqa: E402
from afterimage_models.drum_gan.regressor import Regressor  # noqa: E402
from afterimage_models.spectral_gan import pack, regions  # noqa: E402
from afterimage_models.spectral_gan.export import INPUTS, MagnitudePack, export_onnx  # noqa: E402
from afterimage_models.spectral_gan.network import LATENT, CompressedImages, MagnitudeGenerator, RandomGrain  # noqa: E402
from afterimage_models.spectrum import GATE_DB, SAMPLE_RATE  # noqa: E402

SECONDS = np.arange(LENGTH) / SAMPLE_RATE


def hits() -> np.ndarray:
    noise = np.random.default_rng(2).standard_normal((2, LENGTH))
    sounds = [noise[0] * np.exp(-20.0 * SECONDS), np.sin(600.0 * SECONDS) * np.exp(-8.0 * SECONDS)]
    return np.stack([normalise(sound) for sound in sounds])


def plain_space(axes: list[dict]) -> Space:
    return Space(np.eye(LATENT), np.stack([np.eye(LATENT)] * len(LABELS)), np.zeros((len(LABELS), LATENT)), axes)


@pytest.fixture(scope="module")
def variants() -> stream.HitStream:
    flat = np.zeros((len(LABELS), len(NAMES)))
    regressor = Regressor(Scale(flat, flat + 1.0)).eval().requires_grad_(False)
    torch.manual_seed(4)
    return stream.HitStream(hits(), np.array([3, 7]), regressor, torch.device("cpu"))


@pytest.fixture(scope="module")
def graph() -> MagnitudePack:
    torch.manual_seed(5)
    generator = MagnitudeGenerator()
    with torch.no_grad():
        generator.body.level.bias[BINS // 2 :] = -8.0  # a hit whose upper half is silent
    return MagnitudePack(generator.body, plain_space([])).eval()


def test_recorded_hits_come_out_of_the_stream_as_they_are_measured(variants: stream.HitStream):
    batch = variants.batch(6, unchanged=1.0)
    for level, noisy, label in zip(batch.level, batch.noisiness, batch.label, strict=True):
        frames = hit_frames(hits()[0 if label == 3 else 1])
        loud = frames[KNOTS] > -70.0
        assert abs((level.numpy() - frames[KNOTS])[loud]).mean() < 0.6
        assert np.abs(noisy.numpy() - measured.noisiness(frames)).mean() < 0.03


def test_variants_differ_from_their_hits_and_keep_class_and_loudness(variants: stream.HitStream):
    batch, same = variants.batch(8, unchanged=0.0), variants.batch(8, unchanged=1.0)
    assert set(batch.label.tolist()) <= {3, 7}
    noises = [b.level[b.label == 3] for b in (batch, same)]
    assert (noises[0].mean(0) - noises[1].mean(0)).abs().mean() > 1.0
    assert variants.leveller(batch.level).abs().max() < 1e-2
    assert torch.isfinite(batch.level).all() and batch.knobs.shape == (8, len(NAMES))


def test_a_transposed_hit_is_shorter_and_higher_by_the_interval():
    tone = torch.from_numpy(hits()[1:])
    moved = stream.transposed(tone, 12.0)
    peaks = [torch.fft.rfft(t[0, :8192] * torch.hann_window(8192)).abs().argmax().item() for t in (tone, moved)]
    assert abs(peaks[1] / peaks[0] - 2.0) < 0.1
    assert moved.shape == tone.shape and moved[0, LENGTH // 2 :].abs().max() < 0.1 * moved.abs().max()


def test_what_rings_before_the_onset_does_not_come_round_into_the_tail():
    short = torch.from_numpy(hits()[:1] * (SECONDS < 0.1)).float()
    for semitones in (-5.0, 3.0):
        assert stream.transposed(short, semitones)[0, LENGTH // 2 :].abs().max() < 1e-3 * short.abs().max()


def test_magnitudes_are_never_negative_and_silent_under_the_gate(graph: MagnitudePack):
    with torch.no_grad():
        frames = graph(torch.randn(3, LATENT), torch.randn(3, 1), torch.tensor([[0], [4], [11]]))
    assert frames.shape == (3, FRAMES, BINS)
    sounding = frames[frames > 0.0]
    assert frames.min() == 0.0 and sounding.min() >= 0.999 * 10.0 ** (GATE_DB / 20.0)


def test_the_graph_gives_what_torch_gives(graph: MagnitudePack, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    export_onnx(graph, tmp_path / "g.onnx")
    feed = {
        "latent": np.random.default_rng(1).standard_normal((2, LATENT)).astype(np.float32),
        "noise": np.array([[-1.0], [1.5]], np.float32), "class": np.array([[2], [9]]),
    }  # fmt: skip
    (frames,) = onnxruntime.InferenceSession(str(tmp_path / "g.onnx")).run(None, feed)
    with torch.no_grad():
        expected = graph(*(torch.from_numpy(feed[name]) for name in INPUTS)).numpy()
    assert np.mean(np.abs(frames - expected) > 1e-3 * expected.max()) < 1e-3


def test_weighed_latents_move_a_class_there_and_few_of_them_hardly_do():
    latent = np.random.default_rng(3).standard_normal((4000, LATENT))
    mean, root = regions._weighed(latent, np.exp(2.0 * latent[:, 0] - 0.5 * latent[:, 1] ** 2))
    assert mean[0] > 1.5 and np.abs(mean[2:]).max() < 0.3
    assert (root @ root)[1, 1] < 0.7 < (root @ root)[2, 2]
    few, _ = regions._weighed(latent, (np.arange(4000) < 2).astype(float))
    assert np.abs(few).max() < 0.25 * np.abs(latent[:2]).max() + 0.1


def test_critics_see_both_views_within_reach():
    level = torch.zeros(2, len(KNOTS), BINS)
    heard, bins = CompressedImages()(torch.rand_like(level))
    assert heard.shape[:3] == (2, 1, len(KNOTS)) and bins.shape[3] == BINS
    assert CompressedImages()(level)[1].min() >= -1.0
    assert RandomGrain()(3).shape == (3, len(KNOTS), BINS)


def test_the_manifest_names_what_the_graph_takes():
    axes = [{"name": f"Axis {i}", "descriptor": "pitch"} for i in range(LATENT)]
    presets = pack.named_knobs(axes)
    made = json.loads(json.dumps(pack.manifest(plain_space(axes), presets, [], [])))
    assert [row["tensor"] for row in made["graphs"]["decode"]["inputs"]] == list(INPUTS)
    assert len(presets) >= 12 and made["play"]["default_preset"] in presets
    assert made["representation"]["kind"] == "linear" == made["graphs"]["decode"]["outputs"][0]["unit"]
