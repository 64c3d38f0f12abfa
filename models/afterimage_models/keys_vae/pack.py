"""What the keys VAE is called and what its frames are."""

from __future__ import annotations

from ..pitched.pack import Shelf, decibels, representation
from ..spectrum import BINS, SAMPLE_RATE
from .presets import MOD_WHEEL

SHELF = Shelf(
    name="Keys VAE",
    version="0.1.0",
    family="vae",
    tags=["pitched", "struck", "bowed", "breath", "latent"],
    short="Struck moves to bowed moves to breath.",
    long="A latent space of pitched timbres, learned from rendered General MIDI notes. Sixteen knobs move "
    "between struck, bowed and breathed sounds and through those in between that no sampler holds.",
    technical="Pitch-conditioned variational autoencoder. The decoder is a stateless network over one frame: it "
    "predicts partial levels, a noise envelope, inharmonicity and partial width from latent, pitch, velocity and "
    "time, and draws log-amplitude STFT bins from them, so partials sit exactly on any fractional pitch.",
    mod_wheel=MOD_WHEEL,
    representation=representation("log-amplitude", BINS, 0.0, SAMPLE_RATE / 2),
    frame=decibels(BINS),
)
