//! The periodic Hann window and its transform. Tables are built at construction.

use crate::approx::nearest_whole;
use realfft::num_complex::Complex64;
use std::f64::consts::PI;

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

/// Bins that are drawn at a time.
pub(crate) const GROUP: usize = 4;
/// A group of neighbouring bins. Groups lie at whole multiples of their size: what one partial has stored,
/// the next one can load without waiting for it to reach the cache.
pub(crate) type Group = [f32; GROUP];
const LEAD: usize = GROUP - 1;
/// Groups that a lobe can touch.
pub(crate) const LOBE_GROUPS: usize = (LEAD + LobeTable::WIDTH).div_ceil(GROUP);
/// Groups that its nearest bins can touch.
pub(crate) const NEAR_GROUPS: usize = (LEAD + 2 * LobeTable::NEAR + 1).div_ceil(GROUP);

/// Rows of numbers, each of which can be read from any place within a group on.
#[derive(Clone, Debug)]
struct Rows<const GROUPS: usize> {
    // Each row stands between zeros, `[rows][LEAD + GROUPS * GROUP]`.
    values: Vec<f32>,
}

impl<const GROUPS: usize> Rows<GROUPS> {
    const STRIDE: usize = LEAD + GROUPS * GROUP;

    fn new<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Self {
        let mut values = Vec::new();
        for row in rows {
            let begins = values.len();
            values.resize(begins + LEAD, 0.0);
            values.extend_from_slice(row);
            values.resize(begins + Self::STRIDE, 0.0);
        }
        Self { values }
    }

    /// The row as it falls into groups when it begins `shift` places into the first. Real-time safe.
    #[inline(always)]
    fn groups(&self, row: usize, shift: usize) -> Option<&[Group; GROUPS]> {
        let from = row * Self::STRIDE + LEAD - shift;
        self.values.get(from..)?.as_chunks().0.first_chunk()
    }
}

/// [`partial_hann_transform`] sampled for every offset of a partial between two bins.
#[derive(Clone, Debug)]
pub(crate) struct LobeTable {
    // Rows of an offset each, `nearest - REACH ..= nearest + REACH`.
    real: Rows<LOBE_GROUPS>,
    /// `None` where it is zero: the whole window is symmetric.
    imaginary: Option<Rows<LOBE_GROUPS>>,
    powers: Rows<LOBE_GROUPS>,
    // The same, `nearest - NEAR ..= nearest + NEAR`.
    near_powers: Rows<NEAR_GROUPS>,
    // Magnitudes, `[FRACTIONS + 1][WIDTH]`.
    sizes: Vec<f32>,
    // Reciprocal of the power of the three bins about the nearest: `[FRACTIONS + 1]`.
    core_reciprocals: Vec<f32>,
    // By distance in bins.
    distant_powers: Vec<f32>,
}

/// One row of a [`LobeTable`] in groups.
pub(crate) struct LobeRow<'a> {
    pub(crate) real: &'a [Group; LOBE_GROUPS],
    pub(crate) imaginary: Option<&'a [Group; LOBE_GROUPS]>,
    pub(crate) powers: &'a [Group; LOBE_GROUPS],
}

impl LobeTable {
    /// Bins on each side of the nearest bin.
    pub(crate) const REACH: usize = 8; // the lobe at 8.5 bins is 66 dB down
    /// Bins of a row.
    pub(crate) const WIDTH: usize = 2 * Self::REACH + 1;
    /// Bins on each side in which overlapping lobes share their power.
    pub(crate) const NEAR: usize = 3;
    const FRACTIONS: usize = 128; // 1/256 bin of rounding: 0.2 % of a value at the steepest slope

    /// Builds the table for the part of the window after `-before` windows from its centre. Allocates.
    pub(crate) fn new(before: f64) -> Self {
        let whole = (before - 0.5).abs() < 1e-9;
        let mut lobes = Vec::with_capacity((Self::FRACTIONS + 1) * Self::WIDTH);
        for fraction in 0..=Self::FRACTIONS {
            let offset = fraction as f64 / Self::FRACTIONS as f64 - 0.5;
            for column in 0..Self::WIDTH {
                let distance = column as f64 - Self::REACH as f64 - offset;
                lobes.push(partial_hann_transform(distance, before));
            }
        }
        let of = |value: fn(&Complex64) -> f64| -> Vec<f32> {
            lobes.iter().map(|lobe| value(lobe) as f32).collect()
        };
        let (real, imaginary) = (of(|lobe| lobe.re), of(|lobe| lobe.im));
        let (sizes, powers) = (of(|lobe| lobe.norm()), of(|lobe| lobe.norm_sqr()));
        let near = Self::REACH - Self::NEAR..=Self::REACH + Self::NEAR;
        let core_reciprocal = |row: &[f32]| {
            let core = &row[Self::REACH - 1..=Self::REACH + 1];
            1.0 / core.iter().map(|size| size * size).sum::<f32>()
        };
        let reach = (Self::REACH + 1) * Self::FRACTIONS;
        let distance = |index| index as f64 / Self::FRACTIONS as f64;
        let power = |index| partial_hann_transform(distance(index), before).norm_sqr() as f32;
        Self {
            real: Rows::new(real.chunks(Self::WIDTH)),
            imaginary: (!whole).then(|| Rows::new(imaginary.chunks(Self::WIDTH))),
            powers: Rows::new(powers.chunks(Self::WIDTH)),
            near_powers: Rows::new(powers.chunks(Self::WIDTH).map(|row| &row[near.clone()])),
            core_reciprocals: sizes.chunks(Self::WIDTH).map(core_reciprocal).collect(),
            sizes,
            distant_powers: (0..=reach).map(power).collect(),
        }
    }

    /// The row of a partial that lies `offset_bins` (-0.5 to 0.5) from the nearest bin. Real-time safe.
    #[inline(always)]
    pub(crate) fn row(offset_bins: f32) -> usize {
        let row = nearest_whole((offset_bins + 0.5) * Self::FRACTIONS as f32);
        (row as usize).min(Self::FRACTIONS)
    }

    /// The lobe of a row, as it falls into groups when its first bin lies `shift` bins into one; `None`
    /// beyond the table. Real-time safe.
    #[inline(always)]
    pub(crate) fn groups(&self, row: usize, shift: usize) -> Option<LobeRow<'_>> {
        Some(LobeRow {
            real: self.real.groups(row, shift)?,
            imaginary: match &self.imaginary {
                Some(rows) => Some(rows.groups(row, shift)?),
                None => None,
            },
            powers: self.powers.groups(row, shift)?,
        })
    }

    /// Squares of the bins about the nearest one, in groups. Real-time safe.
    #[inline(always)]
    pub(crate) fn near_powers(&self, row: usize, shift: usize) -> Option<&[Group; NEAR_GROUPS]> {
        self.near_powers.groups(row, shift)
    }

    /// Magnitudes of a row, `[WIDTH]`. Real-time safe.
    #[inline(always)]
    pub(crate) fn sizes(&self, row: usize) -> &[f32] {
        &self.sizes[row * Self::WIDTH..][..Self::WIDTH]
    }

    /// Magnitudes of the three bins about the nearest, over the sum of their squares. Real-time safe.
    #[inline(always)]
    pub(crate) fn core(&self, row: usize) -> ([f32; 3], f32) {
        let sizes = self.sizes(row);
        let core = [
            sizes[Self::REACH - 1],
            sizes[Self::REACH],
            sizes[Self::REACH + 1],
        ];
        (core, self.core_reciprocals[row])
    }

    /// Squared lobe at a distance in bins; 0 beyond `REACH + 1`. Real-time safe.
    #[inline]
    pub(crate) fn power(&self, distance_bins: f32) -> f32 {
        let index = (distance_bins.abs() * Self::FRACTIONS as f32 + 0.5) as usize;
        self.distant_powers.get(index).copied().unwrap_or(0.0)
    }
}
