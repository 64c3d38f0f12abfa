"""Which drum a file's name says it is."""

from __future__ import annotations

import re

from ..drum_gan.kit import LABELS

# Words that makers of sample sets use. Those of four letters and more also count inside a longer word, the longest
# first: "hihatcym" is a hat, "snaredrum" no drum of another kind.
WORDS: dict[str, tuple[str, ...]] = {
    "kick": ("kick", "bassdrum", "bass drum", "bdrum", "kik", "bd", "kd"),
    "snare": ("snare", "snar", "snr", "sn", "sd"),
    "stick": ("sidestick", "rimshot", "stick", "rim", "clave", "claves", "woodblock", "wood", "block", "rs", "cl"),
    "clap": ("handclap", "clap", "snap", "clp", "cp"),
    "closed hat": ("closed hat", "closedhat", "hihat", "hi hat", "pedal", "hat", "chh", "hh", "ch"),
    "open hat": ("open hat", "openhat", "open hihat", "openhihat", "ohh", "oh"),
    "tom": ("tomtom", "floortom", "tom", "lt", "mt", "ht"),
    "crash": ("crash", "splash", "china", "cymbal", "cy", "cr"),
    "ride": ("ride", "rd"),
    "hand drum": ("bongo", "conga", "tabla", "djembe", "timbale", "cajon", "darbuka", "udu", "lc", "mc", "hc"),
    "bell": ("cowbell", "agogo", "triangle", "bell", "cb"),
    "shaker": ("tambourine", "tambour", "tamb", "shaker", "shake", "maraca", "maracas", "cabasa", "ma"),
}
INSIDE = 4  # letters from which on a word counts inside another
OPEN = re.compile(r"\bopen\b|\bopn\b")


def words(name: str) -> str:
    """A name as small words: parted at digits, signs and small-to-capital steps."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z]+", parted.lower()))


def label_of(name: str) -> int | None:
    """The index of the class that a file's or folder's name tells, or None."""
    said = words(name)
    if OPEN.search(said) and ("hat" in said or re.search(r"\bhh\b", said)):
        return LABELS.index("open hat")
    found = [
        (len(word), -said.find(word), label)
        for label, known in WORDS.items()
        for word in known
        if re.search(rf"\b{word}\b", said) or (len(word) >= INSIDE and word in said)
    ]
    # "tomhidrm": three letters at the beginning of a word are as good as four inside.
    found += [(3, 0, "tom") for part in said.split() if part.startswith("tom")]
    return LABELS.index(max(found)[2]) if found else None
