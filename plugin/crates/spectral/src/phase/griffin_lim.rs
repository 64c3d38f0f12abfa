//! Fast Griffin-Lim: phases made consistent, step by step. Worker and tools; preallocated.
//!
//! Source: Griffin, Lim 1984, "Signal estimation from modified short-time Fourier transform";
//! Perraudin, Balazs, Sondergaard 2013, "A fast Griffin-Lim algorithm", algorithm 2.

use crate::spec::StftSpec;
use crate::window::hann_periodic;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Share of the last change that is added to the next (Perraudin et al. 2013, sec. 4).
const MOMENTUM: f32 = 0.99;
/// Samples that the windows hardly reach are left silent, instead of dividing by nothing.
const LEAST_WINDOW_SUM: f32 = 1e-6;

/// Alternating projections between the wanted magnitudes and the spectra that a sound can have.
pub(crate) struct FastGriffinLim {
    spec: StftSpec,
    window: Vec<f32>,
    sound: Vec<f32>,
    window_sums: Vec<f32>,
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    previous: Vec<Complex32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl FastGriffinLim {
    /// For up to `most_frames` frames of `spec`. Allocates.
    pub(crate) fn new(spec: &StftSpec, most_frames: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(spec.fft_size());
        let inverse = planner.plan_fft_inverse(spec.fft_size());
        let longest_scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let samples = most_frames * spec.hop() + spec.fft_size() / 2;
        Self {
            spec: *spec,
            window: hann_periodic(spec.fft_size()),
            sound: vec![0.0; samples],
            window_sums: vec![0.0; samples],
            frame: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: vec![Complex32::ZERO; longest_scratch],
            previous: vec![Complex32::ZERO; most_frames * spec.bins()],
            forward,
            inverse,
        }
    }

    /// Improves the phases of `spectra` in place; their magnitudes stay `magnitudes`. Both
    /// `[frames * bins]` with at most `most_frames` frames.
    ///
    /// The sound begins at the centre of frame 0: what the frames hold before it is discarded. It
    /// may go on after the last frame, so there, too, only the windows that exist are counted.
    pub(crate) fn improve(
        &mut self,
        magnitudes: &[f32],
        spectra: &mut [Complex32],
        iterations: usize,
    ) {
        self.sum_windows(spectra.len() / self.spec.bins());
        for iteration in 0..iterations {
            let momentum = if iteration == 0 { 0.0 } else { MOMENTUM };
            self.resynthesise(spectra);
            self.reanalyse(spectra, momentum);
            impose(magnitudes, spectra);
        }
    }

    fn sum_windows(&mut self, frames: usize) {
        let half = self.spec.fft_size() / 2;
        self.window_sums.fill(0.0);
        for frame in 0..frames {
            let (start, skipped) = place(frame * self.spec.hop(), half);
            let sums = self.window_sums[start..].iter_mut();
            sums.zip(&self.window[skipped..])
                .for_each(|(sum, window)| *sum += window * window);
        }
    }

    fn resynthesise(&mut self, spectra: &mut [Complex32]) {
        let (hop, half) = (self.spec.hop(), self.spec.fft_size() / 2);
        self.sound.fill(0.0);
        for (index, spectrum) in spectra.chunks_exact_mut(self.spec.bins()).enumerate() {
            make_real(spectrum);
            // Lengths come from the plans themselves, so neither transform can fail.
            let _ = self
                .inverse
                .process_with_scratch(spectrum, &mut self.frame, &mut self.scratch);
            self.frame.rotate_left(half);
            let (start, skipped) = place(index * hop, half);
            let weighted = self.frame[skipped..].iter().zip(&self.window[skipped..]);
            for (sum, (sample, window)) in self.sound[start..].iter_mut().zip(weighted) {
                *sum += sample * window;
            }
        }
        let unscaled = self.spec.fft_size() as f32;
        for (sample, sum) in self.sound.iter_mut().zip(&self.window_sums) {
            let exists = *sum > LEAST_WINDOW_SUM;
            *sample = if exists {
                *sample / (unscaled * sum)
            } else {
                0.0
            };
        }
    }

    fn reanalyse(&mut self, spectra: &mut [Complex32], momentum: f32) {
        let (bins, hop, half) = (self.spec.bins(), self.spec.hop(), self.spec.fft_size() / 2);
        let rows = spectra
            .chunks_exact_mut(bins)
            .zip(self.previous.chunks_exact_mut(bins));
        for (index, (spectrum, previous)) in rows.enumerate() {
            let (start, skipped) = place(index * hop, half);
            self.frame[..skipped].fill(0.0);
            let weighted = self.sound[start..].iter().zip(&self.window[skipped..]);
            for (out, (sample, window)) in self.frame[skipped..].iter_mut().zip(weighted) {
                *out = sample * window;
            }
            self.frame.rotate_left(half);
            let _ = self.forward.process_with_scratch(
                &mut self.frame,
                &mut self.spectrum,
                &mut self.scratch,
            );
            for ((out, previous), now) in spectrum.iter_mut().zip(previous).zip(&self.spectrum) {
                *out = now + (now - *previous) * momentum;
                *previous = *now;
            }
        }
    }
}

// First sample of the frame around `centre` that belongs to the sound, and how many come before it.
fn place(centre: usize, half: usize) -> (usize, usize) {
    (centre.saturating_sub(half), half.saturating_sub(centre))
}

/// The spectrum of a real signal has no imaginary part at 0 and at half the rate.
fn make_real(spectrum: &mut [Complex32]) {
    if let [first, .., last] = spectrum {
        (first.im, last.im) = (0.0, 0.0);
    }
}

// Gives each value its wanted magnitude, and keeps its phase.
fn impose(magnitudes: &[f32], spectra: &mut [Complex32]) {
    for (value, magnitude) in spectra.iter_mut().zip(magnitudes) {
        let norm = value.norm_sqr().sqrt();
        *value = if norm > f32::MIN_POSITIVE {
            *value * (magnitude / norm)
        } else {
            Complex32::new(*magnitude, 0.0)
        };
    }
}
