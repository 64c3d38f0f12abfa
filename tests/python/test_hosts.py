"""The VST3 bundle in two hosts written elsewhere: the same notes at the same level as the CLAP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import NOTES, RATE_HZ, SECONDS, level_db, pitch_hz, steady

CENTS = 2.0
LEVEL_DB = 0.1
# These hosts render faster than real time without saying so: the plugin is told to wait for its model.
WAIT = 1.0
Audio = NDArray[np.float32]


def assert_same_music(audio: Audio, reference: Audio, latency_samples: int) -> None:
    """Each note has the pitch and the level of the reference; between notes it is as quiet."""
    audio = audio[:, latency_samples:]
    for note in NOTES:
        heard, wanted = steady(audio, note), steady(reference, note)
        cents = 1200 * np.log2(pitch_hz(heard) / pitch_hz(wanted))
        assert abs(cents) < CENTS, f"{note}: {cents:.1f} cents beside the CLAP"
        difference = level_db(heard) - level_db(wanted)
        assert abs(difference) < LEVEL_DB, f"{note}: {difference:.2f} dB beside the CLAP"


@pytest.fixture(scope="module")
def dawdreamer_engine() -> Any:
    """A dawdreamer engine with small blocks."""
    dawdreamer = pytest.importorskip("dawdreamer")
    return dawdreamer.RenderEngine(RATE_HZ, 256)


def dawdreamer_render(engine: Any, plugin: Any) -> Audio:
    """Plays the event list once."""
    plugin.clear_midi()
    for note in NOTES:
        plugin.add_midi_note(note.key, note.velocity, note.on_s, note.off_s - note.on_s)
    names = {entry["name"]: entry["index"] for entry in plugin.get_parameters_description()}
    plugin.set_parameter(names["Render Mode"], WAIT)
    plugin.set_parameter(names["Drift"], 0.0)
    engine.load_graph([(plugin, [])])
    engine.render(SECONDS)
    return np.asarray(engine.get_audio(), dtype=np.float32)


def test_dawdreamer_plays_the_notes_of_the_clap(dawdreamer_engine: Any, vst3: Path, reference: Audio) -> None:
    """Same event list, same notes, same level."""
    plugin = dawdreamer_engine.make_plugin_processor("first", str(vst3))
    audio = dawdreamer_render(dawdreamer_engine, plugin)
    assert_same_music(audio, reference, plugin.get_latency_samples())


def test_dawdreamer_state_brings_the_sound_back(dawdreamer_engine: Any, vst3: Path, tmp_path: Path) -> None:
    """A state saved by one instance gives another the same parameters and the same pitch."""
    first = dawdreamer_engine.make_plugin_processor("saver", str(vst3))
    names = {entry["name"]: entry["index"] for entry in first.get_parameters_description()}
    first.set_parameter(names["Latent 1"], 0.75)
    first.set_parameter(names["Output Gain"], 0.7)
    before = dawdreamer_render(dawdreamer_engine, first)
    state = tmp_path / "session.state"
    first.save_state(str(state))
    second = dawdreamer_engine.make_plugin_processor("loader", str(vst3))
    second.load_state(str(state))
    after = dawdreamer_render(dawdreamer_engine, second)
    assert second.get_parameter(names["Latent 1"]) == pytest.approx(0.75, abs=1e-4)
    assert second.get_parameter(names["Output Gain"]) == pytest.approx(0.7, abs=1e-4)
    assert_same_music(after, before, 0)


@pytest.fixture(scope="module")
def pedalboard_plugin(vst3: Path) -> Any:
    """One instance for all tests: its Python wrapper reads every value's text, half a minute long."""
    pedalboard = pytest.importorskip("pedalboard")
    plugin = pedalboard.VST3Plugin(str(vst3), plugin_name="Afterimage", initialization_timeout=300)
    plugin.parameters["render_mode"].raw_value = WAIT
    plugin.parameters["drift"].raw_value = 0.0
    return plugin


def pedalboard_render(plugin: Any) -> Audio:
    """Plays the event list once."""
    messages = []
    for note in NOTES:
        messages.append(mido.Message("note_on", note=note.key, velocity=note.velocity, time=note.on_s))
        messages.append(mido.Message("note_off", note=note.key, time=note.off_s))
    return plugin(messages, duration=SECONDS, sample_rate=RATE_HZ, num_channels=2, buffer_size=256)


def test_pedalboard_plays_the_notes_of_the_clap(pedalboard_plugin: Any, reference: Audio) -> None:
    """Same event list, same notes, same level; with MIDI this host leaves the latency in."""
    audio = pedalboard_render(pedalboard_plugin)
    assert_same_music(audio, reference, pedalboard_plugin.reported_latency_samples)


def test_pedalboard_state_keeps_a_parameter(pedalboard_plugin: Any) -> None:
    """Set, process a block, save, change, load: the value is back."""
    silence = {"duration": 0.05, "sample_rate": RATE_HZ, "num_channels": 2, "buffer_size": 256}
    pedalboard_plugin.parameters["latent_1"].raw_value = 0.7
    pedalboard_plugin([], **silence)
    saved = pedalboard_plugin.raw_state
    pedalboard_plugin.parameters["latent_1"].raw_value = 0.1
    pedalboard_plugin([], **silence)
    pedalboard_plugin.raw_state = saved
    pedalboard_plugin([], **silence)
    assert pedalboard_plugin.parameters["latent_1"].raw_value == pytest.approx(0.7, abs=1e-4)


def test_pedalboard_hears_the_input_through_the_effect_bit_for_bit(vst3: Path) -> None:
    """The second plugin of the same file: an effect without latency, which only listens."""
    pedalboard = pytest.importorskip("pedalboard")
    effect = pedalboard.VST3Plugin(str(vst3), plugin_name="Afterimage FX", initialization_timeout=300)
    assert effect.is_effect and not effect.is_instrument
    noise = np.random.default_rng(7).uniform(-1.2, 1.2, (2, RATE_HZ)).astype(np.float32)
    heard = effect(noise, RATE_HZ, buffer_size=256)
    assert effect.reported_latency_samples == 0
    np.testing.assert_array_equal(heard, noise)
