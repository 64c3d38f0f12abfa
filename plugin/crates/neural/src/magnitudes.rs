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

#[cfg(test)]
mod tests {
    use super::{Converted, Magnitudes, Scale};
    use afterimage_spectral::LogUnit;

    fn convert(magnitudes: &Magnitudes, values: &[f32]) -> (Vec<f32>, Converted) {
        let mut out = vec![7.0; values.len()];
        let converted = magnitudes.convert(values, &mut out);
        (out, converted)
    }

    fn decibels() -> Magnitudes {
        let scale = Scale::LogAmplitude {
            unit: LogUnit::Decibel,
            reference: 512.0,
            floor: -100.0,
            gate: -90.0,
        };
        Magnitudes {
            scale,
            linear_gain: 1.0,
            linear_gate: 0.0,
        }
    }

    #[test]
    fn decibels_are_exact_to_a_ten_thousandth() {
        let values: Vec<f32> = (-899..240).map(|tenths| tenths as f32 / 10.0).collect();
        let (magnitudes, converted) = convert(&decibels(), &values);
        for (value, magnitude) in values.iter().zip(&magnitudes) {
            let expected = 512.0 * 10_f64.powf(f64::from(*value) / 20.0);
            assert!(
                (f64::from(*magnitude) / expected - 1.0).abs() < 1e-4,
                "{value}"
            );
        }
        assert_eq!(
            converted,
            Converted {
                cleaned: 0,
                silent: false
            }
        );
    }

    #[test]
    fn values_under_the_gate_are_silence() {
        let (magnitudes, converted) = convert(&decibels(), &[-90.1, -100.0, -5000.0]);
        assert_eq!(magnitudes, [0.0; 3]);
        assert_eq!(
            converted,
            Converted {
                cleaned: 0,
                silent: true
            }
        );
        assert!(!convert(&decibels(), &[-100.0, -89.9]).1.silent);
    }

    #[test]
    fn what_is_not_a_number_is_zero_and_counted_once() {
        let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -20.0];
        let (magnitudes, converted) = convert(&decibels(), &values);
        assert_eq!(magnitudes[..3], [0.0; 3]);
        assert_eq!(
            converted,
            Converted {
                cleaned: 3,
                silent: false
            }
        );
        for scale in [Scale::Linear, Scale::Power] {
            let linear = Magnitudes {
                scale,
                linear_gain: 2.0,
                linear_gate: 1.0,
            };
            let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.0, 0.1, 4.0];
            let (magnitudes, converted) = convert(&linear, &values);
            assert_eq!(magnitudes[..5], [0.0; 5], "{scale:?}");
            assert_eq!(magnitudes[5], if scale == Scale::Power { 4.0 } else { 8.0 });
            assert_eq!(converted.cleaned, 4, "{scale:?}");
        }
    }
}
