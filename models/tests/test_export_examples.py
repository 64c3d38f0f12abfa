"""The worked examples of export: each becomes a pack, and the plugin plays it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here: the examples run where models are trained")
pytest.importorskip("librosa", reason="librosa is not installed here: an example needs its mel spectrogram")

from afterimage_models import ExportError, export  # noqa: E402
from afterimage_models.exporting.plugin_check import find_xtask  # noqa: E402

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
QUICK = {
    "mel_vae": {"sounds": 8, "steps": 2}, "pitched_mlp": {"frames": 64, "seconds": 0.5},
    "event_gru": {"tunes": 8, "steps": 2}, "streaming_glide": {"gestures_made": 8, "steps": 2},
    "modal_bells": {"cast": 4, "steps": 2},
}  # fmt: skip


@pytest.fixture(scope="module", params=QUICK)
def pack(request: pytest.FixtureRequest, tmp_path_factory) -> Path:
    name = request.param
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(tmp_path_factory.mktemp(name), **QUICK[name])


def test_an_example_becomes_a_pack(pack):
    entries = {p.key: p.value for p in onnx.load(str(pack)).metadata_props}
    manifest = json.loads(entries["neural_audio.manifest"])
    assert manifest["schema"] == 1
    assert manifest["license"] == "CC0-1.0"
    assert "lab" in manifest["tags"]


@pytest.fixture
def xtask() -> Path:
    found = find_xtask()
    if found is None:
        pytest.skip("xtask is not built here: the plugin is not asked")
    return found


def test_the_plugin_plays_an_example(pack, xtask):
    done = subprocess.run([xtask, "check-model", pack], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "they agree" in done.stdout


@pytest.mark.usefixtures("xtask")
def test_an_operator_that_rten_lacks_is_told(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(4, 65), torch.nn.CELU())
    frames = {"kind": "log-amplitude", "sample_rate": 22050, "n_fft": 128, "hop": 32, "unit": "db"}
    manifest = {"name": "Celu", "license": "CC0-1.0", "representation": frames, "inputs": ["latent"], "play": "drone"}
    with pytest.raises(ExportError, match="the plugin does not play it: .*Celu"):
        export(module, manifest, torch.zeros(1, 4), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
