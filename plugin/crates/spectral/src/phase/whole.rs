//! The best phases there are for magnitudes that are all known. Worker and tools, not real-time safe.
//!
//! Gradient integration gives a start from which a few iterations suffice; fast Griffin-Lim alone
//! stays behind it with six times as many.

use super::griffin_lim::FastGriffinLim;
use super::pghi::Pghi;
use super::sequential::SequentialGriffinLim;
use crate::approx::cos_sin_turns;
use crate::clean::clean_magnitudes;
use crate::error::SpecError;
use crate::spec::StftSpec;
use realfft::num_complex::Complex32;

/// Iterations after which more gain little.
pub const DEFAULT_ITERATIONS: usize = 16;

/// How integrated phases are made consistent. An iteration of either costs one forward and one inverse
/// transform a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Iteration {
    /// All frames at once (Perraudin et al. 2013).
    FastGriffinLim,
    /// Frame after frame: 3 dB of spectral convergence ahead after sixteen.
    Sequential,
}

/// Workspace for spectrograms of up to a number of frames; nothing is allocated after construction.
pub struct WholeInverse {
    spec: StftSpec,
    most_frames: usize,
    integration: Pghi,
    iteration: Iterations,
    magnitudes: Vec<f32>,
    spectra: Vec<Complex32>,
}

enum Iterations {
    FastGriffinLim(FastGriffinLim),
    Sequential(SequentialGriffinLim),
}

impl WholeInverse {
    /// For up to `most_frames` frames of `spec`. Allocates some 70 bytes a bin and frame.
    pub fn new(spec: &StftSpec, most_frames: usize, iteration: Iteration) -> Self {
        let values = most_frames * spec.bins();
        Self {
            spec: *spec,
            most_frames,
            integration: Pghi::new(spec, most_frames),
            iteration: match iteration {
                Iteration::FastGriffinLim => {
                    Iterations::FastGriffinLim(FastGriffinLim::new(spec, most_frames))
                }
                Iteration::Sequential => {
                    Iterations::Sequential(SequentialGriffinLim::new(spec, most_frames))
                }
            },
            magnitudes: vec![0.0; values],
            spectra: vec![Complex32::ZERO; values],
        }
    }

    /// Spectra `[frames][bins]`, phases about frame centres, of `magnitudes` `[frames][bins]`, linear.
    ///
    /// The sound begins at the centre of frame 0, as [`crate::VoiceInverse`] plays it, and may go on
    /// after the last frame. `seed` keys the phases of quiet bins. Values that are no magnitude
    /// (NaN, infinite, negative) read as silence. Does not allocate; takes some 100 us a frame.
    /// Source: Prusa, Balazs, Sondergaard 2017, sec. V-C (PGHI as the start of an iteration).
    ///
    /// # Errors
    /// When `magnitudes` does not hold whole frames, or more than the workspace has room for.
    pub fn invert(
        &mut self,
        magnitudes: &[f32],
        iterations: usize,
        seed: u64,
    ) -> Result<&[Complex32], SpecError> {
        let (given, bins) = (magnitudes.len(), self.spec.bins());
        let expected = (given / bins).min(self.most_frames) * bins;
        if given != expected {
            return Err(SpecError::Length {
                what: "magnitudes",
                given,
                expected,
            });
        }
        let (cleaned, spectra) = (&mut self.magnitudes[..given], &mut self.spectra[..given]);
        cleaned.copy_from_slice(magnitudes);
        clean_magnitudes(cleaned);
        let magnitudes: &[f32] = cleaned;
        let phases = self.integration.integrate(magnitudes, seed);
        for ((value, magnitude), phase) in spectra.iter_mut().zip(magnitudes).zip(phases) {
            let (cos, sin) = cos_sin_turns(*phase);
            *value = Complex32::new(magnitude * cos, magnitude * sin);
        }
        match &mut self.iteration {
            Iterations::FastGriffinLim(method) => method.improve(magnitudes, spectra, iterations),
            Iterations::Sequential(method) => method.improve(magnitudes, spectra, iterations),
        }
        Ok(spectra)
    }
}

/// [`WholeInverse::invert`] for one spectrogram. Allocates.
///
/// # Errors
/// When `magnitudes` does not hold whole frames.
pub fn invert_whole(
    magnitudes: &[f32],
    spec: &StftSpec,
    iteration: Iteration,
    iterations: usize,
    seed: u64,
) -> Result<Vec<Complex32>, SpecError> {
    let mut workspace = WholeInverse::new(spec, magnitudes.len() / spec.bins(), iteration);
    Ok(workspace.invert(magnitudes, iterations, seed)?.to_vec())
}
