//! From bands back to bins: one precomputed matrix, then optional non-negative steps.
//!
//! The matrix solves `min |F x - b|^2 + SMOOTHNESS |second differences of x|^2 + RIDGE |x|^2`, where `F`
//! is the bank with rows of sum 1. It always works on amplitudes: bands of power are rooted first, since
//! in powers the loud partials' errors drown their neighbours (measured on speech, mel-128 of powers at
//! 22.05 kHz: PESQ 2.4 to 3.2 in powers, 3.8 in amplitudes, 3.9 for the linear bins themselves).
//!
//! Sources: Golub, Van Loan 2013, "Matrix Computations", sec. 6.1.5 (ridge regression); Eilers 2003, "A
//! perfect smoother" (second differences); Lee, Seung 2001, "Algorithms for non-negative matrix
//! factorization", theorem 2 (the multiplicative step for the divergence).

use super::banded::BandedCholesky;
use super::span_matrix::{Span, SpanMatrix};
use crate::error::SpecError;
use crate::scale::Quantity;

const SMOOTHNESS: f64 = 1e-3; // 1e-1 to 1e-3 measure alike on speech; less follows a decoder's errors
const RIDGE: f64 = 1e-6; // bins that no band sees have an answer too
const NEGLIGIBLE: f64 = 1e-7; // of a column's largest weight: under the rounding of a frame
const SECOND_DIFFERENCE: [f64; 3] = [1.0, -2.0, 1.0];
const MOST_SOLVE_STEPS: usize = 1 << 32; // a few seconds of a loader; mel-128 of 16 384 samples takes half of it
const TINY: f32 = 1e-30; // a band this quiet asks for no correction

/// Most non-negative steps taken: the cost of a frame stays bounded.
pub const MAX_REFINE_STEPS: usize = 100;

/// Refuses a bank whose inverse would take too long to solve for.
pub(crate) fn check_solvable(spans: &[Span], bins: usize) -> Result<(), SpecError> {
    let given = widest(spans);
    let max = (MOST_SOLVE_STEPS / bins).isqrt();
    if given > max {
        return Err(SpecError::Wide { given, bins, max });
    }
    Ok(())
}

fn widest(spans: &[Span]) -> usize {
    let widths = spans.iter().map(|span| span.weights.len());
    widths.max().unwrap_or(0)
}

/// The inverse of one bank. Preallocated; its cost does not depend on the data.
#[derive(Clone, Debug)]
pub(crate) struct BandInverse {
    quantity: Quantity,
    /// Bins that some band sees; the others are zero.
    seen: std::ops::Range<usize>,
    /// Brings the quantity of each band to a bank with rows of sum 1, and its root the amplitude.
    row_scales: Vec<f32>,
    matrix: SpanMatrix,
    /// The bank, rows of sum 1, and the sums of its columns.
    bank: SpanMatrix,
    column_sums: Vec<f32>,
    wanted: Vec<f32>,
    ratios: Vec<f32>,
    found: Vec<f32>,
    corrections: Vec<f32>,
}

impl BandInverse {
    /// `spans`: the bank's rows, not all empty. Allocates.
    pub(crate) fn new(spans: &[Span], quantity: Quantity) -> Self {
        let filled = || spans.iter().filter(|span| !span.weights.is_empty());
        let start = filled().map(|span| span.first).min().unwrap_or(0);
        let end = filled().map(Span::end).max().unwrap_or(start);
        let bins = end - start;
        let row_scale = |span: &Span| {
            let sum = span.sum();
            if sum > 0.0 { 1.0 / sum } else { 0.0 }
        };
        let unit = |span: &Span| Span {
            // A band between two bins has no weights, and may begin outside.
            first: span.first.saturating_sub(start).min(bins),
            weights: span.clone().scaled(row_scale(span)).weights,
        };
        let bank: Vec<Span> = spans.iter().map(unit).collect();
        let mut column_sums = vec![0.0; bins];
        for span in &bank {
            for (sum, weight) in column_sums[span.first..].iter_mut().zip(&span.weights) {
                *sum += *weight as f32;
            }
        }
        Self {
            quantity,
            seen: start..end,
            row_scales: spans.iter().map(|span| row_scale(span) as f32).collect(),
            matrix: SpanMatrix::new(&solved(&bank, bins)),
            bank: SpanMatrix::new(&bank),
            column_sums,
            wanted: vec![0.0; spans.len()],
            ratios: vec![0.0; spans.len()],
            found: vec![0.0; bins],
            corrections: vec![0.0; bins],
        }
    }

    /// Multiplications of one frame without steps.
    pub(crate) fn cost(&self) -> usize {
        self.matrix.weights()
    }

    /// `magnitudes`: `[bins]`, from `amplitudes`: `[bands]`, the roots of the bands where they are powers;
    /// finite, not negative. Real-time safe for a fixed number of steps, at most [`MAX_REFINE_STEPS`].
    pub(crate) fn apply(&mut self, amplitudes: &[f32], steps: usize, magnitudes: &mut [f32]) {
        let power = self.quantity == Quantity::Power;
        let scaled = amplitudes.iter().zip(&self.row_scales);
        for (wanted, (amplitude, scale)) in self.wanted.iter_mut().zip(scaled) {
            let scale = if power { scale.sqrt() } else { *scale };
            *wanted = amplitude * scale;
        }
        self.matrix
            .multiply_transposed(&self.wanted, &mut self.found);
        self.found.iter_mut().for_each(|bin| *bin = bin.max(0.0));
        if steps > 0 {
            self.refine(power, steps.min(MAX_REFINE_STEPS));
        }
        magnitudes.fill(0.0);
        let inside = magnitudes.iter_mut().skip(self.seen.start);
        inside.zip(&self.found).for_each(|(out, bin)| *out = *bin);
    }

    /// Steps in the bank's own quantity: each multiplies a bin by the mean of its bands' ratios.
    fn refine(&mut self, power: bool, steps: usize) {
        if power {
            self.found.iter_mut().for_each(|bin| *bin *= *bin);
            self.wanted.iter_mut().for_each(|band| *band *= *band);
        }
        for _ in 0..steps {
            self.bank.multiply(&self.found, &mut self.ratios);
            for (ratio, wanted) in self.ratios.iter_mut().zip(&self.wanted) {
                *ratio = if *ratio > TINY { wanted / *ratio } else { 0.0 };
            }
            self.bank
                .multiply_transposed(&self.ratios, &mut self.corrections);
            let factors = self.corrections.iter().zip(&self.column_sums);
            for (bin, (correction, sum)) in self.found.iter_mut().zip(factors) {
                *bin = if *sum > 0.0 {
                    *bin * correction / sum
                } else {
                    *bin
                };
            }
        }
        if power {
            self.found.iter_mut().for_each(|bin| *bin = bin.sqrt());
        }
    }
}

/// Columns of the smoothing inverse of `bank`, one a band, over `bins`.
fn solved(bank: &[Span], bins: usize) -> Vec<Span> {
    let width = widest(bank)
        .saturating_sub(1)
        .max(2)
        .min(bins.saturating_sub(1));
    let mut normal = Normal {
        width,
        rows: vec![0.0; bins * (width + 1)],
    };
    for span in bank {
        normal.add_square(span.first, &span.weights, 1.0);
    }
    for first in 0..bins.saturating_sub(2) {
        normal.add_square(first, &SECOND_DIFFERENCE, SMOOTHNESS);
    }
    for bin in 0..bins {
        normal.add_square(bin, &[1.0], RIDGE);
    }
    let factors = BandedCholesky::new(width, normal.rows);
    let mut column = vec![0.0; bins];
    bank.iter()
        .map(|span| {
            column.fill(0.0);
            column[span.first..span.end()].copy_from_slice(&span.weights);
            factors.solve(&mut column, span.first);
            Span::of_dense(&column, NEGLIGIBLE)
        })
        .collect()
}

/// The lower half of a banded symmetric matrix, laid out as [`BandedCholesky::new`] takes it.
struct Normal {
    width: usize,
    rows: Vec<f64>,
}

impl Normal {
    /// Adds `factor` times the outer product of a row with itself.
    fn add_square(&mut self, first: usize, weights: &[f64], factor: f64) {
        for (row, a) in weights.iter().enumerate() {
            for (column, b) in weights[..=row].iter().enumerate() {
                let place = (first + row) * (self.width + 1) + self.width + column - row;
                self.rows[place] += factor * a * b;
            }
        }
    }
}
