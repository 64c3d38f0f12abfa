//! Amplitude scales of a representation, in both directions. Pure functions on slices, any thread.

use crate::approx::{exp2, log2};
use crate::error::SpecError;
use std::f32::consts::{LOG2_10, LOG2_E};

/// Unit of a log-amplitude value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogUnit {
    /// 20 times the decimal logarithm of the amplitude.
    Decibel,
    /// Natural logarithm of the amplitude.
    Neper,
}

impl LogUnit {
    const fn octaves(self) -> f32 {
        match self {
            Self::Decibel => LOG2_10 / 20.0,
            Self::Neper => LOG2_E,
        }
    }
}

/// How a frame's values stand for raw STFT magnitudes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// The value is the magnitude.
    Linear,
    /// The value is the squared magnitude.
    Power,
    /// The value is a logarithm of the magnitude.
    LogAmplitude {
        /// Unit of value, floor and gate.
        unit: LogUnit,
        /// Raw magnitude that reads 0.
        reference: f32,
        /// Lowest value written.
        floor: f32,
        /// Values below this are exactly zero magnitude.
        gate: f32,
    },
}

impl Scale {
    /// A validated log-amplitude scale; `floor` and `gate` in `unit`, `reference` a raw magnitude.
    ///
    /// # Errors
    /// When the reference is not positive and finite, or the floor or gate is not finite.
    pub fn log_amplitude(
        unit: LogUnit,
        reference: f32,
        floor: f32,
        gate: f32,
    ) -> Result<Self, SpecError> {
        let positive = reference.is_normal() && reference > 0.0;
        let error = |field, given, expected| {
            Err(SpecError::Scale {
                field,
                given,
                expected,
            })
        };
        if !positive {
            return error("reference", reference, "a positive finite magnitude");
        }
        if !floor.is_finite() {
            return error("floor", floor, "a finite level");
        }
        if !gate.is_finite() {
            return error("gate", gate, "a finite level");
        }
        Ok(Self::LogAmplitude {
            unit,
            reference,
            floor,
            gate,
        })
    }

    /// Raw magnitudes from a representation's values, lengths equal (the shorter one rules).
    /// NaN goes through as zero in log scales; [`crate::clean`] deals with the rest. Real-time safe.
    pub fn to_magnitudes(&self, values: &[f32], magnitudes: &mut [f32]) {
        let pairs = values.iter().zip(magnitudes.iter_mut());
        match *self {
            Self::Linear => pairs.for_each(|(v, m)| *m = *v),
            Self::Power => pairs.for_each(|(v, m)| *m = v.max(0.0).sqrt()),
            Self::LogAmplitude {
                unit,
                reference,
                gate,
                ..
            } => {
                let octaves = unit.octaves();
                for (v, m) in pairs {
                    let linear = reference * exp2(*v * octaves);
                    *m = if *v >= gate { linear } else { 0.0 };
                }
            }
        }
    }

    /// A representation's values from raw magnitudes, lengths equal (the shorter one rules).
    /// Real-time safe.
    pub fn from_magnitudes(&self, magnitudes: &[f32], values: &mut [f32]) {
        let pairs = magnitudes.iter().zip(values.iter_mut());
        match *self {
            Self::Linear => pairs.for_each(|(m, v)| *v = *m),
            Self::Power => pairs.for_each(|(m, v)| *v = m * m),
            Self::LogAmplitude {
                unit,
                reference,
                floor,
                ..
            } => {
                let (per_octave, scale) = (1.0 / unit.octaves(), 1.0 / reference);
                for (m, v) in pairs {
                    *v = (per_octave * log2(m * scale)).max(floor);
                }
            }
        }
    }
}
