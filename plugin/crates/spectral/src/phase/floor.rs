//! The level of the noise under and between partials. Audio thread, preallocated.

use crate::approx::{exp2, log2};

/// Bins on each side of the running mean: wide enough to level out what a random spectrum does from
/// bin to bin, narrow enough to follow a formant.
const REACH: usize = 6;
/// What a partial's own bins still weigh, so that a frame without noise has a level too.
const OWN_WEIGHT: f32 = 1e-3;
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
        let ends = REACH + 1;
        let shares = self.weights[ends..]
            .iter_mut()
            .zip(&mut self.weighted[ends..]);
        for ((weight, weighted), (magnitude, own)) in shares.zip(magnitudes.iter().zip(own)) {
            let share = if *magnitude > 0.0 {
                1.0 - own + OWN_WEIGHT
            } else {
                0.0
            };
            (*weight, *weighted) = (share, share * log2(*magnitude));
        }
        add_up(&mut self.weights, bins);
        add_up(&mut self.weighted, bins);
        let width = 2 * REACH + 1;
        let weights = self.weights[width..].iter().zip(&self.weights);
        let sums = self.weighted[width..].iter().zip(&self.weighted);
        let values = self.levels.iter_mut().zip(magnitudes);
        for ((level, magnitude), ((weight_to, weight_from), (sum_to, sum_from))) in
            values.zip(weights.zip(sums))
        {
            let weight = (weight_to - weight_from).max(OWN_WEIGHT);
            let noise = LOG_MEAN_TO_POWER * exp2((sum_to - sum_from) / weight);
            *level = if *magnitude > 0.0 { noise } else { 0.0 };
        }
    }

    /// Root-mean-square magnitude of the noise `[bins]`; 0 where the frame itself is 0.
    pub(crate) fn levels(&self) -> &[f32] {
        &self.levels
    }
}

// Running sums, in place; what follows the last of `bins` values repeats the total.
fn add_up(values: &mut [f32], bins: usize) {
    let mut total = 0.0;
    let (filled, padding) = values.split_at_mut(REACH + 1 + bins);
    for value in filled[REACH + 1..].iter_mut() {
        total += *value;
        *value = total;
    }
    padding.fill(total);
}
