//! Amplitude scales of a representation, in both directions. Pure functions on slices, any thread.

use crate::approx::{exp_m1, exp2, ln_1p, log2};
use crate::clean::clean_magnitudes;
use crate::error::SpecError;
use std::f32::consts::{LOG2_10, LOG2_E};

/// Unit of a logarithmic value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogUnit {
    /// 20 times the decimal logarithm of the amplitude, 10 times that of the power: the same number.
    Decibel,
    /// Natural logarithm of the quantity.
    Neper,
}

/// How a value grows with its quantity `q`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// `q` itself.
    Linear,
    /// A logarithm of `q`.
    Log(LogUnit),
    /// `ln(1 + q)`.
    Log1p,
}

/// What a value measures, over the reference: `q = magnitude / reference`, or its square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The magnitude.
    Amplitude,
    /// The squared magnitude.
    Power,
}

/// The numbers of a [`Scale`], not yet validated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleSpec {
    /// Growth of the value.
    pub law: Law,
    /// What is measured.
    pub quantity: Quantity,
    /// Raw magnitude of the quantity 1: of 0 dB, of ln 1, of linear 1.
    pub reference: f32,
    /// Lowest value written.
    pub floor: f32,
    /// Values below this are exactly zero magnitude.
    pub gate: f32,
}

/// How a frame's values stand for raw STFT magnitudes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    spec: ScaleSpec,
}

impl Scale {
    /// The value is the magnitude.
    pub const LINEAR: Self = Self::plain(Quantity::Amplitude);
    /// The value is the squared magnitude.
    pub const POWER: Self = Self::plain(Quantity::Power);

    const fn plain(quantity: Quantity) -> Self {
        Self {
            spec: ScaleSpec {
                law: Law::Linear,
                quantity,
                reference: 1.0,
                floor: 0.0,
                gate: 0.0,
            },
        }
    }

    /// Validates the numbers of a scale.
    ///
    /// # Errors
    /// When the reference is not positive and finite, or the floor or gate is not finite.
    pub fn new(spec: ScaleSpec) -> Result<Self, SpecError> {
        let refuse = |field, given, expected| {
            Err(SpecError::Scale {
                field,
                given,
                expected,
            })
        };
        if !(spec.reference.is_normal() && spec.reference > 0.0) {
            return refuse("reference", spec.reference, "a positive finite magnitude");
        }
        if !spec.floor.is_finite() {
            return refuse("floor", spec.floor, "a finite level");
        }
        if !spec.gate.is_finite() {
            return refuse("gate", spec.gate, "a finite level");
        }
        Ok(Self { spec })
    }

    /// A validated logarithm of the amplitude; `floor` and `gate` in `unit`, `reference` a raw magnitude.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn log_amplitude(
        unit: LogUnit,
        reference: f32,
        floor: f32,
        gate: f32,
    ) -> Result<Self, SpecError> {
        Self::new(ScaleSpec {
            law: Law::Log(unit),
            quantity: Quantity::Amplitude,
            reference,
            floor,
            gate,
        })
    }

    /// The numbers it was made from.
    pub const fn spec(&self) -> &ScaleSpec {
        &self.spec
    }

    /// Raw magnitudes from a representation's values, lengths equal (the shorter one rules). Gives how
    /// many values were not finite, negative where that means nothing, or absurd: they are zero, as are
    /// those below the gate. Real-time safe.
    pub fn to_magnitudes(&self, values: &[f32], magnitudes: &mut [f32]) -> u32 {
        let count = values.len().min(magnitudes.len());
        let (values, magnitudes) = (&values[..count], &mut magnitudes[..count]);
        let ScaleSpec {
            reference, gate, ..
        } = self.spec;
        let power = self.spec.quantity == Quantity::Power;
        let pairs = values.iter().zip(magnitudes.iter_mut());
        match self.spec.law {
            // The root of a negative value is no number, so cleaning counts it.
            Law::Linear if power => pairs.for_each(|(v, m)| *m = reference * v.sqrt()),
            Law::Linear => pairs.for_each(|(v, m)| *m = reference * v),
            Law::Log1p if power => pairs.for_each(|(v, m)| *m = reference * exp_m1(*v).sqrt()),
            Law::Log1p => pairs.for_each(|(v, m)| *m = reference * exp_m1(*v)),
            Law::Log(_) => {
                let octaves = 1.0 / self.per_octave();
                // `v * 0` is 0 for a number and NaN for what is none, which cleaning counts.
                pairs.for_each(|(v, m)| *m = reference * exp2(v * octaves) + v * 0.0);
            }
        }
        let cleaned = clean_magnitudes(magnitudes);
        for (v, m) in values.iter().zip(magnitudes.iter_mut()) {
            *m = if *v < gate { 0.0 } else { *m };
        }
        cleaned
    }

    /// A representation's values from raw magnitudes, lengths equal (the shorter one rules).
    /// Real-time safe.
    pub fn from_magnitudes(&self, magnitudes: &[f32], values: &mut [f32]) {
        let ScaleSpec {
            law,
            quantity,
            reference,
            floor,
            ..
        } = self.spec;
        let scale = 1.0 / reference;
        let quantity = |m: f32| match quantity {
            Quantity::Amplitude => m * scale,
            Quantity::Power => (m * scale) * (m * scale),
        };
        let pairs = magnitudes.iter().zip(values.iter_mut());
        match law {
            Law::Linear => pairs.for_each(|(m, v)| *v = quantity(*m).max(floor)),
            Law::Log1p => pairs.for_each(|(m, v)| *v = ln_1p(quantity(*m)).max(floor)),
            Law::Log(_) => {
                let per_octave = self.per_octave();
                pairs.for_each(|(m, v)| *v = (per_octave * log2(m * scale)).max(floor));
            }
        }
    }

    /// Value of a doubled magnitude.
    fn per_octave(&self) -> f32 {
        match (self.spec.law, self.spec.quantity) {
            (Law::Log(LogUnit::Decibel), _) => 20.0 / LOG2_10,
            (_, Quantity::Amplitude) => 1.0 / LOG2_E,
            (_, Quantity::Power) => 2.0 / LOG2_E,
        }
    }
}
