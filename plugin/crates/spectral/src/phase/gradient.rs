//! The gradient of a phase from the gradient of its log-magnitude. Real-time safe but for construction.
//!
//! Prusa, Balazs, Sondergaard 2017 ("A noniterative method for reconstruction of phase from STFT
//! magnitude", sec. III) take both from the Gaussian nearest to the window. Here both are exact for
//! the Hann window itself: along frequency for a steady sinusoid, along time for a click. Both are
//! bounded then, as frequency and time within a frame are: the Gaussian's run away in noise.
//! Phases are about frame centres, logarithms to base 2.

use crate::approx::wrapped_turns;
use crate::spec::StftSpec;
use std::f32::consts::{FRAC_1_PI, FRAC_PI_2, LN_2, TAU};

/// Bins more than this below the loudest get random phases: 2^-20, 120 dB.
pub(crate) const TOLERANCE_OCTAVES: f32 = 20.0;
/// Nothing below this is integrated, however quiet the rest: 2^-66 is the smallest magnitude kept.
const SILENT_OCTAVES: f32 = -67.0;
/// What [`crate::approx::log2`] reads where there is nothing.
pub(crate) const NOTHING_OCTAVES: f32 = -126.0;

/// What turns magnitudes of one [`StftSpec`] into phase steps.
#[derive(Clone, Debug)]
pub(crate) struct Gradient {
    /// Phase that a sinusoid at each bin's centre gains in one hop: `[bins]`.
    centre_step: Vec<u32>,
    turns_per_bin: f32,
    tangent_per_slope: f32,
}

impl Gradient {
    /// Allocates.
    pub(crate) fn new(spec: &StftSpec) -> Self {
        let redundancy = spec.redundancy() as f32;
        Self {
            centre_step: super::centre_steps(spec),
            turns_per_bin: 1.0 / redundancy,
            tangent_per_slope: LN_2 * redundancy / TAU,
        }
    }

    /// Turns a hop by which each bin departs from its centre's frequency, from linear magnitudes
    /// `[bins]` of one frame; `least` is added to what they are divided by.
    ///
    /// Bins at `d + 1` and `d - 1` from a sinusoid have the ratio (1 - d)(2 - d) / ((1 + d)(2 + d)) under a
    /// Hann window; solved for d with the magnitudes' difference over their sum.
    pub(crate) fn deviations(&self, magnitudes: &[f32], least: f32, turns: &mut [f32]) {
        for (turns, three) in turns[1..].iter_mut().zip(magnitudes.windows(3)) {
            let tilt = (three[2] - three[0]) / (three[2] + three[0] + least);
            let bins = 4.0 * tilt / (3.0 + (9.0 - 8.0 * tilt * tilt).sqrt());
            *turns = self.turns_per_bin * bins;
        }
        // The spectrum of a real signal is symmetric about both ends.
        if let [first, .., last] = turns {
            (*first, *last) = (0.0, 0.0);
        }
    }

    /// Steps from one frame to the next, by the trapezoidal rule between the deviations of both.
    pub(crate) fn time_steps(&self, from: &[f32], to: &[f32], steps: &mut [u32]) {
        let deviations = from.iter().zip(to).zip(&self.centre_step);
        for (step, ((from, to), centre)) in steps.iter_mut().zip(deviations) {
            *step = to_phase(0.5 * (from + to)).wrapping_add(*centre);
        }
    }

    /// Turns a bin, from slopes of the log-magnitude in octaves a hop, in place.
    ///
    /// A click at `t` samples from the centre is weighed by cos^2(pi t / N), whose logarithm has the slope
    /// 2 pi / N tan(pi t / N), and its phase falls by t / N turns a bin.
    pub(crate) fn delays(&self, slopes: &mut [f32]) {
        for slope in slopes {
            *slope = -FRAC_1_PI * arctangent(self.tangent_per_slope * *slope);
        }
    }

    /// Steps from each bin to the next one up, by the trapezoidal rule between the [`Self::delays`] of
    /// both: `[bins]`, the last unused.
    pub(crate) fn bin_steps(&self, delays: &[f32], steps: &mut [u32]) {
        for (step, two) in steps.iter_mut().zip(delays.windows(2)) {
            *step = to_phase(0.5 * (two[0] + two[1]));
        }
    }
}

/// Where integration ends below a frame or spectrogram whose loudest log2 magnitude is `top`.
pub(crate) fn floor_below(top: f32) -> f32 {
    // Silence has nothing to integrate: the floor stays above what zero reads.
    (top - TOLERANCE_OCTAVES).max(SILENT_OCTAVES)
}

/// The loudest of some log2 magnitudes.
pub(crate) fn loudest(octaves: &[f32]) -> f32 {
    let louder = |a: f32, b: f32| if b > a { b } else { a };
    // Eight maxima side by side, because one alone would wait for itself at every bin.
    let (eights, rest) = octaves.as_chunks::<8>();
    let mut tops = [NOTHING_OCTAVES; 8];
    for eight in eights {
        for (top, octaves) in tops.iter_mut().zip(eight) {
            *top = louder(*top, *octaves);
        }
    }
    tops.iter()
        .chain(rest)
        .copied()
        .fold(NOTHING_OCTAVES, louder)
}

/// Error below 1.2e-5 rad. Source: Abramowitz, Stegun 1964, 4.4.49.
#[inline(always)]
fn arctangent(x: f32) -> f32 {
    let size = x.abs();
    let steep = size > 1.0;
    let t = if steep { 1.0 / size } else { size };
    let t2 = t * t;
    let series =
        0.999_866 + t2 * (-0.330_299_5 + t2 * (0.180_141 + t2 * (-0.085_133 + t2 * 0.020_835_1)));
    let angle = t * series;
    (if steep { FRAC_PI_2 - angle } else { angle }).copysign(x)
}

#[inline(always)]
fn to_phase(turns: f32) -> u32 {
    wrapped_turns(f64::from(turns))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::{Gradient, arctangent, to_phase};
    use crate::spec::StftSpec;
    use crate::window::hann_transform;
    use std::f64::consts::PI;

    #[test]
    fn the_arctangent_is_within_its_error() {
        for n in -4000..4000 {
            let x = f64::from(n) / 100.0;
            let error = f64::from(arctangent(x as f32)) - x.atan();
            assert!(error.abs() < 1.5e-5, "{x}: {error}");
        }
        assert!(arctangent(f32::INFINITY) > 1.57 && arctangent(f32::NEG_INFINITY) < -1.57);
    }

    #[test]
    fn a_sinusoid_between_bins_has_its_own_frequency() {
        let spec = StftSpec::new(1024, 128).unwrap();
        let gradient = Gradient::new(&spec);
        for n in -9..=9 {
            let place = 100.0 + f64::from(n) / 10.0;
            let magnitude = |bin: usize| hann_transform(bin as f64 - place).abs() as f32;
            let magnitudes: Vec<f32> = (0..spec.bins()).map(magnitude).collect();
            let mut turns = vec![0.0; spec.bins()];
            gradient.deviations(&magnitudes, 1e-20, &mut turns);
            let bins = f64::from(turns[100]) * 8.0;
            assert!((bins - (place - 100.0)).abs() < 1e-4, "{place}: {bins}");
        }
    }

    #[test]
    fn a_click_beside_the_centre_has_its_own_time() {
        let spec = StftSpec::new(1024, 128).unwrap();
        let gradient = Gradient::new(&spec);
        for samples in [-400.0, -100.0, 0.0, 50.0, 300.0_f64] {
            // Octaves a hop of cos^2 at the frame's own place: the derivative itself, not a difference.
            let slope = 2.0 * PI / 8.0 * (PI * samples / 1024.0).tan() / std::f64::consts::LN_2;
            let mut delays = [slope as f32];
            gradient.delays(&mut delays);
            assert!(
                (f64::from(delays[0]) + samples / 1024.0).abs() < 1e-5,
                "{samples}"
            );
        }
    }

    #[test]
    fn phases_wrap_in_both_directions() {
        assert_eq!(to_phase(0.25), 1 << 30);
        assert_eq!(to_phase(-0.25), 3 << 30);
        assert_eq!(to_phase(5.5), 1 << 31);
    }
}
