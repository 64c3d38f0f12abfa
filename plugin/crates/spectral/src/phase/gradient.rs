//! The gradient of a phase from the gradient of its log-magnitude. Real-time safe but for construction.
//!
//! Exact for a Gaussian window; a Hann window stands in for the Gaussian nearest to it.
//! Source: Prusa, Balazs, Sondergaard 2017, "A noniterative method for reconstruction of phase from
//! STFT magnitude", sec. III; phases about frame centres, logarithms to base 2.

use crate::approx::TURN;
use crate::spec::StftSpec;

/// Width of the Gaussian nearest to a Hann window of length 1 (Prusa et al. 2017, table I).
const HANN_GAMMA: f32 = 0.256_45;
/// Bins more than this below the loudest get random phases: 2^-20, 120 dB.
pub(crate) const TOLERANCE_OCTAVES: f32 = 20.0;
/// Nothing below this is integrated, however quiet the rest: 2^-66 is the smallest magnitude kept.
pub(crate) const SILENT_OCTAVES: f32 = -67.0;
/// What [`crate::approx::log2`] reads where there is nothing.
pub(crate) const NOTHING_OCTAVES: f32 = -126.0;
/// Levels of the queue, spread over the tolerance.
const LEVELS: f32 = 255.0;

/// What turns log-magnitudes of one [`StftSpec`] into phase steps.
#[derive(Clone, Debug)]
pub(crate) struct Gradient {
    /// Phase that a sinusoid at each bin's centre gains in one hop: `[bins]`.
    centre_step: Vec<u32>,
    turns_per_rise: f32,
    turns_per_slope: f32,
}

impl Gradient {
    /// Allocates.
    pub(crate) fn new(spec: &StftSpec) -> Self {
        use std::f32::consts::{LN_2, TAU};
        let (size, hop) = (spec.fft_size() as f32, spec.hop() as f32);
        let gamma = HANN_GAMMA * size * size;
        Self {
            centre_step: super::centre_steps(spec),
            turns_per_rise: hop * size / gamma * LN_2 / TAU * 0.5,
            turns_per_slope: -gamma / (size * hop) * LN_2 / TAU * 0.5,
        }
    }

    /// Turns a hop by which each bin departs from its centre's frequency, from log2 magnitudes
    /// `[bins]` of one frame: the centred difference along frequency.
    pub(crate) fn deviations(&self, octaves: &[f32], turns: &mut [f32]) {
        let last = octaves.len() - 1;
        for (turns, three) in turns[1..].iter_mut().zip(octaves.windows(3)) {
            *turns = self.turns_per_rise * (three[2] - three[0]);
        }
        turns[0] = self.turns_per_rise * (octaves[1] - octaves[0]);
        turns[last] = self.turns_per_rise * (octaves[last] - octaves[last - 1]);
    }

    /// Steps from one frame to the next, by the trapezoidal rule between the deviations of both.
    pub(crate) fn time_steps(&self, from: &[f32], to: &[f32], steps: &mut [u32]) {
        let deviations = from.iter().zip(to).zip(&self.centre_step);
        for (step, ((from, to), centre)) in steps.iter_mut().zip(deviations) {
            *step = to_phase(0.5 * (from + to)).wrapping_add(*centre);
        }
    }

    /// Steps from each bin to the next one up, from slopes in octaves a hop: `[bins]`, the last unused.
    pub(crate) fn bin_steps(&self, slopes: &[f32], steps: &mut [u32]) {
        for (step, two) in steps.iter_mut().zip(slopes.windows(2)) {
            *step = to_phase(self.turns_per_slope * (two[0] + two[1]));
        }
    }
}

/// Queue level of a log2 magnitude above `floor`.
#[inline(always)]
pub(crate) fn level(octaves: f32, floor: f32) -> u8 {
    ((octaves - floor) * (LEVELS / TOLERANCE_OCTAVES)) as u8 // saturates
}

/// Where integration ends below a frame or spectrogram whose loudest log2 magnitude is `top`.
pub(crate) fn floor_below(top: f32) -> f32 {
    // Silence has nothing to integrate: the floor stays above what zero reads.
    (top - TOLERANCE_OCTAVES).max(SILENT_OCTAVES)
}

/// The loudest of some log2 magnitudes.
pub(crate) fn loudest(octaves: &[f32]) -> f32 {
    let louder = |a: f32, b: &f32| if *b > a { *b } else { a };
    octaves.iter().fold(NOTHING_OCTAVES, louder)
}

#[inline(always)]
fn to_phase(turns: f32) -> u32 {
    // Adding 1.5 * 2^52 leaves the rounded integer in the low bits, whole turns and all, without a
    // branch. A steep onset steps by many turns; at most 2^19 keep their fraction, far more than occur.
    const INTEGERS: f64 = 6_755_399_441_055_744.0;
    (f64::from(turns) * TURN + INTEGERS).to_bits() as u32
}
