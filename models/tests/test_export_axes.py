"""Names of a user's knobs: a decoder whose axes do known things is told what they do."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="modules are exported where torch is installed")

from torch import nn  # noqa: E402

from afterimage_models import export  # noqa: E402
from afterimage_models.exporting.latent import LatentSpace, drawn_presets, latent_space  # noqa: E402
from afterimage_models.exporting.listening import ear_of  # noqa: E402
from afterimage_models.exporting.naming import UNHEARD  # noqa: E402
from afterimage_models.exporting.plugin_check import VARIABLE  # noqa: E402
from afterimage_models.onnx_manifest import MANIFEST_KEY  # noqa: E402

BINS, FRAMES = 129, 24
RATE = 24_000
SPECTRA = {"kind": "log-amplitude", "sample_rate": RATE, "n_fft": 256, "hop": 64, "unit": "db", "bins": BINS}


@pytest.fixture(autouse=True)
def without_xtask(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no-xtask"))
    torch.manual_seed(1)


class Known(nn.Module):
    """Whole sounds [batch, FRAMES, BINS] in dB: axis 0 does nothing, 1 turns it down a little, 2 makes it fade faster,
    3 tilts it far towards the highs.
    """

    def forward(self, latent):
        hz = torch.linspace(0.0, 1.0, BINS).view(1, 1, -1)
        time = torch.linspace(0.0, 1.0, FRAMES).view(1, -1, 1)
        still, quiet, fade, tilt = (latent[:, i].view(-1, 1, 1) for i in range(4))
        level = -30.0 - 1.5 * quiet - (14.0 + 4.0 * fade) * time + (12.0 * tilt - 20.0) * (hz - 0.5)
        return level + 0.0 * still


def made(module, inputs, example, tmp_path, representation=SPECTRA, play="one-shot", **more):
    given = {"name": "Known", "license": "CC0-1.0", "representation": representation, "inputs": inputs, "play": play}
    path = export(module, given, example, folder=tmp_path, **more)
    import onnx

    held = {p.key: p.value for p in onnx.load(str(path)).metadata_props}
    return path, json.loads(held[MANIFEST_KEY])


def latents(size=4, count=300):
    return np.random.default_rng(3).normal(1.0, 0.5, (count, size))


def test_axes_are_named_by_what_they_do_and_what_does_nothing_goes_last(tmp_path):
    _, manifest = made(Known(), ["latent"], torch.zeros(1, 4), tmp_path, latents=latents())
    axes = manifest["latent"]["axes"]
    assert [axis["name"] for axis in axes] == ["Brightness", "Decay", "Level", UNHEARD]
    assert [axis["descriptor"] for axis in axes] == ["brightness", "decay", "level", ""]
    changes = [axis["spectral_change_db"] for axis in axes]
    assert changes == sorted(changes, reverse=True) and changes[-1] == 0.0
    assert all(axis["min"] < 0.0 < axis["max"] for axis in axes)


def test_a_knob_turned_up_makes_more_of_what_it_is_named_after(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="runs the graph")
    path, manifest = made(Known(), ["latent"], torch.zeros(1, 4), tmp_path, latents=latents())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    axes, ear = manifest["latent"]["axes"], ear_of(SPECTRA)
    for number, axis in enumerate(axes[:3]):
        knobs = np.zeros((2, 4), np.float32)
        knobs[:, number] = -1.0, 1.0
        tensor = knobs * [a["std"] for a in axes] + [a["mean"] for a in axes]
        feed = {"latent": tensor.astype(np.float32), "class.sound": np.zeros((2, 1), np.int64)}
        found, _ = ear.measure(session.run(None, feed)[0])
        low, high = found[axis["descriptor"]]
        assert high > low, axis["name"]
        assert (high - low) / 2.0 == pytest.approx(axis["effect"], rel=0.35)


def test_reordered_knobs_play_what_the_module_plays(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="runs the graph")
    rows = latents()
    path, manifest = made(Known(), ["latent"], torch.zeros(1, 4), tmp_path, latents=rows)
    first = manifest["latent"]["presets"][0]
    axes = manifest["latent"]["axes"]
    tensor = np.array(first["latent"]) * [a["std"] for a in axes] + [a["mean"] for a in axes]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {"latent": tensor[None].astype(np.float32), "class.sound": np.zeros((1, 1), np.int64)}
    (frames,) = session.run(None, feed)
    wanted = Known()(torch.tensor(drawn_presets(rows)["Sound 1"][None], dtype=torch.float32)).numpy()
    np.testing.assert_allclose(frames, wanted, atol=0.05)


def test_a_decoder_of_single_frames_is_heard_over_its_time(tmp_path):
    class Frame(nn.Module):
        def forward(self, latent, time_on):
            hz = torch.linspace(0.0, 1.0, BINS).view(1, -1)
            return (
                -30.0 - 20.0 * hz - (20.0 + 12.0 * latent[:, 1:2]) * time_on.clamp(max=2.0) + 0.02 * latent[:, :1] * hz
            )

    example = (torch.zeros(1, 2), torch.zeros(1, 1))
    _, manifest = made(Frame(), ["latent", "time_on"], example, tmp_path, play="drone")
    axes = manifest["latent"]["axes"]
    assert axes[0]["name"] == "Decay" and axes[1]["name"] == UNHEARD


def test_a_decoder_with_a_state_is_heard_as_it_goes_on(tmp_path):
    class Streaming(nn.Module):
        """Fades by its state, the faster the more of axis 1; axis 0 tilts a little."""

        def forward(self, latent, state):
            hz = torch.linspace(0.0, 1.0, BINS).view(1, -1)
            state = state + 1.0
            return -20.0 - 20.0 * hz - (1.0 + 0.4 * latent[:, 1:2]) * state + 0.5 * latent[:, :1] * hz, state

    example = (torch.zeros(1, 2), torch.zeros(1, 1))
    outputs = {"outputs": ["frame", "state"]}
    given = {"name": "Known", "license": "CC0-1.0", "representation": SPECTRA, "inputs": ["latent", "state"]}
    path = export(Streaming(), given | outputs | {"play": "drone"}, example, folder=tmp_path)
    import onnx

    held = {p.key: p.value for p in onnx.load(str(path)).metadata_props}
    axes = json.loads(held[MANIFEST_KEY])["latent"]["axes"]
    assert [axis["name"] for axis in axes] == ["Decay", "Brightness"]


def test_twelve_presets_are_drawn_apart_and_given_ones_stay(tmp_path):
    rows = latents()
    _, manifest = made(Known(), ["latent"], torch.zeros(1, 4), tmp_path, latents=rows)
    presets = np.array([p["latent"] for p in manifest["latent"]["presets"]])
    assert len(presets) == 12
    apart = np.linalg.norm(presets[:, None] - presets[None], axis=2) + 9.0 * np.eye(12)
    assert apart.min() > 0.5
    given = {"Mine": rows[0]}
    _, manifest = made(Known(), ["latent"], torch.zeros(1, 4), tmp_path / "b", latents=rows, presets=given)
    assert [p["name"] for p in manifest["latent"]["presets"]] == ["Mine"]


def test_latents_that_are_all_alike_give_one_preset_and_none_give_none():
    assert list(drawn_presets(np.ones((20, 3)))) == ["Sound 1"]
    assert drawn_presets(None) == {}


def test_above_sixteen_axes_principal_ones_are_named_by_effect(tmp_path):
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Parameter(torch.linalg.qr(torch.randn(24, 24))[0], requires_grad=False)

        def forward(self, latent):
            return Known()((latent @ self.mix)[:, :4])

    mixed = np.random.default_rng(1).standard_normal((400, 24)) * np.geomspace(0.2, 2.0, 24)
    _, manifest = made(Wide(), ["latent"], torch.zeros(1, 24), tmp_path, latents=mixed)
    names = [axis["name"] for axis in manifest["latent"]["axes"]]
    assert len(names) == 24 and len(set(names)) == 24
    changes = [axis["spectral_change_db"] for axis in manifest["latent"]["axes"]]
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize(
    "representation",
    [
        {"kind": "linear", "sample_rate": RATE, "unit": "linear", "bins": 64},
        {"kind": "mel", "sample_rate": RATE, "unit": "db", "bins": 64, "mel_scale": "htk"},
        {"kind": "log-frequency", "sample_rate": RATE, "unit": "ln", "bins": 64, "f_min": 40.0, "f_max": 11_000.0},
        {"preset": "librosa-melspectrogram", "bins": 64},
    ],
)
def test_every_axis_and_unit_hears_a_higher_sound_as_brighter_and_higher(representation):
    ear = ear_of(representation)
    loud = np.zeros((2, 6, 64)) + (-80.0 if representation.get("unit") == "db" else 0.0)
    if representation.get("unit") == "ln":
        loud -= 9.0
    loud[0, :, 10], loud[1, :, 40] = 1.0, 1.0
    found, _ = ear.measure(loud)
    assert found["brightness"][1] > found["brightness"][0] + 0.5
    assert found["pitch"][1] - found["pitch"][0] == pytest.approx(np.log2(ear.hz[40] / ear.hz[10]))
    assert found["level"][0] == pytest.approx(found["level"][1], abs=0.5)


def test_frames_without_a_frequency_axis_keep_plain_names():
    assert ear_of({"kind": "harmonic-noise", "sample_rate": RATE, "bins": 64}) is None
    assert ear_of({"kind": "events"}) is None


def test_knobs_and_latents_are_each_others_inverse():
    space = latent_space(20, np.random.default_rng(2).standard_normal((50, 20)))
    knobs = np.random.default_rng(3).standard_normal((5, 20))
    np.testing.assert_allclose(space.to_knobs(space.to_inner(knobs)), knobs, atol=1e-9)
    plain = LatentSpace([{"mean": 2.0, "std": 0.5}])
    assert plain.to_inner(np.array([[1.0]])).item() == 2.5
