//! Matrices whose rows are short spans: filter banks and their inverses. Any thread; built once.

const LANES: usize = 8; // sums that run side by side, so that the compiler may use vectors

/// One row while a matrix is built: `weights` from column `first` on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) weights: Vec<f64>,
}

impl Span {
    pub(crate) fn sum(&self) -> f64 {
        self.weights.iter().sum()
    }

    pub(crate) fn end(&self) -> usize {
        self.first + self.weights.len()
    }

    pub(crate) fn scaled(mut self, factor: f64) -> Self {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
        self
    }

    /// The nonzero middle of a dense row; what is `limit` times smaller than the largest counts as zero.
    pub(crate) fn of_dense(row: &[f64], limit: f64) -> Self {
        let largest = row
            .iter()
            .fold(0.0_f64, |most, weight| most.max(weight.abs()));
        let counts = |weight: &f64| weight.abs() > limit * largest;
        let first = row.iter().position(counts).unwrap_or(0);
        let end = row.iter().rposition(counts).map_or(first, |last| last + 1);
        Self {
            first,
            weights: row[first..end].to_vec(),
        }
    }
}

/// A matrix of spans in single precision.
#[derive(Clone, Debug)]
pub(crate) struct SpanMatrix {
    // Of each row: its first column, and where its weights begin and end.
    rows: Vec<(usize, std::ops::Range<usize>)>,
    weights: Vec<f32>,
}

impl SpanMatrix {
    /// Allocates.
    pub(crate) fn new(spans: &[Span]) -> Self {
        let mut weights = Vec::new();
        let mut rows = Vec::with_capacity(spans.len());
        for span in spans {
            let start = weights.len();
            weights.extend(span.weights.iter().map(|weight| *weight as f32));
            rows.push((span.first, start..weights.len()));
        }
        Self { rows, weights }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Multiplications of one product.
    pub(crate) fn weights(&self) -> usize {
        self.weights.len()
    }

    /// Columns and weights of a row. Real-time safe.
    fn row(&self, row: &(usize, std::ops::Range<usize>)) -> (std::ops::Range<usize>, &[f32]) {
        let weights = &self.weights[row.1.clone()];
        (row.0..row.0 + weights.len(), weights)
    }

    /// `out = matrix * input`; `input`: `[columns]`, every span within it, `out`: `[rows]`. Real-time safe.
    pub(crate) fn multiply(&self, input: &[f32], out: &mut [f32]) {
        for (row, out) in self.rows.iter().zip(out) {
            let (columns, weights) = self.row(row);
            *out = dot(weights, &input[columns]);
        }
    }

    /// `out = transposed matrix * input`; `input`: `[rows]`, `out`: `[columns]`, as above. Real-time safe.
    pub(crate) fn multiply_transposed(&self, input: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for (row, factor) in self.rows.iter().zip(input) {
            let (columns, weights) = self.row(row);
            for (out, weight) in out[columns].iter_mut().zip(weights) {
                *out += weight * factor;
            }
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::{Span, SpanMatrix};

    #[test]
    fn products_are_those_of_the_dense_matrix() {
        let dense: Vec<Vec<f64>> = (0..5)
            .map(|row| {
                (0..40)
                    .map(|column| {
                        let inside = column >= 3 * row && column < 3 * row + 5 * row + 1;
                        if inside {
                            (row * 40 + column) as f64 * 0.1 + 1.0
                        } else {
                            0.0
                        }
                    })
                    .collect()
            })
            .collect();
        let spans: Vec<Span> = dense.iter().map(|row| Span::of_dense(row, 0.0)).collect();
        let matrix = SpanMatrix::new(&spans);
        assert_eq!((matrix.rows(), matrix.weights()), (5, 55));
        let input: Vec<f32> = (0..40).map(|n| 1.0 - 0.1 * n as f32).collect();
        let mut out = [7.0; 5];
        matrix.multiply(&input, &mut out);
        let mut back = [7.0; 40];
        matrix.multiply_transposed(&input[..5], &mut back);
        for row in 0..5 {
            let wanted: f64 = (0..40).map(|n| dense[row][n] * f64::from(input[n])).sum();
            assert!((f64::from(out[row]) - wanted).abs() < 1e-4 * (1.0 + wanted.abs()));
        }
        for column in 0..40 {
            let wanted: f64 = (0..5).map(|n| dense[n][column] * f64::from(input[n])).sum();
            assert!((f64::from(back[column]) - wanted).abs() < 1e-4 * (1.0 + wanted.abs()));
        }
    }

    #[test]
    fn a_row_without_weights_gives_zero() {
        let matrix = SpanMatrix::new(&[Span::of_dense(&[0.0; 4], 0.0)]);
        let mut out = [7.0];
        matrix.multiply(&[1.0; 4], &mut out);
        assert_eq!(out, [0.0]);
    }
}
