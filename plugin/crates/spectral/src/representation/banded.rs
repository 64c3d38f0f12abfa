//! Cholesky factors of a symmetric positive matrix that is zero away from its diagonal. Construction only.
//!
//! Own code: forty lines, where a linear algebra crate would be this crate's largest dependency.
//! Source: Golub, Van Loan 2013, "Matrix Computations", sec. 4.3.5 (band Cholesky).

/// The lower factor, row by row: `width` values left of the diagonal, then the diagonal.
pub(crate) struct BandedCholesky {
    width: usize,
    lower: Vec<f64>,
}

impl BandedCholesky {
    /// Factors the matrix whose lower half is `rows`: of each row the `width` values left of the
    /// diagonal (zero where they would leave the matrix), then the diagonal. The matrix must be positive
    /// definite. Allocates nothing more.
    pub(crate) fn new(width: usize, rows: Vec<f64>) -> Self {
        let mut lower = rows;
        let stride = width + 1;
        for row in 0..lower.len() / stride {
            let first = row.saturating_sub(width);
            for column in first..=row {
                let from = first.max(column.saturating_sub(width));
                let left = Self::slice(width, row, from..column);
                let above = Self::slice(width, column, from..column);
                let sum: f64 = lower[left]
                    .iter()
                    .zip(&lower[above])
                    .map(|(a, b)| a * b)
                    .sum();
                let place = row * stride + width + column - row;
                let rest = lower[place] - sum;
                lower[place] = if column == row {
                    // Rounding may not turn a tiny pivot negative.
                    rest.max(f64::MIN_POSITIVE).sqrt()
                } else {
                    rest / lower[column * stride + width]
                };
            }
        }
        Self { width, lower }
    }

    fn slice(width: usize, row: usize, columns: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let start = row * (width + 1) + width + columns.start - row;
        start..start + columns.len()
    }

    /// Solves in place; `right` is zero before `first`.
    pub(crate) fn solve(&self, right: &mut [f64], first: usize) {
        let (width, stride) = (self.width, self.width + 1);
        for row in first..right.len() {
            let from = row.saturating_sub(width).max(first);
            let left = &self.lower[Self::slice(width, row, from..row)];
            let sum: f64 = left.iter().zip(&right[from..row]).map(|(a, b)| a * b).sum();
            right[row] = (right[row] - sum) / self.lower[row * stride + width];
        }
        for row in (0..right.len()).rev() {
            right[row] /= self.lower[row * stride + width];
            let from = row.saturating_sub(width);
            let (above, value) = (Self::slice(width, row, from..row), right[row]);
            for (right, factor) in right[from..row].iter_mut().zip(&self.lower[above]) {
                *right -= factor * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BandedCholesky;

    #[test]
    fn the_solution_times_the_matrix_is_the_right_side() {
        for (count, width) in [(1, 0), (1, 3), (7, 2), (40, 5), (12, 11)] {
            let entry = |row: usize, column: usize| match row.abs_diff(column) {
                0 => 4.0 * (width as f64 + 1.0) + row as f64 * 0.1,
                apart if apart <= width => ((row * column) as f64).sin(),
                _ => 0.0,
            };
            let mut rows = Vec::new();
            for row in 0..count {
                for left in (0..=width).rev() {
                    rows.push(if row >= left {
                        entry(row, row - left)
                    } else {
                        0.0
                    });
                }
            }
            let factors = BandedCholesky::new(width, rows);
            for first in [0, count / 2] {
                let right: Vec<f64> = (0..count)
                    .map(|row| if row < first { 0.0 } else { 1.0 + row as f64 })
                    .collect();
                let mut solution = right.clone();
                factors.solve(&mut solution, first);
                for (row, wanted) in right.iter().enumerate() {
                    let product: f64 = (0..count).map(|n| entry(row, n) * solution[n]).sum();
                    assert!((product - wanted).abs() < 1e-9, "{count} {width} {row}");
                }
            }
        }
    }
}
