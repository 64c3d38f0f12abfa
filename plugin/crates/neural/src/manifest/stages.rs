//! From the manifest's words to the stages of `spectral`: axis, scale, presets.

use afterimage_spectral::representation::{
    Axis, BandLayout, BandSpec, HarmonicNoiseSpec, MelNorm, MelScale, Preset, RepresentationSpec,
    harmonic_noise, presets,
};
use afterimage_spectral::{Law, LogUnit, Quantity, Scale, ScaleSpec, SpecError};
use serde_json::{Map, Value, json};

use super::field::Field;
use super::{Representation, RepresentationKind, Unit};
use crate::error::PackError;

impl Representation {
    /// Reads a manifest's `representation` object on its own, or out of a whole manifest; `name` stands
    /// for it in complaints.
    ///
    /// # Errors
    /// One sentence for the first field that is missing, wrong or at odds with another.
    pub fn from_json(json: &[u8], name: &str) -> Result<Self, PackError> {
        let value: Value = serde_json::from_slice(json).map_err(|error| PackError::NotJson {
            pack: name.to_owned(),
            reason: error.to_string(),
        })?;
        let root = Field::root(name, &value);
        let inner = root.at("representation");
        Self::parse(if inner.is_there() { &inner } else { &root }, name)
    }

    /// True where the frames are columns that the spectral inverse can sound.
    pub fn has_columns(&self) -> bool {
        !matches!(
            self.kind,
            RepresentationKind::Waveform | RepresentationKind::Events
        )
    }

    /// The stages between its values and STFT magnitudes. Allocates to try them out.
    ///
    /// # Errors
    /// When the scale, the bands or the partials cannot be made; or when it has no frames.
    pub fn stages(&self) -> Result<RepresentationSpec, SpecError> {
        let spec = RepresentationSpec {
            rate_hz: f64::from(self.sample_rate),
            fft_size: self.n_fft,
            axis: self.axis(),
            scale: self.scale()?,
        };
        spec.check()?;
        Ok(spec)
    }

    fn axis(&self) -> Axis {
        let (f_min_hz, f_max_hz) = (f64::from(self.f_min), f64::from(self.f_max));
        let layout = match self.kind {
            RepresentationKind::LogFrequency => BandLayout::LogFrequency,
            RepresentationKind::Mel => BandLayout::Mel {
                scale: if self.mel_scale == "htk" {
                    MelScale::Htk
                } else {
                    MelScale::Slaney
                },
                norm: if self.mel_norm == "none" {
                    MelNorm::None
                } else {
                    MelNorm::Slaney
                },
            },
            RepresentationKind::HarmonicNoise => {
                return Axis::HarmonicNoise(HarmonicNoiseSpec {
                    partials: self.partials,
                    noise_bands: self
                        .bins
                        .saturating_sub(self.partials + harmonic_noise::HEADER),
                    f_min_hz,
                    f_max_hz,
                });
            }
            _ => return Axis::Bins,
        };
        Axis::Bands(BandSpec {
            layout,
            bands: self.bins,
            f_min_hz,
            f_max_hz,
        })
    }

    fn scale(&self) -> Result<Scale, SpecError> {
        Scale::new(ScaleSpec {
            law: match self.unit {
                Unit::Linear => Law::Linear,
                Unit::Db => Law::Log(LogUnit::Decibel),
                Unit::Ln if self.log1p => Law::Log1p,
                Unit::Ln => Law::Log(LogUnit::Neper),
            },
            quantity: if self.power == 2.0 {
                Quantity::Power
            } else {
                Quantity::Amplitude
            },
            reference: self.reference,
            floor: self.floor,
            gate: self.gate,
        })
    }
}

/// The fields of the preset that `field` names, with those that the manifest gives itself laid over.
pub(super) fn with_preset(field: &Field<'_>) -> Result<Value, PackError> {
    let names: Vec<&str> = presets::PRESETS.iter().map(|preset| preset.name).collect();
    let index = field.at("preset").one_of(&names)?;
    let mut fields = fields_of(&presets::PRESETS[index]);
    if let Some(Value::Object(given)) = field.value() {
        let given = given.iter().filter(|(_, value)| !value.is_null());
        fields.extend(given.map(|(key, value)| (key.clone(), value.clone())));
    }
    // Laid over already: what is read next is spelled out.
    fields.remove("preset");
    Ok(Value::Object(fields))
}

fn fields_of(preset: &Preset) -> Map<String, Value> {
    let power = match preset.quantity {
        Quantity::Amplitude => 1,
        Quantity::Power => 2,
    };
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("sample_rate", json!(preset.sample_rate_hz));
    put("n_fft", json!(preset.fft_size));
    put("hop", json!(preset.hop));
    put("power", json!(power));
    put("center", json!(preset.center));
    put("unit", json!("linear"));
    put("kind", json!("linear"));
    put("bins", json!(preset.fft_size / 2 + 1));
    if let Some(mel) = preset.mel {
        put("kind", json!("mel"));
        put("bins", json!(mel.bands));
        let scale = match mel.scale {
            MelScale::Slaney => "slaney",
            MelScale::Htk => "htk",
        };
        let norm = match mel.norm {
            MelNorm::Slaney => "slaney",
            MelNorm::None => "none",
        };
        put("mel_scale", json!(scale));
        put("mel_norm", json!(norm));
    }
    fields
}
