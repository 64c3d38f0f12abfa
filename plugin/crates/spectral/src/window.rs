//! The periodic Hann window and its transform. Tables are built at construction.

use realfft::num_complex::Complex64;
use std::f64::consts::PI;
use std::ops::Range;

/// Periodic Hann window: `[fft_size]`, peak 1 at `fft_size / 2`. Allocates.
pub fn hann_periodic(fft_size: usize) -> Vec<f32> {
    (0..fft_size)
        .map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / fft_size as f64).cos()) as f32)
        .collect()
}

/// Square root of [`hann_periodic`], a half wave: `[size]`, peak 1 at `size / 2`. Allocates.
pub fn sine_periodic(size: usize) -> Vec<f32> {
    (0..size)
        .map(|n| (PI * n as f64 / size as f64).sin() as f32)
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

/// Transform of the part of a Hann window that lies after `-before` windows from its centre
/// (0.5 is the whole window, 0 its right half), about the centre; the whole window gives 1 at 0.
///
/// A note that begins inside a frame is seen through such a part. In closed form, because the window
/// is three exponentials: `D(d) = (exp(2 pi i d before) - exp(-i pi d)) / (2 pi i d)`.
pub fn partial_hann_transform(distance_bins: f64, before: f64) -> Complex64 {
    let piece = |d: f64| {
        if d.abs() < 1e-9 {
            return Complex64::new(before + 0.5, 0.0);
        }
        let ends = Complex64::cis(2.0 * PI * d * before) - Complex64::cis(-PI * d);
        ends / Complex64::new(0.0, 2.0 * PI * d)
    };
    piece(distance_bins) + 0.5 * (piece(distance_bins - 1.0) + piece(distance_bins + 1.0))
}

/// [`partial_hann_transform`] sampled for every offset of a partial between two bins.
#[derive(Clone, Debug)]
pub(crate) struct LobeTable {
    // Real parts, imaginary parts and magnitudes, `[FRACTIONS + 1][WIDTH]` each.
    real: Vec<f32>,
    imaginary: Vec<f32>,
    sizes: Vec<f32>,
    powers: Vec<f32>,
}

/// One row of a [`LobeTable`], bins `nearest - REACH ..= nearest + REACH`.
pub(crate) struct LobeRow<'a> {
    pub(crate) real: &'a [f32],
    pub(crate) imaginary: &'a [f32],
    pub(crate) sizes: &'a [f32],
}

impl LobeTable {
    /// Bins on each side of the nearest bin.
    pub(crate) const REACH: usize = 8; // the lobe at 8.5 bins is 66 dB down
    /// Bins of a row.
    pub(crate) const WIDTH: usize = 2 * Self::REACH + 1;
    const FRACTIONS: usize = 128; // 1/256 bin of rounding: 0.2 % of a value at the steepest slope

    /// Builds the table for the part of the window after `-before` windows from its centre. Allocates.
    pub(crate) fn new(before: f64) -> Self {
        let mut rows = Vec::with_capacity((Self::FRACTIONS + 1) * Self::WIDTH);
        for fraction in 0..=Self::FRACTIONS {
            let offset = fraction as f64 / Self::FRACTIONS as f64 - 0.5;
            for column in 0..Self::WIDTH {
                let distance = column as f64 - Self::REACH as f64 - offset;
                let value = partial_hann_transform(distance, before);
                rows.push(value);
            }
        }
        let reach = (Self::REACH + 1) * Self::FRACTIONS;
        let distance = |index| index as f64 / Self::FRACTIONS as f64;
        let power = |index| partial_hann_transform(distance(index), before).norm_sqr() as f32;
        Self {
            real: rows.iter().map(|value| value.re as f32).collect(),
            imaginary: rows.iter().map(|value| value.im as f32).collect(),
            sizes: rows.iter().map(|value| value.norm() as f32).collect(),
            powers: (0..=reach).map(power).collect(),
        }
    }

    fn range(offset_bins: f32) -> Range<usize> {
        let index = ((offset_bins + 0.5) * Self::FRACTIONS as f32 + 0.5) as usize;
        let start = index.min(Self::FRACTIONS) * Self::WIDTH;
        start..start + Self::WIDTH
    }

    /// The lobe of a partial that lies `offset_bins` (-0.5 to 0.5) from the nearest bin. Real-time safe.
    pub(crate) fn row(&self, offset_bins: f32) -> LobeRow<'_> {
        let range = Self::range(offset_bins);
        LobeRow {
            real: &self.real[range.clone()],
            imaginary: &self.imaginary[range.clone()],
            sizes: &self.sizes[range],
        }
    }

    /// Only the magnitudes of [`Self::row`]. Real-time safe.
    pub(crate) fn sizes(&self, offset_bins: f32) -> &[f32] {
        &self.sizes[Self::range(offset_bins)]
    }

    /// Squared lobe at a distance in bins; 0 beyond `REACH + 1`. Real-time safe.
    #[inline]
    pub(crate) fn power(&self, distance_bins: f32) -> f32 {
        let index = (distance_bins.abs() * Self::FRACTIONS as f32 + 0.5) as usize;
        self.powers.get(index).copied().unwrap_or(0.0)
    }
}
