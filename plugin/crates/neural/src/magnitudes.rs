//! From a decoder's values to raw STFT magnitudes: unit, reference, gate, and what is not a number.

use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::{LogUnit, Scale};

use crate::error::PackError;
use crate::manifest::{Representation, Unit};

/// The conversion of one pack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Magnitudes {
    scale: Scale,
    /// What a linear value of 1 is as a raw magnitude; logarithmic scales hold theirs.
    linear_gain: f32,
    /// Linear magnitudes under this are silence.
    linear_gate: f32,
}

/// What the conversion of one frame found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Converted {
    /// Values that were not finite, negative or absurd, and are now zero.
    pub(crate) cleaned: u32,
    /// True when every bin is zero.
    pub(crate) silent: bool,
}

impl Magnitudes {
    pub(crate) fn new(pack: &str, representation: &Representation) -> Result<Self, PackError> {
        let Representation {
            unit,
            reference,
            floor,
            gate,
            power,
            ..
        } = *representation;
        let log = |unit| {
            Scale::log_amplitude(unit, reference, floor, gate).map_err(|error| {
                PackError::Unsupported {
                    pack: pack.to_owned(),
                    what: "'representation'".into(),
                    expected: "a sound logarithmic scale".into(),
                    found: error.to_string(),
                    advice: "correct reference, floor and gate",
                }
            })
        };
        let scale = match unit {
            Unit::Db => log(LogUnit::Decibel)?,
            Unit::Ln => log(LogUnit::Neper)?,
            Unit::Linear if power == 2.0 => Scale::Power,
            Unit::Linear => Scale::Linear,
        };
        let gate = if power == 2.0 {
            gate.max(0.0).sqrt()
        } else {
            gate.max(0.0)
        };
        let is_linear = unit == Unit::Linear;
        let linear_gate = if is_linear { gate * reference } else { 0.0 };
        Ok(Self {
            scale,
            linear_gain: if is_linear { reference } else { 1.0 },
            linear_gate,
        })
    }

    /// Converts one frame; lengths are equal. Allocates nothing.
    pub(crate) fn convert(&self, values: &[f32], magnitudes: &mut [f32]) -> Converted {
        self.scale.to_magnitudes(values, magnitudes);
        let hidden = match self.scale {
            // A logarithmic scale turns these into zero by itself; they are counted all the same.
            Scale::LogAmplitude { .. } => {
                count(values, |value| value.is_nan() || value == f32::NEG_INFINITY)
            }
            Scale::Power => count(values, |value| value.is_nan() || value < 0.0),
            Scale::Linear => 0,
        };
        if self.linear_gain != 1.0 {
            magnitudes
                .iter_mut()
                .for_each(|magnitude| *magnitude *= self.linear_gain);
        }
        let cleaned = clean_magnitudes(magnitudes) + hidden;
        if self.linear_gate > 0.0 {
            let gate = |magnitude: &mut f32| {
                *magnitude = if *magnitude < self.linear_gate {
                    0.0
                } else {
                    *magnitude
                }
            };
            magnitudes.iter_mut().for_each(gate);
        }
        // No magnitude is negative now, so silence is all bits clear: integers vectorise, a search for the peak does not.
        let bits = magnitudes
            .iter()
            .fold(0, |bits, magnitude| bits | magnitude.to_bits());
        let silent = bits == 0;
        Converted { cleaned, silent }
    }
}

fn count(values: &[f32], is_bad: impl Fn(f32) -> bool) -> u32 {
    values
        .iter()
        .fold(0, |bad, value| bad + u32::from(is_bad(*value)))
}
