"""Raw recordings of drum hits from freely licensed sources: two sound fonts' kits, Audiophob's kit, npm's samples."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ..real_clips import sample_folder
from ..soundfonts import FONTS, Strike, render_strikes
from ..spectrum import SAMPLE_RATE
from .kit import LABELS, PIECES, label_of_key

# Drum presets of both fonts; a program without a preset plays the nearest, and repeats are dropped later. The
# orchestra (48) and effect (56) kits have other sounds on these keys.
KIT_PROGRAMS = (0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 16, 17, 24, 25, 26, 27, 30, 32, 33, 34, 40, 41)
VELOCITIES = (127, 70)
STRIKE_S = 1.3
DRUM_CHANNEL = 9

AUDIOPHOB = {
    "snare": ("124382__cubix__8bit-snare", "25671__walter-odington__garage-city-snare-snappy",
              "16336__sstokes__ss-ht-crunchtime"),
    "closed hat": ("116973__cbeeching__hat-light",),
    "open hat": ("104227__minorr__hhat-paiste-302-14-open-p",),
    "tom": ("101450__menegass__tomh", "86335__zgump__tom-0105", "99930__menegass__noise-tom0",
            "99931__menegass__noise-tom1"),
    "crash": ("124101__connersaw8__crash",),
    "shaker": ("156272__dayvonjersen__fxshake5",),
}  # fmt: skip
SAMPLES = {
    "kick": ("bd_808", "bd_ada", "bd_boom", "bd_fat", "bd_gas", "bd_haus", "bd_jazz", "bd_klub", "bd_pure", "bd_sone",
             "bd_tek", "bd_zome", "bd_zum", "drum_bass_hard", "drum_bass_soft", "drum_heavy_kick", "elec_hollow_kick",
             "elec_soft_kick"),
    "snare": ("drum_snare_hard", "drum_snare_soft", "elec_filt_snare", "elec_hi_snare", "elec_lo_snare",
              "elec_mid_snare", "elec_snare", "sn_dolf", "sn_dub", "sn_generic", "sn_zome"),
    "stick": ("elec_wood", "elec_tick", "tbd_perc_tap_1", "tbd_perc_tap_2", "perc_snap", "perc_snap2"),
    "closed hat": ("drum_cymbal_closed", "drum_cymbal_pedal", "hat_bdu", "hat_cab", "hat_cats", "hat_gem", "hat_gnu",
                   "hat_gump", "hat_hier", "hat_len", "hat_mess", "hat_metal", "hat_noiz", "hat_psych", "hat_raw",
                   "hat_sci", "hat_snap", "hat_star", "hat_tap", "hat_yosh", "hat_zan", "hat_zap", "hat_zild",
                   "tbd_perc_hat"),
    "open hat": ("drum_cymbal_open",),
    "tom": ("drum_tom_hi_hard", "drum_tom_hi_soft", "drum_tom_lo_hard", "drum_tom_lo_soft", "drum_tom_mid_hard",
            "drum_tom_mid_soft", "elec_fuzz_tom"),
    "crash": ("drum_cymbal_hard", "drum_cymbal_soft", "drum_splash_hard", "drum_splash_soft", "elec_cymbal"),
    "ride": ("ride_tri", "ride_via"),
    "hand drum": ("elec_bong", "tabla_dhec", "tabla_ghe1", "tabla_ghe2", "tabla_ghe3", "tabla_ghe4", "tabla_ghe5",
                  "tabla_ghe6", "tabla_ghe7", "tabla_ghe8", "tabla_ke1", "tabla_ke2", "tabla_ke3", "tabla_na",
                  "tabla_na_o", "tabla_na_s", "tabla_re", "tabla_tas1", "tabla_tas2", "tabla_tas3", "tabla_te1",
                  "tabla_te2", "tabla_te_m", "tabla_te_ne", "tabla_tun1", "tabla_tun2", "tabla_tun3"),
    "bell": ("drum_cowbell", "elec_bell", "elec_triangle", "perc_bell", "perc_bell2"),
}  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """A hit as it came: `audio` [samples] mono at 48 kHz, the index of its class, where it is from."""

    audio: np.ndarray
    label: int
    source: str


def read_file(path: Path) -> np.ndarray:
    """Mono samples at 48 kHz of any sound file."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    divisor = int(np.gcd(SAMPLE_RATE, rate))
    return resample_poly(audio.mean(axis=1), SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)


def kit_hits(font: str, program: int) -> Iterator[Recording]:
    """Every key of a sound font's kit that has a class, at each of VELOCITIES."""
    keys = sorted(key for piece in PIECES for key in piece.keys)
    strikes = [Strike(key, velocity, STRIKE_S, STRIKE_S) for velocity in VELOCITIES for key in keys]
    sounds = render_strikes(font, program, strikes, DRUM_CHANNEL)
    for strike, audio in zip(strikes, sounds, strict=True):
        label = label_of_key(strike.key)
        if label is not None:
            yield Recording(audio, label, f"{font} {program} key {strike.key} velocity {strike.velocity}")


def audiophob_folder(cache: Path) -> Path:
    """The kit Audiophob (CC0) out of Debian's hydrogen-drumkits; the package's other kits are not used."""
    folder = cache / "hydrogen-drumkits"
    if not folder.exists():
        subprocess.run(["apt-get", "download", "hydrogen-drumkits"], cwd=cache, check=True, capture_output=True)
        (package,) = cache.glob("hydrogen-drumkits_*.deb")
        subprocess.run(["dpkg-deb", "-x", package.name, folder.name], cwd=cache, check=True, capture_output=True)
    return folder / "usr" / "share" / "hydrogen" / "data" / "drumkits" / "Audiophob"


def listed(folder: Path, names: dict[str, tuple[str, ...]], suffix: str, source: str) -> Iterator[Recording]:
    """Files of a folder by the label of their class."""
    for label, files in names.items():
        for name in files:
            yield Recording(read_file(folder / f"{name}{suffix}"), LABELS.index(label), f"{source} {name}")


def recordings(cache: Path) -> Iterator[Recording]:
    """All of them. `cache`: where packages are kept."""
    cache.mkdir(parents=True, exist_ok=True)
    for font in FONTS:
        for program in KIT_PROGRAMS:
            yield from kit_hits(font, program)
    yield from listed(audiophob_folder(cache), AUDIOPHOB, ".wav", "audiophob")
    yield from listed(sample_folder(cache), SAMPLES, ".flac", "supersonic")
