"""Export of a user's module: what the file does is what the module does, and each check catches what it is for."""

import json

import numpy as np
import onnx
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is not installed here: modules are exported where models are trained"
)

from torch import nn  # noqa: E402

from afterimage_models import ExportError, export  # noqa: E402
from afterimage_models.events.vocabulary import Vocabulary  # noqa: E402
from afterimage_models.exporting.checks import Graph, check_graph  # noqa: E402
from afterimage_models.exporting.plugin_check import VARIABLE, find_xtask  # noqa: E402
from afterimage_models.onnx_session import open_session  # noqa: E402

VOCABULARY = Vocabulary.of(range(60, 72), (12, 24), (12, 24))
FRAMES = {"kind": "log-amplitude", "sample_rate": 22050, "n_fft": 128, "hop": 32, "unit": "db"}
DECODER = {"name": "Small", "license": "CC0-1.0", "representation": FRAMES, "inputs": ["latent"], "play": "drone"}
PREDICTOR = {
    "name": "Small Prior", "license": "CC0-1.0", "representation": {"kind": "events"},
    "vocabulary": VOCABULARY.manifest(1.0, 1.0), "inputs": ["token", "state.h", "state.c"],
    "outputs": ["logits", "state.h", "state.c"],
}  # fmt: skip
HIDDEN = 12


@pytest.fixture(autouse=True)
def without_xtask(monkeypatch, tmp_path):
    """What the checks in Python find; the tests of the examples ask the plugin."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no-xtask"))
    torch.manual_seed(1)


class Step(nn.Module):
    """Bins of a latent: [batch, size] -> [batch, 65]."""

    def __init__(self, size=4, change=lambda y: y):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(size, 16), nn.Tanh(), nn.Linear(16, 65))
        self.change = change

    def forward(self, latent):
        return self.change(20.0 * self.net(latent) - 40.0)


class Prior(nn.Module):
    """One LSTM step; `carry` says in which form the hidden values come back."""

    def __init__(self, carry=lambda h: h):
        super().__init__()
        self.embed, self.head = nn.Embedding(VOCABULARY.size, 8), nn.Linear(HIDDEN, VOCABULARY.size)
        self.lstm, self.carry = nn.LSTM(8, HIDDEN, batch_first=True), carry

    def forward(self, token, h, c):
        out, (h, c) = self.lstm(self.embed(token), (h.unsqueeze(0), c.unsqueeze(0)))
        return self.head(out[:, -1]), self.carry(h[0]), c[0]


def token_and_states(rows=1):
    return torch.zeros(rows, 1, dtype=torch.int64), torch.zeros(rows, HIDDEN), torch.zeros(rows, HIDDEN)


def exported(module, manifest=DECODER, example=None, **more):
    with pytest.warns(UserWarning, match="ONNX Runtime alone"):
        return export(module, manifest, torch.zeros(1, 4) if example is None else example, **more)


def embedded(path):
    return json.loads(next(p.value for p in onnx.load(str(path)).metadata_props if p.key == "neural_audio.manifest"))


def in_order(path, latent):
    """A module's latents [n, size] as the graph takes them: its axes stand in the order of their effect."""
    axes = [axis["module_axis"] for axis in embedded(path)["latent"]["axes"]]
    return np.stack([np.sign(a) * latent[:, abs(a) - 1] for a in axes], 1).astype(np.float32)


def test_the_graph_is_the_module_at_any_batch(tmp_path):
    module = Step().train()
    path = exported(module, folder=tmp_path)
    session = open_session(path)
    for rows in (1, 5, 16):
        latent = torch.randn(rows, 4)
        found = session.run(["frame"], {"latent": in_order(path, latent.numpy())})[0]
        torch.testing.assert_close(torch.tensor(found), module(latent).detach(), atol=1e-4, rtol=1e-4)
    assert module.training


def test_the_manifest_is_inside_the_only_file(tmp_path):
    path = exported(Step(), folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["small.onnx"] == [path.name]
    manifest = embedded(path)
    assert manifest["graphs"]["decode"]["inputs"][0]["shape"] == ["batch", 4]
    assert manifest["representation"]["bins"] == 65


def test_knobs_turn_the_principal_axes_of_a_large_latent(tmp_path):
    latents = torch.randn(500, 20) * torch.linspace(3.0, 0.1, 20) + 1.0
    module, place = Step(20), latents[3]
    path = exported(module, example=torch.zeros(1, 20), latents=latents, presets={"Here": place}, folder=tmp_path)
    latent = embedded(path)["latent"]
    mean, std = (np.array([axis[key] for axis in latent["axes"]]) for key in ("mean", "std"))
    fed = (mean + std * np.array(latent["presets"][0]["latent"]))[None].astype(np.float32)
    found = open_session(path).run(["frame"], {"latent": fed})[0][0]
    np.testing.assert_allclose(found, module(place[None])[0].detach().numpy(), atol=0.1)  # presets have 3 digits


def test_a_decoder_of_whole_sounds_without_classes_plays_on_all_keys(tmp_path):
    manifest = DECODER | {"play": "one-shot", "representation": FRAMES | {"bins": 65}}
    module = Step(change=lambda y: y.unsqueeze(1).repeat(1, 6, 1))
    path = exported(module, manifest, folder=tmp_path)
    written = embedded(path)
    assert written["graphs"]["decode"]["frames_per_call"] == 6
    assert {hit["label"] for hit in written["play"]["hits"]} == {"sound"}
    fed = {"latent": in_order(path, np.ones((2, 4))), "class.sound": np.zeros((2, 1), np.int64)}
    found = open_session(path).run(["frame"], fed)[0]
    np.testing.assert_allclose(found, module(torch.ones(2, 4)).detach().numpy(), atol=1e-4)


def test_states_of_an_lstm_are_pairs(tmp_path):
    manifest = embedded(exported(Prior(), PREDICTOR, token_and_states(), folder=tmp_path))
    assert [(pair["input"], pair["output"]) for pair in manifest["state"]] == [
        ("state.h", "state.h.out"), ("state.c", "state.c.out"),
    ]  # fmt: skip


def test_several_graphs_are_a_folder_and_the_encoder_gives_what_the_decoder_takes(tmp_path):
    encoder, decoder = nn.Linear(65, 20), Step(20)
    manifest = DECODER | {
        "inputs": {"encode": ["frame"], "decode": ["latent"]}, "outputs": {"encode": ["latent"], "decode": ["frame"]},
    }  # fmt: skip
    example = {"encode": torch.randn(1, 65), "decode": torch.zeros(1, 20)}
    parts = {"encode": encoder, "decode": decoder}
    folder = exported(parts, manifest, example, latents=torch.randn(90, 20), folder=tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == ["decode.onnx", "encode.onnx", "manifest.json"]
    frame = torch.randn(3, 65)
    latent = open_session(folder / "encode.onnx").run(["latent"], {"frame": frame.numpy()})[0]
    found = open_session(folder / "decode.onnx").run(["frame"], {"latent": latent})[0]
    np.testing.assert_allclose(found, decoder(encoder(frame)).detach().numpy(), atol=1e-3)


class Branch(Step):
    """Asks for a value, which a trace keeps."""

    def forward(self, latent):
        y = super().forward(latent)
        return y if float(latent.sum()) > 0.0 else y - 1.0


REFUSED = {
    "control flow": (Branch(), "does not trace: line .* of test_export.py"),
    "an unknown operator": (Step(change=lambda y: torch.special.bessel_j0(y)), "does not export: .*bessel_j0"),
    "not finite": (Step(change=lambda y: torch.log(y + 40.0)), "'frame' is not finite in call 1 of 60"),
    "rows that mix": (Step(change=lambda y: y - y.mean(0, keepdim=True)), "changes with its neighbours"),
    "randomness": (Step(change=lambda y: y + torch.randn(65)), "changes with its neighbours"),
    "a batch that is not first": (Step(change=lambda y: y[:1]), "has 1 rows for a batch of 4"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_fault_is_one_sentence_and_leaves_no_file(fault, tmp_path):
    module, sentence = REFUSED[fault]
    with pytest.raises(ExportError, match=sentence) as error:
        export(module, DECODER, torch.ones(1, 4), folder=tmp_path)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_the_module_is_told(tmp_path):
    path = exported(Step(), folder=tmp_path)
    manifest = embedded(path)
    sides = (manifest["graphs"]["decode"][side] for side in ("inputs", "outputs"))
    other = Graph("decode", Step().eval(), *sides, [np.zeros((1, 4), np.float32)])
    with pytest.raises(ExportError, match="'frame' in ONNX Runtime is not what PyTorch says in call 1 of 60"):
        check_graph(other, manifest, path)


def test_an_input_that_nothing_reads_is_named(tmp_path):
    class Deaf(Step):
        def forward(self, latent, velocity):
            return super().forward(latent)

    manifest = DECODER | {"inputs": ["latent", "velocity"]}
    with pytest.raises(ExportError, match="nothing in the module reads 'velocity'"):
        export(Deaf(), manifest, (torch.zeros(1, 4), torch.ones(1, 1)), folder=tmp_path)


def test_states_that_come_back_in_another_shape_are_told(tmp_path):
    with pytest.raises(ExportError, match=r"state 'state.h' goes in as .* and comes out as"):
        export(Prior(lambda h: h.repeat(1, 2)), PREDICTOR, token_and_states(), folder=tmp_path)


def test_states_with_the_layers_first_are_told(tmp_path):
    class LayersFirst(Prior):
        def forward(self, token, h, c):
            out, (h, c) = self.lstm(self.embed(token), (h, c))
            return self.head(out[:, -1]), h, c

    example = (torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, HIDDEN), torch.zeros(1, 1, HIDDEN))
    with pytest.raises(ExportError, match="runs with 1 row but not with 2"):
        export(LayersFirst(), PREDICTOR, example, folder=tmp_path)


class Streaming(Step):
    """A frame of the latent and of what a leaky memory of it says."""

    def forward(self, latent, past):
        past = 0.9 * past + 0.1 * latent
        return super().forward(latent + past), past


STREAMING = DECODER | {"inputs": ["latent", "state"], "outputs": ["frame", "state"]}


def test_the_state_of_a_frame_decoder_is_a_pair(tmp_path):
    example = (torch.zeros(1, 4), torch.zeros(1, 4))
    manifest = embedded(exported(Streaming(), STREAMING, example, folder=tmp_path))
    assert manifest["state"] == [{"input": "state", "output": "state.out", "kind": "replace", "initial": 0.0}]
    assert manifest["graphs"]["decode"]["frames_per_call"] == 1


def test_a_decoder_of_whole_sounds_with_state_is_told(tmp_path):
    class Whole(Streaming):
        def forward(self, latent, past):
            frame, past = super().forward(latent, past)
            return frame[:, None].repeat(1, 3, 1), past

    manifest = STREAMING | {"representation": STREAMING["representation"] | {"bins": 65}, "play": "one-shot"}
    with pytest.raises(ExportError, match="gives 3 frames a call"):
        export(Whole(), manifest, (torch.zeros(1, 4), torch.zeros(1, 4)), folder=tmp_path)


def test_an_example_that_the_module_does_not_take_is_told(tmp_path):
    with pytest.raises(ExportError, match="'decode' does not run on its example"):
        export(Step(), DECODER, torch.zeros(1, 7), folder=tmp_path)


def test_a_module_that_returns_a_dict_is_told(tmp_path):
    with pytest.raises(ExportError, match="does not run on its example: a dict stands where"):
        export(Step(change=lambda y: {"frame": y}), DECODER, torch.zeros(1, 4), folder=tmp_path)


def test_an_example_that_lacks_a_graph_is_told(tmp_path):
    manifest = DECODER | {"inputs": {"decode": ["latent"]}}
    with pytest.raises(ExportError, match="'inputs' names 1 tensors, but the module has 0"):
        export({"decode": Step()}, manifest, {}, folder=tmp_path)


def test_the_tool_that_is_not_there_is_not_asked():
    assert find_xtask() is None
