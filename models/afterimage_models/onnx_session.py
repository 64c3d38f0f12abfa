"""Runs ONNX graphs in ONNX Runtime, as the plugin does: on one thread."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """A graph, ready to run. Raises onnxruntime's own errors for a file that it does not take."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
