//! How a pack's frames become sound: the part of the manifest that the spectral inverse reads.

use serde::Serialize;

use super::field::Field;
use super::stages::with_preset;
use crate::error::PackError;
use afterimage_spectral::representation::harmonic_noise;

/// Words of [`RepresentationKind`], in its order.
const KIND_WORDS: [&str; 7] = [
    "waveform",
    "linear",
    "log-amplitude",
    "log-frequency",
    "mel",
    "harmonic-noise",
    "events",
];
const UNIT_WORDS: [&str; 3] = ["db", "ln", "linear"];
const PHASE_WORDS: [&str; 4] = ["rtpghi", "f0-lock", "model", "none"];
const MEL_SCALE_WORDS: [&str; 2] = ["slaney", "htk"];
const MEL_NORM_WORDS: [&str; 2] = ["slaney", "none"];
const WINDOW_WORDS: [&str; 4] = ["hann", "sqrt-hann", "hamming", "rectangular"];
/// Stands where events have no rate.
const UNUSED_RATE_HZ: usize = 48_000;
/// Lowest and highest model rate that the resampler is built for.
const SAMPLE_RATES_HZ: (u64, u64) = (8_000, 192_000);
/// Largest transform: 0.7 s at 96 kHz, more blurs every onset.
const MAX_N_FFT: u64 = 65_536;

/// How a pack's frames become sound.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Representation {
    /// What a frame is.
    pub kind: RepresentationKind,
    /// Model rate in Hz.
    pub sample_rate: u32,
    /// Audio channels.
    pub channels: usize,
    /// Transform size in samples; 0 for waveforms and events.
    pub n_fft: usize,
    /// Analysis window.
    pub window: Window,
    /// Samples from frame to frame; 0 for waveforms and events.
    pub hop: usize,
    /// Values a frame; 0 for waveforms and events.
    pub bins: usize,
    /// Partial amplitudes a frame, for harmonic-noise: after f0 and inharmonicity, before the noise bands.
    #[serde(skip_serializing_if = "is_zero")]
    pub partials: usize,
    /// Frequency of the lowest bin in Hz.
    pub f_min: f32,
    /// Frequency of the highest bin in Hz.
    pub f_max: f32,
    /// `slaney` or `htk`, for mel.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mel_scale: String,
    /// `slaney` or `none`, for mel.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mel_norm: String,
    /// Scale of the values.
    pub unit: Unit,
    /// Raw STFT magnitude of the value 0 dB, ln 1 or linear 1.
    pub reference: f32,
    /// Lowest value a frame carries, in `unit`.
    pub floor: f32,
    /// Values under this sound as silence, in `unit`.
    pub gate: f32,
    /// 1 for amplitudes, 2 for powers.
    pub power: f32,
    /// True where `ln` means ln(1 + x), of the power where `power` is 2.
    pub log1p: bool,
    /// True where frame n is centred on sample n * hop.
    pub center: bool,
    /// Where the phase comes from.
    pub phase: Phase,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepresentationKind {
    /// Samples.
    Waveform,
    /// STFT magnitudes.
    Linear,
    /// Logarithm of STFT magnitudes.
    LogAmplitude,
    /// Logarithmic frequency axis.
    LogFrequency,
    /// Mel bands.
    Mel,
    /// Partials and a noise envelope.
    HarmonicNoise,
    /// Notes and times.
    Events,
}

impl RepresentationKind {
    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        KIND_WORDS[self as usize]
    }

    fn has_frames(self) -> bool {
        !matches!(self, Self::Waveform | Self::Events)
    }

    pub(crate) fn has_stft_bins(self) -> bool {
        matches!(self, Self::Linear | Self::LogAmplitude)
    }
}

/// Scale of a frame's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// 20 log10 of the magnitude over the reference.
    Db,
    /// Natural logarithm.
    Ln,
    /// The magnitude itself.
    Linear,
}

impl Unit {
    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        UNIT_WORDS[self as usize]
    }
}

/// Analysis window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// Periodic Hann.
    Hann,
    /// Its square root.
    SqrtHann,
    /// Periodic Hamming.
    Hamming,
    /// No taper.
    Rectangular,
}

/// Where the phase comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Phase-gradient heap integration.
    Rtpghi,
    /// Advanced from the note's pitch.
    F0Lock,
    /// The graph gives it.
    Model,
    /// There is none to find.
    None,
}

impl Phase {
    /// The word in the manifest.
    pub fn word(self) -> &'static str {
        PHASE_WORDS[self as usize]
    }
}

impl Representation {
    pub(super) fn parse(field: &Field<'_>, pack: &str) -> Result<Self, PackError> {
        field.object()?;
        if field.at("preset").is_there() {
            let spelled_out = with_preset(field)?;
            return Self::parse(&field.with_value(&spelled_out), pack);
        }
        let kind = parse_kind(&field.at("kind"), pack)?;
        let frames = Frames::parse(field, kind)?;
        let rate = field.at("sample_rate");
        let sample_rate = if kind == RepresentationKind::Events {
            rate.count_or(UNUSED_RATE_HZ, SAMPLE_RATES_HZ.0, SAMPLE_RATES_HZ.1)?
        } else {
            rate.count(SAMPLE_RATES_HZ.0, SAMPLE_RATES_HZ.1)?
        };
        let nyquist_hz = sample_rate as f64 / 2.0;
        let unit = parse_unit(&field.at("unit"), kind)?;
        let floor = field.at("floor").number_or(lowest_value(unit))?;
        let representation = Self {
            kind,
            sample_rate: sample_rate as u32,
            channels: field.at("channels").count_or(1, 1, 2)?,
            n_fft: frames.n_fft,
            window: [
                Window::Hann,
                Window::SqrtHann,
                Window::Hamming,
                Window::Rectangular,
            ][field.at("window").one_of_or(0, &WINDOW_WORDS)?],
            hop: frames.hop,
            bins: frames.bins,
            partials: parse_partials(&field.at("partials"), kind, frames.bins)?,
            f_min: field.at("f_min").number_or(0.0)? as f32,
            f_max: field.at("f_max").number_or(nyquist_hz)? as f32,
            mel_scale: parse_mel(&field.at("mel_scale"), kind, &MEL_SCALE_WORDS)?,
            mel_norm: parse_mel(&field.at("mel_norm"), kind, &MEL_NORM_WORDS)?,
            unit,
            reference: field.at("reference").number_or(1.0)? as f32,
            floor: floor as f32,
            gate: field.at("gate").number_or(floor)? as f32,
            power: field.at("power").number_or(1.0)? as f32,
            log1p: field.at("log1p").flag_or(false)?,
            center: field.at("center").flag_or(true)?,
            phase: [Phase::Rtpghi, Phase::F0Lock, Phase::Model, Phase::None]
                [field.at("phase").one_of_or(0, &PHASE_WORDS)?],
        };
        representation.check_values(field)?;
        Ok(representation)
    }

    fn check_values(&self, field: &Field<'_>) -> Result<(), PackError> {
        let nyquist_hz = self.sample_rate as f32 / 2.0;
        if !(self.reference > 0.0 && self.reference <= 1.0e9) {
            return Err(field
                .at("reference")
                .must_be("a number above 0 and up to 1e9: the raw STFT magnitude of 0 dB"));
        }
        if self.power != 1.0 && self.power != 2.0 {
            return Err(field.at("power").must_be("1 (amplitude) or 2 (power)"));
        }
        if !(0.0..nyquist_hz).contains(&self.f_min) {
            return Err(field
                .at("f_min")
                .must_be(format!("a frequency from 0 to under {nyquist_hz} Hz")));
        }
        if self.kind == RepresentationKind::LogFrequency && self.f_min <= 0.0 {
            return Err(field
                .at("f_min")
                .must_be("a frequency above 0 where 'kind' is 'log-frequency'"));
        }
        if !(self.f_max > self.f_min && self.f_max <= nyquist_hz) {
            return Err(field
                .at("f_max")
                .must_be(format!("a frequency above f_min and up to {nyquist_hz} Hz")));
        }
        if self.gate < self.floor {
            return Err(field
                .at("gate")
                .must_be(format!("at or above 'floor', which is {}", self.floor)));
        }
        if self.log1p && self.unit != Unit::Ln {
            return Err(field.at("log1p").must_be("false where 'unit' is not 'ln'"));
        }
        Ok(())
    }

    /// Frames a second.
    pub fn frame_rate_hz(&self) -> f64 {
        f64::from(self.sample_rate) / self.hop.max(1) as f64
    }
}

/// The three sizes of a frame, consistent with each other.
struct Frames {
    n_fft: usize,
    hop: usize,
    bins: usize,
}

impl Frames {
    fn parse(field: &Field<'_>, kind: RepresentationKind) -> Result<Self, PackError> {
        if !kind.has_frames() {
            return Ok(Self {
                n_fft: 0,
                hop: 0,
                bins: 0,
            });
        }
        let n_fft = field.at("n_fft").count(16, MAX_N_FFT)?;
        if n_fft % 2 != 0 {
            return Err(field.at("n_fft").must_be("an even number"));
        }
        let half = n_fft as u64 / 2;
        let hop = field.at("hop").count(1, half)?;
        let bins = if kind.has_stft_bins() {
            let expected = half + 1;
            field.at("bins").count(expected, expected).map_err(|_| {
                field.at("bins").must_be(format!(
                    "{expected}, which is n_fft / 2 + 1 for '{}'",
                    kind.word()
                ))
            })?
        } else {
            field.at("bins").count(1, MAX_N_FFT)?
        };
        Ok(Self { n_fft, hop, bins })
    }
}

fn parse_kind(field: &Field<'_>, pack: &str) -> Result<RepresentationKind, PackError> {
    const KINDS: [RepresentationKind; 7] = [
        RepresentationKind::Waveform,
        RepresentationKind::Linear,
        RepresentationKind::LogAmplitude,
        RepresentationKind::LogFrequency,
        RepresentationKind::Mel,
        RepresentationKind::HarmonicNoise,
        RepresentationKind::Events,
    ];
    let word = field
        .value()
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if word.to_ascii_lowercase().contains("mfcc") {
        return Err(PackError::Mfcc {
            pack: pack.to_owned(),
        });
    }
    Ok(KINDS[field.one_of(&KIND_WORDS)?])
}

/// Empty for all kinds but mel; librosa's default where a mel manifest does not say.
fn parse_mel(
    field: &Field<'_>,
    kind: RepresentationKind,
    words: &[&str],
) -> Result<String, PackError> {
    if kind != RepresentationKind::Mel {
        return field.text_or("");
    }
    Ok(words[field.one_of_or(0, words)?].to_owned())
}

fn parse_partials(
    field: &Field<'_>,
    kind: RepresentationKind,
    bins: usize,
) -> Result<usize, PackError> {
    if kind != RepresentationKind::HarmonicNoise {
        return Ok(0);
    }
    let most = bins.saturating_sub(harmonic_noise::HEADER + 1);
    let most = most.min(harmonic_noise::MAX_PARTIALS);
    field.count(1, most as u64).map_err(|_| {
        field.must_be(format!(
            "a whole number from 1 to {most}: 'bins' holds f0, inharmonicity, the partials and at least one noise band"
        ))
    })
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn parse_unit(field: &Field<'_>, kind: RepresentationKind) -> Result<Unit, PackError> {
    let default = usize::from(!matches!(
        kind,
        RepresentationKind::LogAmplitude | RepresentationKind::Mel
    )) * 2;
    let unit = [Unit::Db, Unit::Ln, Unit::Linear][field.one_of_or(default, &UNIT_WORDS)?];
    match (kind, unit) {
        (RepresentationKind::LogAmplitude, Unit::Linear) => {
            Err(field.must_be("'db' or 'ln' where 'kind' is 'log-amplitude'"))
        }
        (RepresentationKind::Linear, Unit::Db | Unit::Ln) => {
            Err(field.must_be("'linear' where 'kind' is 'linear'; logarithms are 'log-amplitude'"))
        }
        _ => Ok(unit),
    }
}

fn lowest_value(unit: Unit) -> f64 {
    match unit {
        Unit::Db => -120.0,
        Unit::Ln => -13.8,
        Unit::Linear => 0.0,
    }
}
