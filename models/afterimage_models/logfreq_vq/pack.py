"""What the log-frequency VQ-VAE is called, what its frames are, its encoder's tensors, and its named sounds."""

from __future__ import annotations

from typing import Any

from ..note_data import TARGET_LUFS
from ..note_summary import OFF_TIMES_S, ON_TIMES_S
from ..pitched.pack import Shelf, decibels, representation, tensor
from ..pitched.presets import Recipes
from ..pitched.trunk import LATENT
from .bands import BANDS, F_MAX, F_MIN
from .network import TIMES
from .quantiser import CODES, GROUPS

RECIPES: Recipes = {
    "Stepping Stone": [(11, 0.5), (108, 0.5)],
    "Cut Glass": [(88, 0.5), (8, 0.5)],
    "Bottled Air": [(75, 0.5), (79, 0.5)],
    "Tessera": [(6, 0.6), (107, 0.4)],
    "Mosaic Choir": [(85, 0.5), (91, 0.5)],
    "Coin Harp": [(46, 0.6), (10, 0.4)],
    "Wood Grain": [(12, 0.5), (71, 0.5)],
    "Copper Reed": [(65, 0.5), (68, 0.5)],
    "Felt String": [(45, 0.6), (32, 0.4)],
    "Stair Organ": [(20, 0.6), (80, 0.4)],
    "Paper Lute": [(24, 0.5), (104, 0.5)],
    "Horn Relief": [(60, 0.5), (57, 0.5)],
    "Slate Viol": [(42, 0.6), (41, 0.4)],
    "Chalk Flute": [(73, 0.5), (74, 0.5)],
}
GAIN_DB = 11.0  # its presets then play as loud as those of the other pitched packs
MOD_WHEEL = ("Stepping Stone", "Cut Glass", "Bottled Air")
SHELF = Shelf(
    name="Logfreq VQ",
    version="0.1.0",
    family="vq-vae",
    tasks=("play", "transform"),
    tags=["pitched", "codes", "stepped", "struck", "blown"],
    short="Sixteen knobs that click from code to code.",
    long="Pitched sounds out of eight small alphabets of 64 codes each, learned from rendered General MIDI notes. "
    "A knob does not glide: it walks from one code to the next, and the sound changes in steps.",
    technical="Pitch-conditioned vector-quantised autoencoder over 48 bands an octave. The graph turns knobs to a "
    "latent, replaces each of its eight pairs by the nearest of 64 codes, and draws the frame of one moment from "
    "codes, pitch, velocity and time. The encode graph takes a note's frames at fourteen moments and gives knobs "
    "and codes.",
    mod_wheel=MOD_WHEEL,
    representation=representation("log-frequency", BANDS, F_MIN, F_MAX),
    frame=decibels(BANDS),
    gain_db=GAIN_DB,
)


def encode_graph() -> dict[str, Any]:
    """The manifest's `graphs.encode`: frames at the times of `note_summary`, pitch, velocity -> knobs and codes."""
    return {
        "file": f"{SHELF.slug}-encode.onnx", "frames_per_call": 1, "internal_model_latency": 0,
        "inputs": [
            tensor(
                "frame", ["batch", TIMES, BANDS], unit="db", range=SHELF.frame["range"], loudness=TARGET_LUFS,
                moments={"on": ON_TIMES_S.tolist(), "off": OFF_TIMES_S.tolist()},
            ),
            tensor("pitch", ["batch", 1], unit="midi_note", range=[21.0, 108.0]),
            tensor("velocity", ["batch", 1], range=[0.0, 1.0]),
        ],
        "outputs": [
            tensor("latent", ["batch", LATENT], range=[-3.0, 3.0]),
            tensor("token", ["batch", GROUPS], range=[0.0, CODES - 1.0]),
        ],
    }  # fmt: skip
