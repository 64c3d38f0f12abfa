"""Ardour without a screen: a home of its own, sessions by Lua, audio regions by XML, export, recordings."""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

LIBRARIES = Path("/usr/lib/ardour7")
SCANNER = LIBRARIES / "ardour-vst3-scanner"
PROGRAMS = ("ardour7-lua", "ardour7-export")
# Ardour's unit of time; it divides evenly into the samples of every usual rate.
SUPERCLOCKS_PER_S = 282_240_000
# Ardour 7.3 aborts now and then: making a session ("Port already exists"), ending a recording ("bad_optional_access").
MOST_TRIES = 6
LONGEST_S = 180

Audio = NDArray[np.float32]


def missing() -> list[str]:
    """What of Ardour 7 is not on this machine."""
    programs = [program for program in PROGRAMS if shutil.which(program) is None]
    return programs if SCANNER.exists() else [*programs, str(SCANNER)]


class ArdourSession:
    """One session and the home that Ardour sees: its settings and plugin cache are nobody else's."""

    def __init__(self, folder: Path, name: str, rate_hz: int) -> None:
        """The session will lie in `folder`/`name`; nothing is made yet."""
        self.home = folder / "home"
        # Ardour looks for audio in a folder that is called as this one is, not as the session.
        self.folder = folder / name
        self.name = name
        self.rate_hz = rate_hz

    @property
    def file(self) -> Path:
        """The session's XML."""
        return self.folder / f"{self.name}.ardour"

    def install(self, vst3: Path) -> None:
        """Puts a VST3 where Ardour looks, and has it scanned, which Ardour does not do by itself."""
        place = self.home / ".vst3" / vst3.name
        place.parent.mkdir(parents=True)
        place.symlink_to(vst3.resolve())
        libraries = {"LD_LIBRARY_PATH": str(LIBRARIES), "ARDOUR_DLL_PATH": str(LIBRARIES)}
        self._run([str(SCANNER), "-f", str(place)], libraries)

    def lua(self, script: Path, given: dict[str, str], data: Path | None = None) -> None:
        """Runs a Lua script that knows the session, which it may make, and what is `given` from its environment."""
        session = {"SESSION": str(self.folder), "NAME": self.name, "RATE_HZ": str(self.rate_hz)}
        self._run(["ardour7-lua", str(script)], session | given, data)

    def export(self, out: Path, data: Path) -> Audio:
        """What the master gives while the session plays faster than real time: [2, samples]."""
        command = ["ardour7-export", "-s", str(self.rate_hz), "-b", "float", "-o", str(out)]
        self._run([*command, str(self.folder), self.name], {}, data)
        return soundfile.read(out, dtype="float32", always_2d=True)[0].T

    def _run(self, command: list[str], given: dict[str, str], data: Path | None = None) -> None:
        """Runs a program; when it aborts, once more from the session as it was, with an empty `data` folder."""
        before = self.folder.with_name(f"{self.name}-before")
        shutil.rmtree(before, ignore_errors=True)
        if self.folder.exists():
            shutil.copytree(self.folder, before)
        for _ in range(MOST_TRIES):
            done = self._run_once(command, given, data or self.home / "data")
            printed = done.stdout + done.stderr
            if done.returncode >= 0:
                # ardour7-lua leaves with 0 after an error in the session.
                if done.returncode != 0 or "[ERROR]" in printed:
                    raise RuntimeError(f"{command}: {done.returncode}\n{printed[-2000:]}")
                return
            print(f"{command[0]} aborted: {printed[-300:]}")
            shutil.rmtree(self.folder, ignore_errors=True)
            if before.exists():
                shutil.copytree(before, self.folder)
        raise RuntimeError(f"{command}: aborted {MOST_TRIES} times\n{printed[-2000:]}")

    def _run_once(self, command: list[str], given: dict[str, str], data: Path) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(data, ignore_errors=True)
        own = {"HOME": self.home, "XDG_DATA_HOME": data}
        own |= {f"XDG_{kind.upper()}_HOME": self.home / kind for kind in ("config", "cache")}
        for path in own.values():
            path.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {name: str(path) for name, path in own.items()} | given
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False)

    def lay(self, track: str, audio: Audio) -> None:
        """Lays a sound, [2, samples], on a track from the session's first sample on, and ends the session with it.

        Scripts cannot import sound: the session's XML can.
        """
        file = self._audio_folder() / f"{track}-laid.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, audio.T, self.rate_hz, subtype="FLOAT")
        tree = ElementTree.parse(self.file)
        root = tree.getroot()
        counter = int(root.attrib["id-counter"])
        left, right, region, extent = (str(counter + offset) for offset in range(4))
        root.set("id-counter", str(counter + 4))
        for channel, source in enumerate((left, right)):
            attributes = {"name": file.name, "type": "audio", "id": source, "channel": str(channel)}
            ElementTree.SubElement(_only(root, "Sources"), "Source", attributes | {"flags": "", "gain": "1"})
        length = f"a{audio.shape[1] * SUPERCLOCKS_PER_S // self.rate_hz}"
        # No fades: what is laid is to be heard bit for bit.
        fades = {f"{kind}-active": "0" for kind in ("fade-in", "fade-out")}
        place = {"start": "a0", "length": f"{length}@a0", "position": "a0", "opaque": "1"}
        sources = {"channels": "2", "source-0": left, "source-1": right}
        masters = {"master-source-0": left, "master-source-1": right}
        attributes = {"name": track, "type": "audio", "id": region} | place | fades | sources | masters
        playlist = root.find(f"Playlists/Playlist[@name='{track}']")
        if playlist is None:
            raise RuntimeError(f"the session has no playlist for {track}")
        ElementTree.SubElement(playlist, "Region", attributes)
        ends = {"id": extent, "name": "session", "start": "a0", "end": length, "flags": "IsSessionRange"}
        ElementTree.SubElement(_only(root, "Locations"), "Location", ends)
        tree.write(self.file, encoding="UTF-8", xml_declaration=True)

    def recorded(self, track: str) -> Audio:
        """The one region on a track, [2, samples], which has to begin on the session's first sample."""
        root = ElementTree.parse(self.file).getroot()
        regions = root.findall(f"Playlists/Playlist[@name='{track}']/Region")
        if len(regions) != 1:
            raise RuntimeError(f"{track} has {len(regions)} regions, not one")
        region = regions[0].attrib
        # A region at the very start names no position of its own.
        begins, within = region["length"].split("@")[1], region["start"]
        if (begins, within) != ("a0", "a0"):
            raise RuntimeError(f"the recording begins at {begins}, {within} within its file")
        names = {source.attrib["id"]: source.attrib["name"] for source in _only(root, "Sources")}
        files = [self._audio_folder() / names[region[f"source-{channel}"]] for channel in (0, 1)]
        return np.stack([soundfile.read(file, dtype="float32")[0] for file in files])

    def _audio_folder(self) -> Path:
        return self.folder / "interchange" / self.name / "audiofiles"


def _only(root: ElementTree.Element, name: str) -> ElementTree.Element:
    found = root.find(name)
    if found is None:
        raise RuntimeError(f"the session has no {name}")
    return found
