//! Where a partial really lies: its harmonic, or a peak beside it. Audio thread.

/// Partials further than this from the expected harmonic are taken from their measured peak.
const STRETCHED_CENTS: f32 = 15.0;
/// And by at least this, because a peak between bins is not read more exactly from decoder output.
const STRETCHED_BINS: f32 = 0.12;
/// But by no more than this: further off, the peak would stand outside the partial's own lobe.
const STRETCHED_BINS_MOST: f32 = 0.5;
/// Share of the new measurement in a partial's place: about four frames.
const PLACE_SMOOTHING: f32 = 0.25;
/// A peak tells a partial's place only if it stands this far above the bins around it.
const CLEAR_PEAK: f32 = 3.0;
/// A partial deviates as the one below it foretells, to within this share of the spacing.
const DEVIATION_STEP: f32 = 0.35;
/// Share of the threshold below which a stretched partial returns to its harmonic.
const RETURN_SHARE: f32 = 0.7;
/// Frames without a clear peak after which a partial's place is forgotten.
const FORGET_FRAMES: u8 = 24;

/// What is remembered about one partial's place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Relative deviation from the harmonic, smoothed.
    pub(crate) stretch: f32,
    /// Whether it follows its own peak.
    pub(crate) stretched: bool,
    unclear_frames: u8,
}

/// Where a partial may lie; deviations are from the harmonic.
pub(crate) struct Expected {
    pub(crate) nominal: f32,
    pub(crate) spacing: f32,
    pub(crate) stiff_bins: f32,
    pub(crate) neighbour_bins: f32,
}

impl Place {
    /// Keeps to the harmonic unless a clear peak lies elsewhere, or where the string's stiffness puts it.
    /// Real-time safe.
    pub(crate) fn follow_peak(&mut self, magnitudes: &[f32], expected: &Expected) {
        let Some(deviation_bins) = self.clear_peak(magnitudes, expected) else {
            self.unclear_frames = self.unclear_frames.saturating_add(1);
            if !self.stretched || self.unclear_frames > FORGET_FRAMES {
                self.stretched = false;
                self.stretch +=
                    PLACE_SMOOTHING * (expected.stiff_bins / expected.nominal - self.stretch);
            }
            return;
        };
        self.unclear_frames = 0;
        let cents_bins = expected.nominal * STRETCHED_CENTS * (std::f32::consts::LN_2 / 1200.0);
        let threshold = cents_bins.clamp(STRETCHED_BINS, STRETCHED_BINS_MOST);
        let threshold = if self.stretched {
            RETURN_SHARE * threshold
        } else {
            threshold
        };
        let measured = deviation_bins / expected.nominal;
        let stiff = (deviation_bins - expected.stiff_bins).abs() < 0.5 * expected.stiff_bins.abs();
        let far = deviation_bins.abs() > threshold;
        if far && !self.stretched {
            self.stretch = measured;
        } else {
            let target = if far || stiff { measured } else { 0.0 };
            self.stretch += PLACE_SMOOTHING * (target - self.stretch);
        }
        self.stretched = far;
    }

    // Deviation in bins of the peak near the expected place, if it stands out and is plausible.
    fn clear_peak(&self, magnitudes: &[f32], expected: &Expected) -> Option<f32> {
        let last = magnitudes.len() - 1;
        let deviation = if self.stretched {
            self.stretch * expected.nominal
        } else if expected.stiff_bins != 0.0 {
            expected.stiff_bins
        } else {
            expected.neighbour_bins
        };
        let guess = expected.nominal + deviation;
        let reach = (0.45 * expected.spacing).min(1.6);
        let from = ((guess - reach).ceil().max(1.0) as usize).min(last - 1);
        let to = ((guess + reach) as usize).clamp(from, last - 1);
        let mut peak = from;
        for bin in from..=to {
            if magnitudes[bin] > magnitudes[peak] {
                peak = bin;
            }
        }
        let aside = ((0.5 * expected.spacing) as usize).min(3);
        let beside =
            magnitudes[peak.saturating_sub(aside)].max(magnitudes[(peak + aside).min(last)]);
        let top =
            magnitudes[peak] > magnitudes[peak - 1] && magnitudes[peak] >= magnitudes[peak + 1];
        if !top || magnitudes[peak] < CLEAR_PEAK * beside {
            return None;
        }
        let deviation_bins = peak as f32 + hann_peak_offset(magnitudes, peak) - expected.nominal;
        let step = (deviation_bins - expected.neighbour_bins).abs();
        let plausible = step < DEVIATION_STEP * expected.spacing
            || (deviation_bins - expected.stiff_bins).abs() < 1.0;
        plausible.then_some(deviation_bins)
    }
}

// Place of a stationary sinusoid between two bins under a Hann window.
// Source: Grandke 1983, "Interpolation algorithms for discrete Fourier transforms of weighted signals".
fn hann_peak_offset(magnitudes: &[f32], peak: usize) -> f32 {
    let (left, centre, right) = (magnitudes[peak - 1], magnitudes[peak], magnitudes[peak + 1]);
    let (side, sign) = if right >= left {
        (right, 1.0)
    } else {
        (left, -1.0)
    };
    let ratio = side / centre.max(f32::MIN_POSITIVE);
    (sign * (2.0 * ratio - 1.0) / (ratio + 1.0)).clamp(-0.5, 0.5)
}
