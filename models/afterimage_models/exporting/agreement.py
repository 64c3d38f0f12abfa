"""Whether roles, shapes and manifest agree: what can be said before a graph is written."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ExportError
from .filling import GraphRows, frames_per_call
from .tensors import Row, of_role, width

DECODER_INPUTS = ("latent", "noise", "pitch", "velocity", "time_on", "time_off", "class", "descriptor", "state")
PREDICTOR_INPUTS = ("token", "class", "state")


def check_agreement(manifest: Row, graphs: GraphRows) -> None:
    """Raises ExportError for the first thing that two parts of a pack say differently."""
    if "decode" in graphs:
        _check_decoder(manifest, *graphs["decode"])
    if "predict" in graphs:
        _check_predictor(manifest, *graphs["predict"])


def _check_decoder(manifest: Row, inputs: Sequence[Row], outputs: Sequence[Row]) -> None:
    _check_roles(inputs, DECODER_INPUTS, "a decoder")
    if len(of_role(outputs, "frame")) != 1:
        raise ExportError("a decoder needs one output with the role 'frame': give 'outputs' that names it")
    if len(of_role(inputs, "latent")) > 1:
        raise ExportError("a decoder takes one tensor with the role 'latent': join them and split inside the module")
    for role, kind in (("class", "class"), ("descriptor", "continuous")):
        taken = sum(width(row) for row in of_role(inputs, role))
        declared = _declared(manifest, kind)
        if taken != declared:
            raise ExportError(
                f"inputs with the role '{role}' take {taken} values, but 'conditions' declares {declared} of the kind "
                f"'{kind}': declare one for each value, in order"
            )
    _check_phases(manifest["representation"], inputs, outputs)
    states = of_role(inputs, "state")
    _check_states(states, of_role(outputs, "state"))
    frames = frames_per_call(outputs)
    if states and frames > 1:
        raise ExportError(
            f"a decoder with the state '{states[0]['tensor']}' gives {frames} frames a call, but the plugin carries "
            "state from frame to frame: return one frame a call, or a whole sound without state"
        )


def _check_phases(representation: Row, inputs: Sequence[Row], outputs: Sequence[Row]) -> None:
    phases = of_role(outputs, "phase")
    if (representation.get("phase") == "model") != (len(phases) == 1):
        raise ExportError(
            "'representation' says the phase 'model' where one output has the role 'phase', and nowhere else: name it "
            "in 'outputs', as in ['frame', 'phase']"
        )
    if not phases:
        return
    frame = of_role(outputs, "frame")[0]
    if phases[0]["shape"] != frame["shape"]:
        raise ExportError(
            f"'{phases[0]['tensor']}' has the axes {phases[0]['shape']}, but there is one phase to each of the "
            f"magnitudes {frame['shape']}: return both alike"
        )
    if representation.get("kind", "linear") not in ("linear", "log-amplitude"):
        raise ExportError(
            f"phases belong to the bins of a transform, not to frames of the kind '{representation['kind']}': return "
            "'linear' or 'log-amplitude' frames with them"
        )
    if frames_per_call(outputs) == 1 and not (of_role(inputs, "time_on") or of_role(inputs, "state")):
        raise ExportError(
            "nothing moves the phases from frame to frame: take 'time_on', or a state, or give all frames in a call"
        )


def _check_predictor(manifest: Row, inputs: Sequence[Row], outputs: Sequence[Row]) -> None:
    _check_roles(inputs, PREDICTOR_INPUTS, "a predictor of events")
    if len(of_role(inputs, "token")) != 1 or len(of_role(outputs, "logits")) != 1:
        raise ExportError("a predictor of events needs one input with the role 'token' and one output 'logits'")
    if manifest["representation"].get("kind") != "events" or "vocabulary" not in manifest:
        raise ExportError("a predictor needs 'representation': {'kind': 'events'} and 'vocabulary' in the manifest")
    logits, tokens = of_role(outputs, "logits")[0], vocabulary_size(manifest)
    if width(logits) != tokens:
        raise ExportError(
            f"'{logits['tensor']}' has {width(logits)} values a row, but 'vocabulary' has {tokens} tokens: return the "
            "logits of one step, [batch, tokens]"
        )
    taken, declared = len(of_role(inputs, "class")), _declared(manifest, "class")
    if taken != declared:
        raise ExportError(
            f"{taken} inputs have the role 'class', but 'conditions' declares {declared}: make them equal"
        )
    _check_states(of_role(inputs, "state"), of_role(outputs, "state"))


def _check_states(inputs: Sequence[Row], outputs: Sequence[Row]) -> None:
    if len(inputs) != len(outputs):
        raise ExportError(
            f"{len(inputs)} inputs but {len(outputs)} outputs have the role 'state': return every state, in order"
        )
    for into, out in zip(inputs, outputs, strict=True):
        if into["shape"] != out["shape"]:
            raise ExportError(
                f"state '{into['tensor']}' goes in as {into['shape']} and comes out as {out['shape']}: return it in "
                "the shape it came in, the batch first"
            )


def _check_roles(inputs: Sequence[Row], known: Sequence[str], whose: str) -> None:
    for row in inputs:
        if row["role"] not in known:
            raise ExportError(
                f"'{row['tensor']}' has the role '{row['role']}', which {whose} does not take: use {', '.join(known)}"
            )


def _declared(manifest: Row, kind: str) -> int:
    return sum(condition["kind"] == kind for condition in manifest["conditions"])


def vocabulary_size(manifest: Row) -> int:
    """Tokens of the manifest's vocabulary."""
    return sum(len(c["values"]) for c in manifest["vocabulary"]["classes"])
