//! Well-known analysis settings by name, so that a model maker need not spell them out.
//!
//! Named after the library and the function whose defaults they are. Both libraries centre frame `n` on
//! sample `n * hop`; they differ from [`crate::stft`] only within half a window of a sound's ends, where
//! torchaudio mirrors the sound and we, like librosa, see silence.

use super::bands::{MelNorm, MelScale};
use crate::scale::Quantity;

/// The defaults of one function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// Name in manifests.
    pub name: &'static str,
    /// Rate in Hz.
    pub sample_rate_hz: u32,
    /// Transform length in samples.
    pub fft_size: usize,
    /// Hop in samples.
    pub hop: usize,
    /// What the values measure.
    pub quantity: Quantity,
    /// Mel bands from 0 Hz to half the rate, where the function makes them.
    pub mel: Option<MelPreset>,
    /// True where frame `n` is centred on sample `n * hop`.
    pub center: bool,
}

/// The mel part of a [`Preset`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MelPreset {
    /// How many bands.
    pub bands: usize,
    /// Warping.
    pub scale: MelScale,
    /// Division.
    pub norm: MelNorm,
}

/// Every preset.
pub const PRESETS: [Preset; 4] = [
    // librosa.stft, magnitudes of it.
    Preset {
        name: "librosa-stft",
        sample_rate_hz: 22_050,
        fft_size: 2048,
        hop: 512,
        quantity: Quantity::Amplitude,
        mel: None,
        center: true,
    },
    // librosa.feature.melspectrogram.
    Preset {
        name: "librosa-melspectrogram",
        sample_rate_hz: 22_050,
        fft_size: 2048,
        hop: 512,
        quantity: Quantity::Power,
        mel: Some(MelPreset {
            bands: 128,
            scale: MelScale::Slaney,
            norm: MelNorm::Slaney,
        }),
        center: true,
    },
    // torchaudio.transforms.Spectrogram; it has no rate of its own, MelSpectrogram's is taken.
    Preset {
        name: "torchaudio-spectrogram",
        sample_rate_hz: 16_000,
        fft_size: 400,
        hop: 200,
        quantity: Quantity::Power,
        mel: None,
        center: true,
    },
    // torchaudio.transforms.MelSpectrogram.
    Preset {
        name: "torchaudio-melspectrogram",
        sample_rate_hz: 16_000,
        fft_size: 400,
        hop: 200,
        quantity: Quantity::Power,
        mel: Some(MelPreset {
            bands: 128,
            scale: MelScale::Htk,
            norm: MelNorm::None,
        }),
        center: true,
    },
];

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }
}
