//! What a decoder's frames are, and the way between them and STFT magnitudes, in stages.
//!
//! A frame goes `magnitudes -> axis -> scale -> values` in [`Forward`] and back in [`Inverse`]. The axis is
//! one of [`Axis`]: the STFT's own bins, mel or logarithmic bands (a sparse bank forward, a precomputed
//! smoothing matrix back), or partials and noise. The [`Scale`] is power, decibels, `ln(1 + x)` and so on.
//! A waveform has no frames and needs neither.
//!
//! Made once, off the audio thread; a frame then costs neither allocation nor anything unbounded, so that
//! both run on any thread.

mod band_inverse;
mod banded;
pub mod bands;
pub mod harmonic_noise;
pub mod presets;
mod span_matrix;

pub use band_inverse::MAX_REFINE_STEPS;
pub use bands::{BandLayout, BandSpec, MelNorm, MelScale};
pub use harmonic_noise::{HarmonicNoiseSpec, PartialSeries};
pub use presets::Preset;

use crate::error::SpecError;
use crate::scale::{Quantity, Scale};
use band_inverse::{BandInverse, check_solvable};
use harmonic_noise::{HEADER, HarmonicNoise};
use span_matrix::SpanMatrix;

/// The matrix alone leaves powers up to a fifth off between partials and mel-80 hollow; two steps mend most
/// of it (speech at 22.05 kHz, RTPGHI(1), PESQ: mel-128 of powers 3.90 -> 4.06, mel-80 3.25 -> 3.68, 48 an
/// octave 4.20 as before, the bins themselves 4.21; ten steps gain 0.06 more).
const REFINE_STEPS: usize = 2;

/// What a frame's values stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    /// The STFT's own bins.
    Bins,
    /// Weighted sums of bins; of their squares where the scale measures power.
    Bands(BandSpec),
    /// Partials and a noise envelope.
    HarmonicNoise(HarmonicNoiseSpec),
}

/// A representation of one transform, not yet validated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepresentationSpec {
    /// Model rate in Hz.
    pub rate_hz: f64,
    /// Length of the transform in samples, even.
    pub fft_size: usize,
    /// Frequency axis.
    pub axis: Axis,
    /// Scale of the values.
    pub scale: Scale,
}

impl RepresentationSpec {
    /// Tries both directions out, without solving for an inverse. Allocates.
    ///
    /// # Errors
    /// Those of [`Forward::new`] and [`Inverse::new`].
    pub fn check(&self) -> Result<(), SpecError> {
        if let Axis::Bands(bands) = &self.axis {
            let spans = bands.spans(self.rate_hz, self.fft_size)?;
            return check_solvable(&spans, self.bins());
        }
        Forward::new(self).map(|_| ())
    }

    fn bins(&self) -> usize {
        self.fft_size / 2 + 1
    }
}

/// From STFT magnitudes to a representation's values. Preallocated.
#[derive(Clone, Debug)]
pub struct Forward {
    scale: Scale,
    bins: usize,
    axis: ForwardAxis,
}

#[derive(Clone, Debug)]
enum ForwardAxis {
    Bins,
    Bands(Bands),
    HarmonicNoise(Box<HarmonicNoise>, Vec<f32>),
}

#[derive(Clone, Debug)]
struct Bands {
    bank: SpanMatrix,
    power: bool,
    powers: Vec<f32>,
    sums: Vec<f32>,
}

impl Forward {
    /// Allocates.
    ///
    /// # Errors
    /// When the bands or partials cannot be made of this transform.
    pub fn new(spec: &RepresentationSpec) -> Result<Self, SpecError> {
        let axis = match &spec.axis {
            Axis::Bins => ForwardAxis::Bins,
            Axis::Bands(bands) => {
                let spans = bands.spans(spec.rate_hz, spec.fft_size)?;
                ForwardAxis::Bands(Bands {
                    bank: SpanMatrix::new(&spans),
                    power: spec.scale.spec().quantity == Quantity::Power,
                    powers: vec![0.0; spec.bins()],
                    sums: vec![0.0; spans.len()],
                })
            }
            Axis::HarmonicNoise(sizes) => {
                let model = HarmonicNoise::new(sizes, spec.rate_hz, spec.fft_size)?;
                let levels = vec![0.0; model.values() - HEADER];
                ForwardAxis::HarmonicNoise(Box::new(model), levels)
            }
        };
        Ok(Self {
            scale: spec.scale,
            bins: spec.bins(),
            axis,
        })
    }

    /// Values of a frame.
    pub fn values(&self) -> usize {
        match &self.axis {
            ForwardAxis::Bins => self.bins,
            ForwardAxis::Bands(bands) => bands.bank.rows(),
            ForwardAxis::HarmonicNoise(model, _) => model.values(),
        }
    }

    /// One frame: `magnitudes`, `[fft_size / 2 + 1]` finite and not negative, to `values`,
    /// `[self.values()]`. `series` says where the partials of harmonic-noise frames lie; the other kinds
    /// do not read it. Other lengths leave `values` as it is and give false. Real-time safe.
    pub fn apply(&mut self, magnitudes: &[f32], series: PartialSeries, values: &mut [f32]) -> bool {
        if magnitudes.len() != self.bins || values.len() != self.values() {
            return false;
        }
        match &mut self.axis {
            ForwardAxis::Bins => self.scale.from_magnitudes(magnitudes, values),
            ForwardAxis::Bands(bands) => {
                bands.measure(magnitudes);
                self.scale.from_magnitudes(&bands.sums, values);
            }
            ForwardAxis::HarmonicNoise(model, levels) => {
                let series = model.estimate(magnitudes, series, levels);
                (values[0], values[1]) = (series.f0_hz, series.inharmonicity);
                self.scale.from_magnitudes(levels, &mut values[HEADER..]);
            }
        }
        true
    }
}

impl Bands {
    fn measure(&mut self, magnitudes: &[f32]) {
        if !self.power {
            self.bank.multiply(magnitudes, &mut self.sums);
            return;
        }
        for (power, magnitude) in self.powers.iter_mut().zip(magnitudes) {
            *power = magnitude * magnitude;
        }
        self.bank.multiply(&self.powers, &mut self.sums);
        self.sums.iter_mut().for_each(|sum| *sum = sum.sqrt());
    }
}

/// From a representation's values to STFT magnitudes. Preallocated.
#[derive(Clone, Debug)]
pub struct Inverse {
    scale: Scale,
    bins: usize,
    refine_steps: usize,
    axis: InverseAxis,
}

#[derive(Clone, Debug)]
enum InverseAxis {
    Bins,
    Bands(Box<BandInverse>, Vec<f32>),
    HarmonicNoise(Box<HarmonicNoise>, Vec<f32>),
}

impl Inverse {
    /// Allocates; for bands it also solves for the matrix: milliseconds for the usual transforms, seconds
    /// for the longest. `cargo bench -p afterimage-spectral --bench representation` prints them.
    ///
    /// # Errors
    /// When the bands or partials cannot be made of this transform, or a band spans too many bins.
    pub fn new(spec: &RepresentationSpec) -> Result<Self, SpecError> {
        let axis = match &spec.axis {
            Axis::Bins => InverseAxis::Bins,
            Axis::Bands(bands) => {
                let spans = bands.spans(spec.rate_hz, spec.fft_size)?;
                check_solvable(&spans, spec.bins())?;
                let inverse = BandInverse::new(&spans, spec.scale.spec().quantity, spec.bins());
                InverseAxis::Bands(Box::new(inverse), vec![0.0; spans.len()])
            }
            Axis::HarmonicNoise(sizes) => {
                let model = HarmonicNoise::new(sizes, spec.rate_hz, spec.fft_size)?;
                let levels = vec![0.0; model.values() - HEADER];
                InverseAxis::HarmonicNoise(Box::new(model), levels)
            }
        };
        Ok(Self {
            scale: spec.scale,
            bins: spec.bins(),
            refine_steps: REFINE_STEPS,
            axis,
        })
    }

    /// The same with another number of non-negative steps after the matrix of bands, at most
    /// [`MAX_REFINE_STEPS`]: each costs two passes over the bank and brings the bins closer to bands that
    /// agree with each other. Unless told it takes 2.
    #[must_use]
    pub fn with_refine_steps(mut self, steps: usize) -> Self {
        self.refine_steps = steps.min(MAX_REFINE_STEPS);
        self
    }

    /// Values of a frame.
    pub fn values(&self) -> usize {
        match &self.axis {
            InverseAxis::Bins => self.bins,
            InverseAxis::Bands(_, bands) => bands.len(),
            InverseAxis::HarmonicNoise(model, _) => model.values(),
        }
    }

    /// Bins of a frame: `fft_size / 2 + 1`.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Multiplications of a frame's matrix: what [`Self::apply`] costs beside a pass or two over the bins.
    pub fn cost(&self) -> usize {
        match &self.axis {
            InverseAxis::Bins => 0,
            InverseAxis::Bands(inverse, _) => inverse.cost(),
            InverseAxis::HarmonicNoise(model, _) => model.values(),
        }
    }

    /// One frame: `values`, `[self.values()]`, to raw magnitudes, `[self.bins()]`, finite and not
    /// negative whatever comes in. Gives how many values were bad and count as silence; other lengths
    /// give a silent frame and count every value. Real-time safe.
    pub fn apply(&mut self, values: &[f32], magnitudes: &mut [f32]) -> u32 {
        if magnitudes.len() != self.bins || values.len() != self.values() {
            magnitudes.fill(0.0);
            return u32::try_from(values.len()).unwrap_or(u32::MAX);
        }
        match &mut self.axis {
            InverseAxis::Bins => self.scale.to_magnitudes(values, magnitudes),
            InverseAxis::Bands(inverse, bands) => {
                let bad = self.scale.to_magnitudes(values, bands);
                inverse.apply(bands, self.refine_steps, magnitudes);
                bad
            }
            InverseAxis::HarmonicNoise(model, levels) => {
                let series = PartialSeries {
                    f0_hz: values[0],
                    inharmonicity: values[1],
                };
                let bad = self.scale.to_magnitudes(&values[HEADER..], levels);
                bad + model.render(series, levels, magnitudes)
            }
        }
    }
}
