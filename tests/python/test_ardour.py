"""A real DAW, Ardour without a screen, records what Afterimage FX plays on from a track to a new track.

The recording, and an export, are held against the loop that was laid on the track and against the take
that the plugin kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ardour_host import ArdourSession, Audio, missing
from conftest import level_db

SCRIPTS = Path(__file__).resolve().parent / "ardour"
EFFECT_UID = b"AfterimageEffct1".hex().upper()
RATE_HZ = 48_000
# Ardour's tempo and metre where nobody sets another.
QUARTER = RATE_HZ // 2
BAR = 4 * QUARTER
LINE = 4 * BAR
BARS = 4
LENGTH = 10 * BAR
# The wish comes after the bar line before and a lead before its own.
WISH = LINE - RATE_HZ * 2 // 5
# The plugin crossfades over 10 ms to both sides of a switch.
SWITCH = RATE_HZ // 100
# Render Mode 2 waits for the model: how busy this machine is must not decide.
SETTINGS = f"Continue Source=1;Continue On=2;Continue Bars={BARS};Render Mode=2"


@dataclass(frozen=True)
class Run:
    """One run of the session: what came out, and the take that the plugin kept of it."""

    audio: Audio
    take: Audio
    record: dict[str, Any]

    @property
    def begin(self) -> int:
        """The sample of the file on which the take begins."""
        place = placed(self.audio, self.take)
        assert place is not None, "the file does not hold the take"
        return place

    @property
    def end(self) -> int:
        """The sample after the take's last."""
        return self.begin + self.take.shape[1]


def loop() -> Audio:
    """Twenty seconds of plucked notes with some noise, in stereo: [2, samples]."""
    time_s = np.arange(QUARTER) / RATE_HZ
    noise = np.random.default_rng(5)
    audio = np.zeros((2, LENGTH), dtype=np.float32)
    # The first beat is a rest: Ardour fades in what plays when its transport starts.
    for beat in range(1, LENGTH // QUARTER):
        pitch_hz = 110 * 2 ** ((0, 3, 7, 10, 12, 7, 3, 5)[beat % 8] / 12)
        partials = sum(np.sin(2 * np.pi * pitch_hz * n * time_s) / n for n in range(1, 7))
        note = partials * np.exp(-5 * time_s) * np.minimum(1, 400 * time_s)
        knock = noise.standard_normal(QUARTER) * np.exp(-60 * time_s)
        place = slice(beat * QUARTER, (beat + 1) * QUARTER)
        audio[0, place] = 0.15 * note + 0.05 * knock
        audio[1, place] = 0.12 * note + 0.10 * knock
    return audio


def placed(audio: Audio, take: Audio) -> int | None:
    """The sample within 1 ms of the bar line from which `audio` holds `take`, bit for bit, between its crossfades."""
    inner = take[:, SWITCH:-SWITCH]
    for begin in range(LINE - RATE_HZ // 1000, LINE + RATE_HZ // 1000 + 1):
        if np.array_equal(audio[:, begin + SWITCH : begin + SWITCH + inner.shape[1]], inner):
            return begin
    return None


def run_of(audio: Audio, data: Path) -> Run:
    """What came out together with the one take in a user's data folder."""
    folders = list((data / "afterimage" / "takes").iterdir())
    assert len(folders) == 1, f"{len(folders)} takes were kept, not one"
    take, rate_hz = soundfile.read(folders[0] / "sound.wav", dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    return Run(audio[:, :LENGTH], take.T, json.loads((folders[0] / "take.json").read_text()))


@pytest.fixture(scope="module")
def session(vst3: Path, tmp_path_factory: pytest.TempPathFactory) -> ArdourSession:
    """A session with the loop on a track, the effect on it, and a second track fed by the first."""
    if missing():
        pytest.skip(f"Ardour 7 is not installed (Debian: apt install ardour); missing: {', '.join(missing())}")
    made = ArdourSession(tmp_path_factory.mktemp("ardour"), "play-on", RATE_HZ)
    made.install(vst3)
    given = {"PLUGIN": EFFECT_UID, "SETTINGS": SETTINGS, "WISH_SAMPLE": str(WISH)}
    made.lua(SCRIPTS / "make.lua", given)
    made.lay("Player", loop())
    return made


@pytest.fixture(scope="module")
def exported(session: ArdourSession, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The session's export, before anything is recorded."""
    folder = tmp_path_factory.mktemp("exported")
    return run_of(session.export(folder / "export.wav", folder / "data"), folder / "data")


@pytest.fixture(scope="module")
def recorded(session: ArdourSession, exported: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What the second track recorded while the transport ran."""
    assert exported.audio.shape == (2, LENGTH)
    data = tmp_path_factory.mktemp("recorded") / "data"
    session.lua(SCRIPTS / "record.lua", {"LAST_SAMPLE": str(LENGTH)}, data)
    return run_of(session.recorded("Recorded"), data)


@pytest.fixture(params=["recorded", "exported"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each way in which the continuation becomes a file."""
    return request.getfixturevalue(request.param)


def test_before_the_switch_the_file_is_the_input_bit_for_bit(run: Run) -> None:
    """Listening changes nothing."""
    dry = slice(0, run.begin - SWITCH)
    assert np.array_equal(run.audio[:, dry], loop()[:, dry])


def test_from_the_switch_on_the_file_holds_the_take_bit_for_bit(run: Run) -> None:
    """All of it but the crossfades at both ends, and it is four bars long, and no silence."""
    assert run.take.shape == (2, BARS * BAR)
    assert placed(run.audio, run.take) is not None
    assert level_db(run.take) > level_db(loop()) - 6.0


def test_the_switch_lies_on_the_bar_line(run: Run) -> None:
    """Though Ardour rounds the musical time that it tells to 1/1920 of a quarter note, 12.5 samples here."""
    print(f"the take begins {run.begin - LINE} samples from the bar line")
    assert run.record["position_quarters"] == LINE / QUARTER
    assert run.begin == LINE


def test_after_the_take_the_input_is_back_bit_for_bit(run: Run) -> None:
    """Nothing of the take is left over."""
    dry = slice(run.end + SWITCH, LENGTH)
    assert np.array_equal(run.audio[:, dry], loop()[:, dry])


@pytest.mark.parametrize("side", ["begin", "end"])
def test_a_switch_leaves_no_gap_and_makes_no_jump(run: Run, side: str) -> None:
    """Its level lies no lower than on the quieter side, less 3 dB; no step is larger than elsewhere."""
    at = getattr(run, side)
    switch = run.audio[:, at - SWITCH : at + SWITCH]
    before = run.audio[:, at - 3 * SWITCH : at - SWITCH]
    after = run.audio[:, at + SWITCH : at + 3 * SWITCH]
    quieter_db = min(level_db(before), level_db(after))
    print(f"{side}: {level_db(switch):.1f} dB; before {level_db(before):.1f}, after {level_db(after):.1f}")
    assert level_db(switch) > quieter_db - 3.0
    usual = max(np.abs(np.diff(part)).max() for part in (loop(), run.take))
    assert np.abs(np.diff(switch)).max() <= usual


def test_a_take_that_misses_one_sample_is_not_found(run: Run) -> None:
    """Negative control of the comparison that the others rest on."""
    damaged = np.delete(run.take, run.take.shape[1] // 2, axis=1)
    assert placed(run.audio, damaged) is None
