"""Do the notes come out? basic-pitch's network (weights in its wheel) on a WAV, scored against the MIDI played.

The network and its constants: Bittner et al. 2022, "A lightweight instrument-agnostic model for polyphonic note
transcription and multipitch estimation". The decoding of its posteriors into notes is our own and the same for
every WAV compared, so only ratios of scores are meant.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ..midi_file import Note
from ..spectrum import SAMPLE_RATE

MODEL_RATE = 22_050
WINDOW_SAMPLES = 43_844
OVERLAP_FRAMES = 30
FFT_HOP = 256
# A window advances by this many samples and keeps 142 frames, so a frame is a little less than FFT_HOP.
STEP_SAMPLES = WINDOW_SAMPLES - OVERLAP_FRAMES * FFT_HOP
FRAME_S = STEP_SAMPLES / (172 - OVERLAP_FRAMES) / MODEL_RATE
LOWEST_KEY = 21
ONSET_THRESHOLD, NOTE_THRESHOLD = 0.5, 0.3
SHORTEST_FRAMES = 11
MATCH_S = 0.05
NOTE_MAP, ONSET_MAP = "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"  # of the wheel's graph


def network_path() -> Path:
    """The ONNX file inside the installed basic-pitch wheel, without importing the package."""
    spec = importlib.util.find_spec("basic_pitch")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("basic-pitch is not installed: pip install --no-deps basic-pitch==0.4.0")
    return Path(spec.origin).parent / "saved_models" / "icassp_2022" / "nmp.onnx"


def posteriors(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Note and onset posteriors [frames, 88] one each FRAME_S. `audio`: [samples] at 48 kHz."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(network_path()), providers=["CPUExecutionProvider"])
    low = resample_poly(audio, 147, 320).astype(np.float32)
    lead = OVERLAP_FRAMES * FFT_HOP // 2
    padded = np.concatenate([np.zeros(lead, np.float32), low, np.zeros(WINDOW_SAMPLES, np.float32)])
    kept: dict[int, list[np.ndarray]] = {}
    names = [output.name for output in session.get_outputs()]
    for start in range(0, len(low) + lead, STEP_SAMPLES):
        window = padded[start : start + WINDOW_SAMPLES][None, :, None]
        for name, value in zip(names, session.run(None, {session.get_inputs()[0].name: window}), strict=True):
            if value.shape[2] == 88:
                kept.setdefault(name, []).append(value[0, OVERLAP_FRAMES // 2 : -(OVERLAP_FRAMES // 2)])
    return np.concatenate(kept[NOTE_MAP]), np.concatenate(kept[ONSET_MAP])


def decode(note_map: np.ndarray, onset_map: np.ndarray) -> list[tuple[float, int]]:
    """Onset peaks that a note of some length follows: (seconds, key) pairs. Both maps [frames, 88]."""
    padded = np.pad(onset_map, ((1, 1), (0, 0)))
    peak = (onset_map >= ONSET_THRESHOLD) & (onset_map >= padded[:-2]) & (onset_map > padded[2:])
    found = []
    for frame, pitch in zip(*np.nonzero(peak), strict=True):
        following = note_map[frame : frame + SHORTEST_FRAMES, pitch]
        if len(following) and following.mean() >= NOTE_THRESHOLD:
            found.append((frame * FRAME_S, int(pitch) + LOWEST_KEY))
    return found


def match_f1(found: list[tuple[float, int]], notes: list[Note]) -> dict[str, float]:
    """Precision, recall and F1 of onsets within 50 ms on the same key, each used once."""
    left = sorted(found)
    hits = 0
    for note in notes:
        near = [f for f in left if f[1] == note.key and abs(f[0] - note.start_s) <= MATCH_S]
        if near:
            left.remove(min(near, key=lambda f: abs(f[0] - note.start_s)))
            hits += 1
    precision, recall = hits / max(len(found), 1), hits / max(len(notes), 1)
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(precision + recall, 1e-9)}


def transcribe(audio: np.ndarray, notes: list[Note], delay_s: float = 0.0) -> dict[str, float]:
    """Scores of `audio` [samples] at 48 kHz, which plays `notes` `delay_s` late."""
    audio = audio[round(delay_s * SAMPLE_RATE) :]
    audio = audio / max(float(np.max(np.abs(audio))), 1e-9) * 0.5
    return match_f1(decode(*posteriors(audio)), notes)
