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
    // Of the spectrogram at hand.
    values: usize,
    iterations_wanted: usize,
    stage: Stage,
}

/// What is done next to the spectrogram at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Integrate,
    Improve,
    Done,
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
            values: 0,
            iterations_wanted: 0,
            stage: Stage::Done,
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
        self.begin(magnitudes, iterations, seed)?;
        while !self.step(usize::MAX) {}
        Ok(self.spectra())
    }

    /// Begins what [`Self::invert`] does at once, for callers that have other work between.
    ///
    /// # Errors
    /// As there; what was begun before is dropped.
    pub fn begin(
        &mut self,
        magnitudes: &[f32],
        iterations: usize,
        seed: u64,
    ) -> Result<(), SpecError> {
        let (given, bins) = (magnitudes.len(), self.spec.bins());
        let expected = (given / bins).min(self.most_frames) * bins;
        self.values = 0;
        self.stage = Stage::Done;
        if given != expected {
            return Err(SpecError::Length {
                what: "magnitudes",
                given,
                expected,
            });
        }
        (self.values, self.iterations_wanted, self.stage) = (given, iterations, Stage::Integrate);
        let cleaned = &mut self.magnitudes[..given];
        cleaned.copy_from_slice(magnitudes);
        clean_magnitudes(cleaned);
        self.integration.begin(cleaned, seed);
        Ok(())
    }

    /// Does a share of what was begun: as much as a visit to `frames` frames, each of which takes a forward
    /// and an inverse transform (but fast Griffin-Lim makes all its iterations at once). Whether all is done.
    /// The shares change no bit of what comes out.
    pub fn step(&mut self, frames: usize) -> bool {
        let (magnitudes, spectra) = (
            &self.magnitudes[..self.values],
            &mut self.spectra[..self.values],
        );
        match self.stage {
            Stage::Integrate => {
                if self.integration.step(magnitudes, frames) {
                    let phases = self.integration.phases();
                    for ((value, magnitude), phase) in
                        spectra.iter_mut().zip(magnitudes).zip(phases)
                    {
                        let (cos, sin) = cos_sin_turns(*phase);
                        *value = Complex32::new(magnitude * cos, magnitude * sin);
                    }
                    if let Iterations::Sequential(method) = &mut self.iteration {
                        method.begin(self.values / self.spec.bins(), self.iterations_wanted);
                    }
                    self.stage = Stage::Improve;
                }
            }
            Stage::Improve => {
                let done = match &mut self.iteration {
                    Iterations::FastGriffinLim(method) => {
                        method.improve(magnitudes, spectra, self.iterations_wanted);
                        true
                    }
                    Iterations::Sequential(method) => method.step(magnitudes, spectra, frames),
                };
                if done {
                    self.stage = Stage::Done;
                }
            }
            Stage::Done => {}
        }
        self.stage == Stage::Done
    }

    /// Spectra `[frames][bins]` of what was begun, once it is done.
    pub fn spectra(&self) -> &[Complex32] {
        &self.spectra[..self.values]
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
