//! The spectral envelope: what the tops of the partials draw. Pure.
//!
//! A running maximum one spacing of partials wide meets a partial everywhere; the average after it,
//! as wide, takes the steps out. After Roebel, Rodet 2005, "Efficient spectral envelope estimation
//! and its application to pitch shifting and envelope preservation", whose iterated cepstrum finds
//! the same tops by another way; this one needs no transform and no iteration.

use crate::approx::log2;

/// Levels under this, below a full-scale sine's peak, are one floor: 110 dB.
const FLOOR: f32 = 3e-6;
/// Narrowest look: the main lobe of a Hann window.
const LEAST_WIDTH_BINS: f32 = 5.0;
/// Widest look as a share of the spectrum.
const WIDEST_SHARE: f32 = 0.25;

/// Base-2 logarithms of an envelope, a value a bin.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    floor: f32,
    levels: Vec<f32>,
    scratch: Vec<f32>,
    sums: Vec<f64>,
}

impl Envelope {
    pub(super) fn new(bins: usize, full_scale: f32) -> Self {
        Self {
            floor: full_scale * FLOOR,
            levels: vec![0.0; bins],
            scratch: vec![0.0; bins],
            sums: vec![0.0; bins + 1],
        }
    }

    /// Measures the envelope of `magnitudes` (`[bins]`) whose partials lie `spacing_bins` apart.
    pub(super) fn measure(&mut self, magnitudes: &[f32], spacing_bins: f32) {
        let widest = self.levels.len() as f32 * WIDEST_SHARE;
        let spacing = spacing_bins.clamp(LEAST_WIDTH_BINS, widest.max(LEAST_WIDTH_BINS));
        for (level, magnitude) in self.levels.iter_mut().zip(magnitudes) {
            *level = log2(magnitude.max(self.floor));
        }
        // Half a spacing on each side meets a partial everywhere.
        let reach = (spacing * 0.5).ceil() as usize;
        self.take_tops(reach);
        self.average(reach);
    }

    /// Levels, one a bin.
    pub(super) fn levels(&self) -> &[f32] {
        &self.levels
    }

    /// The level between bins; outside, that of the end.
    pub(super) fn at(&self, bin: f32) -> f32 {
        let last = self.levels.len() - 1;
        let bin = bin.clamp(0.0, last as f32);
        let low = (bin as usize).min(last);
        let (from, to) = (self.levels[low], self.levels[(low + 1).min(last)]);
        from + (to - from) * (bin - low as f32)
    }

    /// The maximum over `reach` bins on each side: a maximum over twice the bins in every pass.
    fn take_tops(&mut self, reach: usize) {
        let bins = self.levels.len();
        let width = 2 * reach + 1;
        let mut covered = 1;
        // `levels[i]` is the maximum of bins `i .. i + covered`.
        while covered < width {
            let step = covered.min(width - covered);
            for bin in 0..bins.saturating_sub(step) {
                self.levels[bin] = self.levels[bin].max(self.levels[bin + step]);
            }
            covered += step;
        }
        // Centred: the maximum that begins `reach` bins before; the first ones see less to the left,
        // which their own maxima cover.
        self.scratch.copy_from_slice(&self.levels);
        for bin in reach..bins {
            self.levels[bin] = self.scratch[bin - reach];
        }
        let start = self.scratch[0];
        self.levels[..reach.min(bins)].fill(start);
    }

    /// The mean over `reach` bins on each side; at the ends, over those that exist.
    fn average(&mut self, reach: usize) {
        let bins = self.levels.len();
        let mut sum = 0.0;
        for (below, level) in self.sums[1..].iter_mut().zip(&self.levels) {
            sum += f64::from(*level);
            *below = sum;
        }
        for (bin, level) in self.levels.iter_mut().enumerate() {
            let (from, to) = (bin.saturating_sub(reach), (bin + reach + 1).min(bins));
            *level = ((self.sums[to] - self.sums[from]) / (to - from) as f64) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Envelope;

    #[test]
    fn the_envelope_runs_over_the_tops_whatever_their_spacing() {
        for spacing in [3.0_f32, 8.0, 21.3, 90.0] {
            let level = |bin: f32| 6.0 - bin / 100.0;
            let mut magnitudes = vec![0.0_f32; 1025];
            let mut place = spacing;
            while place < 1000.0 {
                magnitudes[place.round() as usize] = level(place).exp2();
                place += spacing;
            }
            let mut envelope = Envelope::new(1025, 512.0);
            envelope.measure(&magnitudes, spacing);
            for bin in (2 * spacing as usize + 2)..(990 - 2 * spacing as usize) {
                let error = envelope.levels()[bin] - level(bin as f32);
                // A maximum one spacing wide lies half a spacing's slope above, and no lower.
                let slope = (spacing.max(5.0) + 4.0) / 100.0;
                assert!(
                    error.abs() <= slope,
                    "spacing {spacing}, bin {bin}: {error}"
                );
            }
        }
    }

    #[test]
    fn silence_has_a_flat_envelope() {
        let mut envelope = Envelope::new(513, 256.0);
        envelope.measure(&[0.0; 513], 7.0);
        let first = envelope.levels()[0];
        assert!(envelope.levels().iter().all(|level| *level == first));
        assert_eq!(envelope.at(-3.0), first);
        assert_eq!(envelope.at(1e6), first);
    }
}
