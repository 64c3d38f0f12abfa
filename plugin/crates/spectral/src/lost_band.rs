//! What a sound loses on its way through a lower rate and back. Worker thread; preallocated.
//!
//! A model knows what lies below half of its own rate. The rest of what it heard is the difference between the
//! sound and the same sound brought to the model's rate and back by [`Resampler`](crate::Resampler): so measured,
//! both parts are complementary through the whole of the filter's slope, and their sum is the sound. Both ways are
//! linear in phase and time-invariant within the filter's 90 dB, so one impulse says all of it.
//! Source of the blocks: Oppenheim, Schafer 2010, "Discrete-time signal processing", sec. 8.7.3 (overlap-save).

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::error::ResampleError;
use crate::resampled;

/// Where the impulse stands and half of what is kept of its answer, in samples of the lower rate: two filters of 192.
const LONGEST_REACH: f64 = 256.0;
/// Taps at the ends that are smaller than this are left out: 100 dB under the impulse.
const LEAST_TAP: f32 = 1e-5;
/// A transform holds so many times the taps at least: more make a block later, fewer cost more.
const TRANSFORM_IN_TAPS: usize = 3;

/// The filter that keeps what a lower rate loses.
pub struct LostBand {
    reach: usize,
    block: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    scratch: Vec<Complex32>,
    response: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    samples: Vec<f32>,
}

impl LostBand {
    /// Of a sound at `rate_hz` that goes through `lower_hz`. Allocates; takes some milliseconds.
    ///
    /// # Errors
    /// When a rate lies outside what [`Resampler::new`](crate::Resampler::new) takes.
    pub fn new(rate_hz: u32, lower_hz: u32) -> Result<Self, ResampleError> {
        let taps = lost(rate_hz, lower_hz)?;
        let reach = taps.len() / 2;
        let size = (TRANSFORM_IN_TAPS * taps.len()).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (
            planner.plan_fft_forward(size),
            planner.plan_fft_inverse(size),
        );
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let mut samples = forward.make_input_vec();
        for (to, tap) in samples.iter_mut().zip(&taps) {
            *to = tap / size as f32; // the transforms scale by their length
        }
        let mut lost = Self {
            reach,
            block: size - 2 * reach,
            scratch: vec![Complex32::default(); scratch],
            response: forward.make_output_vec(),
            spectrum: forward.make_output_vec(),
            forward,
            inverse,
            samples,
        };
        lost.transform();
        lost.response.copy_from_slice(&lost.spectrum);
        Ok(lost)
    }

    /// Samples to both sides of one that decide it. Real-time safe.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// Samples that are made at a time. Real-time safe.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Writes what is lost of a block into `lost`, `[block]`, as far as it has room.
    ///
    /// `around`: `[block + 2 * reach]`, the block in the middle of its sound; what is missing is silent.
    /// Real-time safe.
    pub fn extract(&mut self, around: &[f32], lost: &mut [f32]) {
        let count = around.len().min(self.samples.len());
        self.samples[..count].copy_from_slice(&around[..count]);
        self.samples[count..].fill(0.0);
        self.transform();
        for (value, response) in self.spectrum.iter_mut().zip(&self.response) {
            *value *= response;
        }
        // The spectrum of real samples has none at its ends; the product keeps only rounding there.
        let last = self.spectrum.len() - 1;
        (self.spectrum[0].im, self.spectrum[last].im) = (0.0, 0.0);
        // Lengths come from the plans themselves, so this cannot fail.
        let _ = self.inverse.process_with_scratch(
            &mut self.spectrum,
            &mut self.samples,
            &mut self.scratch,
        );
        // The first samples are wrapped around.
        for (to, value) in lost.iter_mut().zip(&self.samples[2 * self.reach..]) {
            *to = *value;
        }
    }

    fn transform(&mut self) {
        // As above.
        let _ = self.forward.process_with_scratch(
            &mut self.samples,
            &mut self.spectrum,
            &mut self.scratch,
        );
    }
}

/// The answer to an impulse, less what comes back of it: an odd number of taps around the impulse.
fn lost(rate_hz: u32, lower_hz: u32) -> Result<Vec<f32>, ResampleError> {
    let ratio = (f64::from(rate_hz) / f64::from(lower_hz)).max(1.0);
    let most = (LONGEST_REACH * ratio).ceil() as usize;
    let centre = 2 * most;
    let mut impulse = vec![0.0; 2 * centre + 1];
    impulse[centre] = 1.0;
    let back = resampled(&resampled(&impulse, rate_hz, lower_hz)?, lower_hz, rate_hz)?;
    let tap = |place: usize| {
        let kept = back.get(place).copied().unwrap_or(0.0);
        impulse[place] - kept
    };
    let matters = |distance: &usize| {
        tap(centre + distance).abs() > LEAST_TAP || tap(centre - distance).abs() > LEAST_TAP
    };
    let reach = (0..=most).rev().find(matters).unwrap_or(0);
    Ok((centre - reach..=centre + reach).map(tap).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::LostBand;
    use crate::counter_rng::{Purpose, Stream};
    use crate::resampled;

    fn noise(samples: usize) -> Vec<f32> {
        let stream = Stream::new(5, Purpose::NOISE, 0, 0);
        (0..samples as u64)
            .map(|at| stream.uniform_at(at) - 0.5)
            .collect()
    }

    /// What is lost of a whole sound, silent around it.
    fn lost_of(sound: &[f32], rate_hz: u32, lower_hz: u32) -> Vec<f32> {
        let mut band = LostBand::new(rate_hz, lower_hz).unwrap();
        let (block, reach) = (band.block(), band.reach());
        let mut lost = vec![0.0; sound.len().next_multiple_of(block)];
        for (place, lost) in lost.chunks_exact_mut(block).enumerate() {
            let at = |n: usize| (place * block + n).checked_sub(reach);
            let around: Vec<f32> = (0..block + 2 * reach)
                .map(|n| at(n).and_then(|at| sound.get(at)).copied().unwrap_or(0.0))
                .collect();
            band.extract(&around, lost);
        }
        lost.truncate(sound.len());
        lost
    }

    fn level_db(sound: &[f32]) -> f32 {
        let power = sound.iter().map(|value| value * value).sum::<f32>() / sound.len() as f32;
        10.0 * power.max(1e-20).log10()
    }

    #[test]
    fn what_is_kept_and_what_is_lost_are_the_sound() {
        for (rate_hz, lower_hz) in [
            (48_000, 16_000),
            (44_100, 16_000),
            (44_100, 22_050),
            (96_000, 22_050),
        ] {
            let sound = noise(30_000);
            let down = resampled(&sound, rate_hz, lower_hz).unwrap();
            let kept = resampled(&down, lower_hz, rate_hz).unwrap();
            let lost = lost_of(&sound, rate_hz, lower_hz);
            let error: Vec<f32> = (4_000..26_000)
                .map(|at| kept[at] + lost[at] - sound[at])
                .collect();
            let below = level_db(&sound) - level_db(&error);
            assert!(below > 70.0, "{rate_hz}/{lower_hz}: {below} dB");
            assert!(
                level_db(&lost) > level_db(&sound) - 4.0,
                "most of noise is lost"
            );
        }
    }

    #[test]
    fn a_tone_is_lost_above_half_of_the_lower_rate_and_not_below() {
        let tone = |hz: f32| -> Vec<f32> {
            (0..20_000)
                .map(|at| (at as f32 / 48_000.0 * hz * std::f32::consts::TAU).sin())
                .collect()
        };
        let left = |hz: f32| level_db(&lost_of(&tone(hz), 48_000, 16_000)[4_000..16_000]) + 3.0;
        assert!(left(3_000.0) < -75.0, "{}", left(3_000.0));
        assert!(left(8_300.0).abs() < 0.1, "{}", left(8_300.0));
        assert!(left(15_000.0).abs() < 0.1, "{}", left(15_000.0));
    }
}
