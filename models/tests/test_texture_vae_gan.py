"""The texture VAE-GAN: frames, paths of noise, grain, noisiness, the pack's graphs, and the measures of likeness."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks need torch, which CI's base environment leaves out")

from afterimage_models.spectrum import SAMPLE_RATE  # noqa: E402
from afterimage_models.texture_vae_gan import pack  # noqa: E402
from afterimage_models.texture_vae_gan.data import TARGET_LUFS, TextureSet, mean_lufs  # noqa: E402
from afterimage_models.texture_vae_gan.drone_score import DroneScore  # noqa: E402
from afterimage_models.texture_vae_gan.evaluation import pieces, recurrence  # noqa: E402
from afterimage_models.texture_vae_gan.export import INPUTS, PackDecoder, PackEncoder, export_decoder, loudness_lufs  # noqa: E402
from afterimage_models.texture_vae_gan.frames import (  # noqa: E402
    BANDS,
    BYTE_STEP_DB,
    SEGMENT,
    mel_frames,
    pack_levels,
    unpack_levels,
)
from afterimage_models.texture_vae_gan.grain import LOOPS, grain_table  # noqa: E402
from afterimage_models.texture_vae_gan.network import KNOTS, LATENT, Decoder, Encoder, Grain  # noqa: E402
from afterimage_models.texture_vae_gan.noisiness import Noisiness  # noqa: E402
from afterimage_models.texture_vae_gan.paths import FAST, MEDIUM, SLOW, Paths, blend, normal_to_uniform  # noqa: E402
from afterimage_models.texture_vae_gan.space import Space  # noqa: E402

SECONDS = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE


def noise(seed: int, seconds: float = 4.0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))


def plain_space() -> Space:
    axes = [{"name": f"Axis {i}", "descriptor": "air"} for i in range(LATENT)]
    return Space(np.eye(LATENT), np.eye(LATENT), np.zeros(LATENT), axes)


@pytest.fixture(scope="module")
def decoder() -> PackDecoder:
    torch.manual_seed(3)
    return PackDecoder(Decoder(), plain_space()).eval()


def test_a_full_scale_sine_in_the_middle_of_a_bin_lies_near_0_db():
    frames = mel_frames(np.sin(2.0 * np.pi * 43.0 * SAMPLE_RATE / 2048 * SECONDS))
    assert abs(frames[20:-20].max() - 0.0) < 2.0


def test_stored_levels_come_back_within_half_a_step():
    frames = mel_frames(noise(1))
    assert np.abs(unpack_levels(pack_levels(frames)) - frames).max() <= BYTE_STEP_DB / 2 + 1e-4


def test_places_are_the_logistic_curve_by_exact_operations() -> None:
    noise = torch.linspace(-8.0, 8.0, 4001)
    found = normal_to_uniform(noise)
    assert (found - torch.sigmoid(1.702 * noise)).abs().max() < 1e-4
    assert (found.diff() >= 0.0).all() and found.min() >= 0.0 and found.max() <= 1.0
    # What is rounded alike everywhere: no runtime's own exponential is in it.
    traced = torch.jit.trace(normal_to_uniform, noise).inlined_graph
    kinds = {node.kind().split("::")[1] for node in traced.nodes()}
    assert kinds <= {"Constant", "mul", "add", "div", "clamp"}


def test_a_path_is_a_function_of_time_and_noise_alone():
    paths, seconds = Paths(), torch.rand(2, 50) * 30.0
    whole = paths(seconds, torch.tensor([[0.3], [-1.0]]))
    assert whole.shape == (2, 50, SLOW + MEDIUM + FAST)
    assert torch.equal(paths(seconds[1:, 20:21], torch.tensor([[-1.0]]))[0, 0], whole[1, 20])
    assert not torch.allclose(paths(seconds[:1], torch.tensor([[0.4]])), whole[:1])


def test_paths_have_unit_variance_and_slow_ones_move_slowly():
    paths = Paths()(torch.arange(0.0, 200.0, 0.01)[None], torch.zeros(1, 1))[0]
    assert abs(paths.var(0).mean() - 1.0) < 0.15
    step = (paths[1:] - paths[:-1]).abs().mean(0)
    assert step[:SLOW].max() < 0.2 * step[SLOW + MEDIUM :].min()


def test_blending_two_independent_values_keeps_the_variance():
    low, high = torch.randn(2, 100_000)
    for share in (0.0, 0.3, 0.5, 1.0):
        assert abs(blend(low, high, torch.tensor(share)).var() - 1.0) < 0.02


def test_no_two_groups_of_bands_loop_together():
    assert len(set(LOOPS.tolist())) == len(LOOPS)
    grain = Grain()(torch.arange(3000)[None])[0].numpy()
    first = grain[: LOOPS[0]]
    again = grain[LOOPS[0] : 2 * LOOPS[0]]
    assert np.allclose(first[:, :20], again[:, :20])
    assert not np.allclose(first[:, 20:], again[:, 20:])


def test_noise_is_noisy_and_a_tone_is_not():
    noisy, tone = (
        Noisiness()(torch.from_numpy(mel_frames(sound))[None])[0, 50:300]
        for sound in (noise(2), 0.2 * np.sin(2.0 * np.pi * 440.0 * SECONDS))
    )
    assert noisy.mean() > 0.8
    assert tone[:, 10:20].max() < 0.1
    assert grain_table().std() > 3.0


def test_a_frame_of_the_pack_does_not_hear_the_rows_beside_it(decoder: PackDecoder):
    latent, draw, time = torch.randn(5, LATENT), torch.randn(5, 1), torch.rand(5, 1) * 20.0
    with torch.no_grad():
        whole = decoder(latent, draw, time)
        alone = decoder(latent[3:4], draw[3:4], time[3:4])
    assert whole.shape == (5, BANDS)
    assert (whole[3] - alone[0]).abs().max() < 1e-3


def test_the_graph_gives_what_torch_gives_also_after_minutes(decoder: PackDecoder, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    export_decoder(decoder, tmp_path / "d.onnx")
    rng = np.random.default_rng(1)
    feed = {
        "latent": rng.standard_normal((3, LATENT)).astype(np.float32),
        "noise": np.array([[-1.0], [0.0], [2.5]], np.float32),
        "time_on": np.array([[-0.02], [1.2345], [500.4]], np.float32),
    }
    (frames,) = onnxruntime.InferenceSession(str(tmp_path / "d.onnx")).run(None, feed)
    with torch.no_grad():
        expected = decoder(*(torch.from_numpy(feed[name]) for name in INPUTS)).numpy()
    assert np.mean(np.abs(frames - expected) > 0.05) < 0.02  # but for cells that lie on the gate


def test_networks_take_and_give_the_shapes_they_say():
    mean, log_variance, slow, slow_log_variance = Encoder()(torch.full((2, SEGMENT, BANDS), -50.0))
    assert mean.shape == log_variance.shape == (2, LATENT)
    assert slow.shape == slow_log_variance.shape == (2, KNOTS, SLOW)


def test_knobs_and_latents_are_inverse_and_the_encode_graph_gives_knobs():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(LATENT, LATENT))
    space = Space(np.linalg.qr(rng.normal(size=(LATENT, LATENT)))[0], root @ root.T, rng.normal(size=LATENT), [])
    knobs = rng.normal(size=(4, LATENT))
    assert np.allclose(space.to_knobs(space.to_inner(knobs)), knobs)
    encoder, frames = Encoder().eval(), torch.randn(2, SEGMENT, BANDS) * 10.0 - 50.0
    with torch.no_grad():
        found = PackEncoder(encoder, space)(frames).numpy()
        expected = space.to_knobs(encoder(frames)[0].numpy()).clip(-3.0, 3.0)
    assert np.allclose(found, expected, atol=1e-2)


def test_frames_are_metered_as_their_sound_is():
    sound = noise(5) * np.exp(-0.1 * SECONDS)
    assert abs(loudness_lufs(mel_frames(sound)[None])[0] - mean_lufs(sound)) < 1.5
    assert TARGET_LUFS < 0.0


def test_a_loop_is_found_out_and_a_noise_is_not():
    loop = np.tile(noise(6, 1.5), 4)
    assert recurrence(loop) > 0.9
    assert recurrence(noise(7, 6.0)) < 0.3


def test_slots_do_not_overlap_and_knobs_stand_before_their_note():
    score = DroneScore(2.0)
    for place in (0.0, 1.5):
        score.add(np.full(LATENT, place))
    made = score.automation()
    first, second = made["notes"]
    assert first[1] < second[0] and second[1] < score.seconds()
    assert made["parameters"]["latent_1"][-1][0] < second[0]
    assert made["parameters"]["latent_1"][-1][1] == pytest.approx(0.75)


def test_pieces_are_whole_and_follow_each_other():
    sound = np.arange(int(5.0 * SAMPLE_RATE))
    first, second = pieces([sound])
    assert len(first) == len(second) and second[0] == first[-1] + 1


def test_segments_stay_within_their_texture():
    levels = np.repeat(np.arange(2.0), [2 * SEGMENT + 5, SEGMENT])[:, None] * np.ones(BANDS)
    table = np.array([[0, 2 * SEGMENT + 5, 0, 0], [2 * SEGMENT + 5, SEGMENT, 1, 1]])
    textures = TextureSet(levels.astype(np.float32), table)
    assert textures.segments(0).shape == (2, SEGMENT, BANDS) and textures.segments(0).max() == 0.0
    assert textures.segments(1).min() == 1.0


def test_the_manifest_names_what_the_graphs_take():
    sources = {source for recipe in pack.RECIPES.values() for source in recipe}
    presets = pack.named_knobs({source: np.zeros(LATENT) for source in sources})
    made = json.loads(json.dumps(pack.manifest(plain_space(), presets, [], [])))
    assert [row["tensor"] for row in made["graphs"]["decode"]["inputs"]] == list(INPUTS)
    assert made["play"]["default_preset"] in presets and len(presets) >= 12
    assert len(made["latent"]["axes"]) == made["latent"]["size"] == LATENT
