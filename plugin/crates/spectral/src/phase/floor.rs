//! The level of the noise under and between partials. Audio thread, preallocated.

use crate::approx::{exp2, log2};

/// Bins on each side of the running mean: wide enough to level out what a random spectrum does from
/// bin to bin, narrow enough to follow a formant.
const REACH: usize = 6;
/// The mean logarithm of a noise's magnitude lies 2.51 dB below its power: e^(Euler's gamma / 2).
/// Source: Johnson, Kotz 1994, "Continuous univariate distributions" vol. 1, on the log-Weibull law.
const LOG_MEAN_TO_POWER: f32 = 1.334_6;

/// Running mean of the log-magnitude over bins that belong to no partial.
///
/// A decoder gives the expected level of a noise, a recording one draw of it; both have the same
/// running mean, and a fresh noise at that level sounds like either.
#[derive(Clone, Debug)]
pub(crate) struct NoiseFloor {
    weights: Vec<f32>,
    weighted: Vec<f32>,
    levels: Vec<f32>,
}

impl NoiseFloor {
    /// Allocates.
    pub(crate) fn new(bins: usize) -> Self {
        let padded = bins + 2 * REACH + 1;
        Self {
            weights: vec![0.0; padded],
            weighted: vec![0.0; padded],
            levels: vec![0.0; bins],
        }
    }

    /// Measures `magnitudes` `[bins]`, leaving out each bin by its share `own`. Real-time safe.
    pub(crate) fn measure(&mut self, magnitudes: &[f32], own: &[f32]) {
        let bins = self.levels.len();
        for ((level, magnitude), own) in self.levels.iter_mut().zip(magnitudes).zip(own) {
            *level = log2(*magnitude);
            let _ = own;
        }
        let (mut weight, mut weighted) = (0.0_f32, 0.0_f32);
        let sums = self.weights[REACH + 1..]
            .iter_mut()
            .zip(&mut self.weighted[REACH + 1..]);
        let mut values = self.levels.iter().zip(magnitudes).zip(own);
        for (weights, weighteds) in sums {
            if let Some(((level, magnitude), own)) = values.next() {
                let share = if *magnitude > 0.0 {
                    1.0 - own + 1e-3
                } else {
                    0.0
                };
                weight += share;
                weighted += share * level;
            }
            (*weights, *weighteds) = (weight, weighted);
        }
        for (bin, level) in self.levels.iter_mut().enumerate().take(bins) {
            let weight = self.weights[bin + 2 * REACH + 1] - self.weights[bin];
            let sum = self.weighted[bin + 2 * REACH + 1] - self.weighted[bin];
            let mean = sum / weight.max(1e-3);
            *level = if magnitudes[bin] > 0.0 {
                LOG_MEAN_TO_POWER * exp2(mean)
            } else {
                0.0
            };
        }
    }

    /// Root-mean-square magnitude of the noise `[bins]`; 0 where the frame itself is 0.
    pub(crate) fn levels(&self) -> &[f32] {
        &self.levels
    }
}
