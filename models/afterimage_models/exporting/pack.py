"""`export`: a module, what only its maker knows, and an example become a pack that was tried."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..onnx_manifest import embed_manifest, write_manifest
from .agreement import check_agreement
from .checks import Graph, check_graph, example_rows, first_line, write_graph
from .errors import ExportError
from .filling import ONE_SOUND, check_given, fill, slug
from .graph import OneSound, TurnedLatent
from .latent import LatentSpace, drawn_presets, latent_space
from .naming import named
from .plugin_check import check_in_plugin
from .tensors import Seen, of_role, tensor_rows, width

Example = Tensor | Sequence[Tensor]
DEFAULT_OUTPUTS = {"decode": ["frame"], "predict": ["logits"], "encode": ["latent"]}


def export(
    module: nn.Module | Mapping[str, nn.Module],
    manifest: Mapping[str, Any],
    example: Example | Mapping[str, Example],
    *,
    latents: np.ndarray | Tensor | None = None,
    presets: Mapping[str, Sequence[float]] | None = None,
    folder: Path | str = ".",
) -> Path:
    """Write a pack that the plugin plays, and return its path: NAME.onnx, or a folder NAME where graphs are several.

    `module`: a decoder, a predictor of events (one token a call), or graphs by name: `encode`, `predict`, `decode`;
    then `example`, and `inputs` and `outputs` of the manifest, are by name too. `manifest`: at least `name`, `license`
    (SPDX), `representation` and `inputs`, a role for each input in order, as in `["latent", "pitch", "time_on"]`;
    `outputs` and `play` where they are not plain; any other field of the manifest as it is written there. `example`:
    a tensor [batch, ...] for each input. `latents`: [n, size], drawn from the posterior over the training set; the
    knobs take their means, deviations and ranges from it, and above 16 axes turn its principal axes. Knobs of a decoder
    are named by what they change most and stand in the order of their effect. `presets`: latents of the module by name;
    without them, 12 of `latents` that are apart. Hidden state (of a predictor, or of a decoder that gives a frame a
    call: LSTM and GRU cells, caches of causal convolutions) is inputs and outputs with the role `state`, in the same
    order, zero at first.

    The graph has a dynamic batch axis. Before the file is there, 60 calls are compared with ONNX Runtime, and the
    plugin's `check-model` tries both runtimes where it is built; see `plugin_check`. Raises ExportError, one sentence.
    """
    check_given(manifest)
    modules = module if isinstance(module, Mapping) else {_only_graph(manifest): module}
    training = {name: part.training for name, part in modules.items()}
    try:
        given, graphs = dict(manifest), []
        for name, part in modules.items():
            given_example = example if module is part else example.get(name, ())
            graph, given = _graph(name, part.eval(), given, given_example)
            graphs.append(graph)
        return _pack(given, graphs, (_array(latents), presets or {}), Path(folder))
    finally:
        for name, part in modules.items():
            part.train(training[name])


def _only_graph(manifest: Mapping[str, Any]) -> str:
    return "predict" if manifest["representation"].get("kind") == "events" else "decode"


def _array(latents: np.ndarray | Tensor | None) -> np.ndarray | None:
    return latents.detach().cpu().numpy() if isinstance(latents, Tensor) else latents


def _graph(name: str, module: nn.Module, given: dict[str, Any], example: Example) -> tuple[Graph, dict[str, Any]]:
    """The module as a graph with the rows of its tensors, and the manifest with what it lacked for that graph."""
    if name not in DEFAULT_OUTPUTS:
        raise ExportError(f"'{name}' is no graph of a pack: use one of {', '.join(DEFAULT_OUTPUTS)}")
    words_in, words_out = (_side(given, side, name) for side in ("inputs", "outputs"))
    rows = example_rows(example)
    inputs = tensor_rows(words_in, [_seen(e) for e in rows], "inputs")
    made = _run(Graph(name, module, inputs, [], rows))
    taken = [row["tensor"] for row in inputs]
    outputs = tensor_rows(words_out, [_seen(o) for o in made], "outputs", taken)
    graph = Graph(name, module, inputs, outputs, rows)
    frame = next(iter(of_role(outputs, "frame")), None)
    is_whole_sound = name == "decode" and frame is not None and width(frame) > frame["shape"][-1]
    if is_whole_sound and inputs and not of_role(inputs, "class"):
        return _with_class(graph), given | {"conditions": [*given.get("conditions", []), _one_label()]}
    return graph, given


def _side(given: Mapping[str, Any], side: str, graph: str) -> Sequence[Any]:
    words = given.get(side, DEFAULT_OUTPUTS if side == "outputs" else [])
    words = words.get(graph, []) if isinstance(words, Mapping) else words
    return [words] if isinstance(words, str) else words


def _seen(values: np.ndarray) -> Seen:
    return Seen(values.shape[1:], values.dtype.kind in "iub")


def _run(graph: Graph) -> list[np.ndarray]:
    try:
        return graph.run(graph.example)
    except Exception as error:  # a module may raise whatever it likes
        raise ExportError(
            f"'{graph.name}' does not run on its example: {first_line(error)}; give CPU tensors as forward takes them, "
            "and return tensors"
        ) from error


def _with_class(graph: Graph) -> Graph:
    example = [*graph.example, np.zeros((1, 1), np.int64)]
    inputs = [*graph.inputs, *tensor_rows([f"class.{ONE_SOUND}"], [Seen((1,), True)], "inputs")]
    return Graph(graph.name, OneSound(graph.module).eval(), inputs, graph.outputs, example)


def _one_label() -> dict[str, Any]:
    return {"name": ONE_SOUND, "kind": "class", "labels": [ONE_SOUND], "default": 0}


def _pack(
    given: dict[str, Any], graphs: list[Graph], latent: tuple[np.ndarray | None, Mapping[str, Sequence[float]]],
    folder: Path,
) -> Path:  # fmt: skip
    space = _space(graphs, latent[0])
    decoder = next((graph for graph in graphs if graph.name == "decode"), None)
    if space is not None and decoder is not None:
        space = named(space, decoder, _representation_of(given, decoder), latent[0])
        latent = (latent[0], latent[1] or drawn_presets(latent[0]))
    rows = {graph.name: (graph.inputs, graph.outputs) for graph in graphs}
    manifest = fill(given, rows, space, latent[1])
    check_agreement(manifest, rows)
    if space is not None and space.turn is not None:
        for graph in graphs:
            _turn(graph, space)
    folder.mkdir(parents=True, exist_ok=True)
    # Made aside: a pack that fails a check must not lie where one that plays was.
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        for graph in graphs:
            path = Path(aside) / manifest["graphs"][graph.name]["file"]
            write_graph(graph, path)
            check_graph(graph, manifest, path)
        return _place(_write(manifest, Path(aside)), folder / slug(manifest["name"]))


def _representation_of(given: Mapping[str, Any], decoder: Graph) -> dict[str, Any]:
    """The manifest's, with the bins of the decoder's frames."""
    frame = next(iter(of_role(decoder.outputs, "frame")), None)
    return ({"bins": frame["shape"][-1]} if frame else {}) | dict(given["representation"])


def _space(graphs: list[Graph], latents: np.ndarray | None) -> LatentSpace | None:
    sizes = [width(row) for graph in graphs for row in of_role(graph.inputs, "latent")]
    if not sizes and latents is not None:
        raise ExportError("'latents' is given, but no input has the role 'latent': name it, or leave them out")
    return latent_space(sizes[0], latents) if sizes else None


def _turn(graph: Graph, space: LatentSpace) -> None:
    into, out = ([i for i, row in enumerate(side) if row["role"] == "latent"] for side in (graph.inputs, graph.outputs))
    if into or out:
        graph.module = TurnedLatent(graph.module, (space.turn, space.offset), into, out).eval()


def _write(manifest: dict[str, Any], aside: Path) -> Path:
    """The finished pack in `aside`: its only graph with the manifest inside, or the folder itself."""
    files = [graph["file"] for graph in manifest["graphs"].values()]
    if len(files) > 1:
        write_manifest(aside, manifest)
        check_in_plugin(aside)
        return aside
    embed_manifest(aside / files[0], manifest | {"graphs": _without_hash(manifest["graphs"])})
    check_in_plugin(aside / files[0])
    return aside / files[0]


def _without_hash(graphs: dict[str, Any]) -> dict[str, Any]:
    """No file can hold its own."""
    return {name: graph | {"sha256": ""} for name, graph in graphs.items()}


def _place(made: Path, target: Path) -> Path:
    if made.is_file():
        return Path(shutil.move(made, target.with_suffix(".onnx")))
    target.mkdir(exist_ok=True)
    for part in made.iterdir():
        shutil.move(part, target / part.name)
    return target
