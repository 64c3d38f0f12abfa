"""What a pack was measured at: its metrics.json, and the rows and the tag of it in the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .onnx_manifest import write_manifest

METRICS = "metrics.json"
LAB = "lab"  # the tag of packs that fall short of a target


def measured(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows and tags for the manifest of a pack folder that was judged before; none of a new one."""
    path = folder / METRICS
    found = json.loads(path.read_text()) if path.exists() else {"manifest": [], "tags": []}
    return found["manifest"], found["tags"]


def write_metrics(folder: Path, found: dict[str, Any], goals: list[dict[str, Any]]) -> None:
    """Write and print what was found; `goals`: rows of name, value, limit, met, set."""
    rows = [{"name": g["name"], "value": round(g["value"], 3), "set": g["set"]} for g in goals]
    tags = [] if all(g["met"] for g in goals) else [LAB]
    found = found | {"goals": goals, "tags": tags, "manifest": rows}
    (folder / METRICS).write_text(json.dumps(found, indent=1) + "\n")
    manifest = json.loads((folder / "manifest.json").read_text())
    shelf = [tag for tag in manifest["tags"] if tag != LAB] + tags
    write_manifest(folder, manifest | {"metrics": rows, "tags": shelf})
    for goal in goals:
        print(f"{goal['name']:32} {goal['value']:8.3f}  {goal['limit']:24} {'met' if goal['met'] else 'MISSED'}")
