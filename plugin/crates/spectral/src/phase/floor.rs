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
    // Padded by REACH bins of nothing on both sides.
    weights: Vec<f32>,
    weighted: Vec<f32>,
    sums: WindowSums,
    weight_sums: Vec<f32>,
    levels: Vec<f32>,
}

impl NoiseFloor {
    /// Allocates.
    pub(crate) fn new(bins: usize) -> Self {
        let padded = bins + 2 * REACH;
        Self {
            weights: vec![0.0; padded],
            weighted: vec![0.0; padded],
            sums: WindowSums::new(padded),
            weight_sums: vec![0.0; bins],
            levels: vec![0.0; bins],
        }
    }

    /// Measures `magnitudes` `[bins]`, leaving out each bin by its share `own`. Real-time safe.
    pub(crate) fn measure(&mut self, magnitudes: &[f32], own: &[f32]) {
        let shares = self.weights[REACH..]
            .iter_mut()
            .zip(&mut self.weighted[REACH..]);
        for ((weight, weighted), (magnitude, own)) in shares.zip(magnitudes.iter().zip(own)) {
            // Both are read before one is chosen, so that no bin needs a branch.
            let (open, octaves) = (1.0 - own + OWN_WEIGHT, log2(*magnitude));
            let share = if *magnitude > 0.0 { open } else { 0.0 };
            (*weight, *weighted) = (share, share * octaves);
        }
        self.sums.sum(&self.weights, &mut self.weight_sums);
        self.sums.sum(&self.weighted, &mut self.levels);
        let values = self.levels.iter_mut().zip(&self.weight_sums);
        for ((level, weight), magnitude) in values.zip(magnitudes) {
            let noise = LOG_MEAN_TO_POWER * exp2(*level / weight.max(OWN_WEIGHT));
            *level = if *magnitude > 0.0 { noise } else { 0.0 };
        }
    }

    /// Root-mean-square magnitude of the noise `[bins]`; 0 where the frame itself is 0.
    pub(crate) fn levels(&self) -> &[f32] {
        &self.levels
    }
}

/// Sums over the 13 bins about each bin, as 8 + 4 + 1, each doubled from half as many: no bin waits for the
/// sum before it, as in a running sum, and none carries its rounding on.
#[derive(Clone, Debug)]
struct WindowSums {
    pairs: Vec<f32>,
    fours: Vec<f32>,
    eights: Vec<f32>,
}

impl WindowSums {
    fn new(padded: usize) -> Self {
        Self {
            pairs: vec![0.0; padded],
            fours: vec![0.0; padded],
            eights: vec![0.0; padded],
        }
    }

    // `values`: padded by REACH on both sides of what `sums` has.
    fn sum(&mut self, values: &[f32], sums: &mut [f32]) {
        const { assert!(2 * REACH + 1 == 8 + 4 + 1) };
        add(values, &values[1..], &mut self.pairs);
        add(&self.pairs, &self.pairs[2..], &mut self.fours);
        add(&self.fours, &self.fours[4..], &mut self.eights);
        let parts = self.eights.iter().zip(&self.fours[8..]);
        for (sum, ((eight, four), one)) in sums.iter_mut().zip(parts.zip(&values[12..])) {
            *sum = eight + four + one;
        }
    }
}

fn add(left: &[f32], right: &[f32], sums: &mut [f32]) {
    for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
        *sum = left + right;
    }
}
