"""A pack's manifest: in manifest.json with the hashes of the graphs, and inside the first graph's file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import onnx

MANIFEST_KEY = "neural_audio.manifest"


def embed_manifest(path: Path, manifest: dict) -> None:
    """Put the manifest and the flat keys of other ONNX audio tools into the file's metadata."""
    model = onnx.load(str(path))
    entries = {
        MANIFEST_KEY: json.dumps(manifest, sort_keys=True, separators=(",", ":")),
        "model_type": manifest["family"],
        "version": manifest["version"],
        "model_author": ", ".join(manifest["authors"]),
        "comment": manifest["description"]["short"],
    }
    if "sample_rate" in manifest["representation"]:
        entries["sample_rate"] = str(manifest["representation"]["sample_rate"])
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, entries)
    model.producer_name, model.producer_version, model.doc_string = "afterimage", "", ""
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def write_manifest(folder: Path, manifest: dict) -> None:
    """Embed the manifest in the pack's first graph, and write manifest.json, which knows the graphs' hashes besides."""
    graphs = list(manifest["graphs"].values())
    for graph in graphs:
        graph["sha256"] = ""  # no file can hold its own
    embed_manifest(folder / graphs[0]["file"], manifest)
    for graph in graphs:
        graph["sha256"] = hashlib.sha256((folder / graph["file"]).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
