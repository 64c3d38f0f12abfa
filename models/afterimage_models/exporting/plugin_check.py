"""Opens a pack as the plugin does, on both of its runtimes, where the plugin's tool is built."""

from __future__ import annotations

import os
import subprocess
import warnings
from pathlib import Path

from ..plugin_render import REPOSITORY
from .errors import ExportError

VARIABLE = "AFTERIMAGE_XTASK"
QUOTED_LINES = 3


def find_xtask() -> Path | None:
    """The built `xtask`: the one that the variable names, or the repository's."""
    named = os.environ.get(VARIABLE)
    places = [Path(named)] if named else [REPOSITORY / "target" / kind / "xtask" for kind in ("debug", "release")]
    return next((place for place in places if place.is_file()), None)


def check_in_plugin(pack: Path) -> None:
    """Raises ExportError with the tool's own sentences where the plugin would not play the pack.

    Without the tool a warning says that ONNX Runtime alone was asked.
    """
    xtask = find_xtask()
    if xtask is None:
        warnings.warn(
            "the pack was compared in ONNX Runtime alone: `cargo build -p xtask` makes the tool that tries it on rten "
            "too",
            stacklevel=4,
        )
        return
    done = subprocess.run(
        [str(xtask), "check-model", str(pack.resolve())], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ExportError(f"the plugin does not play it: {complaint(done.stdout, pack.name)}")


def complaint(text: str, pack: str) -> str:
    """The sentences of `check-model` that say what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if f"'{pack}'" in line or "NOT agree" in line]
    return " ".join(named[:1] or lines[-QUOTED_LINES:])
