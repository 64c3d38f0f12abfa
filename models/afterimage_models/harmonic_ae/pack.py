"""What the harmonic autoencoder is called, what its frames are, and its named sounds."""

from __future__ import annotations

from ..pitched.pack import Shelf, representation, tensor
from ..pitched.presets import Recipes
from ..spectrum import SAMPLE_RATE
from .network import PARTIALS, VALUES

RECIPES: Recipes = {
    "Amber String": [(45, 0.5), (46, 0.3), (40, 0.2)],
    "Drawn Amber": [(40, 0.6), (48, 0.4)],
    "Reed Amber": [(68, 0.5), (71, 0.5)],
    "Tin Marimba": [(12, 0.6), (10, 0.4)],
    "Nylon Harp": [(24, 0.6), (46, 0.4)],
    "Soft Horn": [(60, 0.7), (71, 0.3)],
    "Clay Ocarina": [(79, 0.7), (75, 0.3)],
    "Iron Lamella": [(108, 0.6), (11, 0.4)],
    "Wide Strings": [(48, 0.6), (49, 0.4)],
    "Silver Pipe": [(73, 0.6), (80, 0.4)],
    "Dry Clav": [(7, 0.7), (25, 0.3)],
    "Brass Choir": [(61, 0.5), (62, 0.5)],
    "Slow Glass": [(89, 0.5), (8, 0.5)],
    "Square Reed": [(80, 0.5), (71, 0.5)],
}
MOD_WHEEL = ("Amber String", "Drawn Amber", "Reed Amber")
SHELF = Shelf(
    name="Harmonic AE",
    version="0.1.0",
    family="ae",
    tags=["pitched", "plucked", "bowed", "reed", "clean", "light"],
    short="Partials and a breath of noise, plucked to bowed to blown.",
    long="Sixteen knobs over pitched sounds made of nothing but partials, their stretch, and a noise envelope, learned "
    "from rendered General MIDI notes: clean, exactly in tune, and the lightest of the pitched packs.",
    technical="Pitch-conditioned autoencoder without a prior. The decoder is a stateless network over one frame of the "
    "harmonic-noise representation: f0, inharmonicity, 440 partials and 64 noise bands from latent, pitch, velocity "
    "and time. It was trained on the distance between the STFT bins that the frame draws and those of the note.",
    mod_wheel=MOD_WHEEL,
    representation=representation("harmonic-noise", VALUES, 0.0, SAMPLE_RATE / 2, partials=PARTIALS),
    frame=tensor("frame", ["batch", VALUES]),
)
