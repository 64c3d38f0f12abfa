//! The periodic Hann window and its transform. Tables are built at construction.

use std::f64::consts::PI;

/// Periodic Hann window: `[fft_size]`, peak 1 at `fft_size / 2`. Allocates.
pub fn hann_periodic(fft_size: usize) -> Vec<f32> {
    (0..fft_size)
        .map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / fft_size as f64).cos()) as f32)
        .collect()
}

/// Transform of the Hann window at `distance_bins` from its centre, 1 at 0, real because the
/// window is taken symmetric about its centre. Positive within 2 bins, then alternating lobes.
///
/// Source: Harris 1978, "On the use of windows for harmonic analysis with the DFT", sec. V.C.
pub fn hann_transform(distance_bins: f64) -> f64 {
    let d = distance_bins.abs();
    if d < 1e-9 {
        return 1.0;
    }
    if (d - 1.0).abs() < 1e-9 {
        return 0.5;
    }
    (PI * d).sin() / (PI * d) / (1.0 - d * d)
}

/// [`hann_transform`] sampled for every offset of a partial between two bins.
#[derive(Clone, Debug)]
pub(crate) struct LobeTable {
    rows: Vec<f32>,
    powers: Vec<f32>,
}

impl LobeTable {
    /// Bins on each side of the nearest bin.
    pub(crate) const REACH: usize = 8; // the lobe at 8.5 bins is 66 dB down
    const WIDTH: usize = 2 * Self::REACH + 1;
    const FRACTIONS: usize = 128; // 1/256 bin of rounding: 0.2 % of a value at the steepest slope

    /// Builds the table. Allocates.
    pub(crate) fn new() -> Self {
        let mut rows = Vec::with_capacity((Self::FRACTIONS + 1) * Self::WIDTH);
        for fraction in 0..=Self::FRACTIONS {
            let offset = fraction as f64 / Self::FRACTIONS as f64 - 0.5;
            for column in 0..Self::WIDTH {
                let distance = column as f64 - Self::REACH as f64 - offset;
                rows.push(hann_transform(distance) as f32);
            }
        }
        let reach = (Self::REACH + 1) * Self::FRACTIONS;
        let power = |index| hann_transform(index as f64 / Self::FRACTIONS as f64).powi(2) as f32;
        Self {
            rows,
            powers: (0..=reach).map(power).collect(),
        }
    }

    /// Lobe values at bins `nearest - REACH ..= nearest + REACH` of a partial that lies
    /// `offset_bins` (-0.5 to 0.5) from the nearest bin. Real-time safe.
    pub(crate) fn row(&self, offset_bins: f32) -> &[f32] {
        let index = ((offset_bins + 0.5) * Self::FRACTIONS as f32 + 0.5) as usize;
        let start = index.min(Self::FRACTIONS) * Self::WIDTH;
        &self.rows[start..start + Self::WIDTH]
    }

    /// Squared lobe at a distance in bins; 0 beyond `REACH + 1`. Real-time safe.
    #[inline]
    pub(crate) fn power(&self, distance_bins: f32) -> f32 {
        let index = (distance_bins.abs() * Self::FRACTIONS as f32 + 0.5) as usize;
        self.powers.get(index).copied().unwrap_or(0.0)
    }
}
