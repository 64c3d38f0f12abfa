//! The loudness of a frame, so that shaping changes the colour and not the level. Pure.
//!
//! Power under the curve of ITU-R BS.1770-5, annex 1 (K weighting), drawn with its two corners: a
//! high pass at 38 Hz and a shelf of 4 dB about 1.7 kHz.

/// Corner of the high pass.
const HIGH_PASS_HZ: f64 = 38.0;
/// Middle of the shelf.
const SHELF_HZ: f64 = 1_700.0;
/// Power gain above the shelf: 4 dB.
const SHELF_POWER: f64 = 2.512;
/// Largest amplitude gain or loss that makes up for a shaping: 60 dB.
const MOST: f64 = 1_000.0;

/// The weight of each bin's power.
#[derive(Clone, Debug)]
pub struct Loudness {
    weights: Vec<f64>,
}

impl Loudness {
    /// For frames of so many bins, each so many hertz above the one before. Allocates.
    pub fn new(bins: usize, bin_hz: f32) -> Self {
        let weight = |bin: usize| {
            let square = (bin as f64 * f64::from(bin_hz)).powi(2);
            let high_pass = (square / (square + HIGH_PASS_HZ.powi(2))).powi(2);
            let above = square / (square + SHELF_HZ.powi(2));
            high_pass * (1.0 + (SHELF_POWER - 1.0) * above)
        };
        Self {
            weights: (0..bins).map(weight).collect(),
        }
    }

    /// Weighted power of a frame, `[bins]` magnitudes. Real-time safe.
    pub fn power(&self, magnitudes: &[f32]) -> f64 {
        magnitudes
            .iter()
            .zip(&self.weights)
            .map(|(magnitude, weight)| weight * f64::from(*magnitude) * f64::from(*magnitude))
            .sum()
    }

    /// Brings a frame to a weighted power above 0.
    pub(super) fn restore(&self, magnitudes: &mut [f32], power: f64) {
        let now = self.power(magnitudes);
        if now <= 0.0 {
            return;
        }
        let gain = (power / now).sqrt().clamp(1.0 / MOST, MOST) as f32;
        magnitudes
            .iter_mut()
            .for_each(|magnitude| *magnitude *= gain);
    }
}
