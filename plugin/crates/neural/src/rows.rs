//! Which batch sizes a graph may be run at without changing the sound, and which are fastest.
//!
//! Only sizes whose rows agree bit for bit with the largest one are kept, so it never matters
//! which frames happened to be decoded together; among those the choice is free.

/// Batch sizes that are tried.
const SIZES: [usize; 3] = [1, 4, crate::plan::MAX_ROWS];

/// Share of the largest call that one call more must save.
const WOBBLE: f64 = 0.1;

/// The batch sizes of one loaded graph.
#[derive(Clone, Debug, PartialEq)]
pub struct RowSizes {
    /// Sizes in ascending order.
    sizes: Vec<usize>,
    /// True where a call answers one request, whatever its size: neighbours would be heard.
    alone: bool,
    /// Size of the first call for `n` rows, at index `n`.
    first: Vec<usize>,
}

/// Runs some probes at one batch size and gives the raw output of each.
///
/// Arguments: the indices of the probes, one a row. The answer: `[rows * bins]`.
pub(crate) type RunProbes<'a> = dyn FnMut(&[usize]) -> Result<Vec<f32>, String> + 'a;

impl RowSizes {
    /// Finds the sizes of a graph by running it on `MAX_ROWS` different probes.
    ///
    /// # Errors
    /// When the graph runs at no size.
    pub(crate) fn probe(
        fixed_rows: Option<usize>,
        run: &mut RunProbes<'_>,
    ) -> Result<Self, String> {
        let largest = fixed_rows.unwrap_or(crate::plan::MAX_ROWS);
        let reference = match run(&sequence(largest, 0)) {
            Ok(reference) => reference,
            // Some exports only work at the batch they were traced with.
            Err(_) if fixed_rows.is_none() => return run(&[0]).map(|_| Self::alone(1)),
            Err(error) => return Err(error),
        };
        if !rows_agree(largest, largest, &reference, run)? {
            return Ok(Self::alone(fixed_rows.unwrap_or(1)));
        }
        let mut sizes = Vec::new();
        for size in SIZES
            .into_iter()
            .filter(|size| *size < largest && fixed_rows.is_none())
        {
            if rows_agree(size, largest, &reference, run).unwrap_or(false) {
                sizes.push(size);
            }
        }
        sizes.push(largest);
        let mut rows = Self {
            sizes,
            alone: false,
            first: Vec::new(),
        };
        rows.first = (0..=largest).map(|n| rows.smallest_for(n)).collect();
        Ok(rows)
    }

    /// One row a call, for graphs that give whole hits: a batch of those is hardly faster a row, and what
    /// is made first is sent first.
    pub(crate) fn one_by_one() -> Self {
        Self {
            sizes: vec![1],
            alone: false,
            first: vec![1, 1],
        }
    }

    fn alone(size: usize) -> Self {
        Self {
            sizes: vec![size],
            alone: true,
            first: vec![size, size],
        }
    }

    fn smallest_for(&self, rows: usize) -> usize {
        let fits = self.sizes.iter().find(|size| **size >= rows);
        fits.or(self.sizes.last()).copied().unwrap_or(1)
    }

    /// The sizes, ascending.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// True where rows of one call influence each other, so that each request runs on its own.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Largest number of rows a caller may ask for at once.
    pub fn max_rows(&self) -> usize {
        crate::plan::MAX_ROWS
    }

    /// Sizes of the calls that answer `rows` requests, in order.
    pub fn calls(&self, rows: usize) -> Vec<usize> {
        let (mut left, mut calls) = (rows, Vec::new());
        while left > 0 {
            let (size, answered) = self.next_call(left);
            calls.push(size);
            left -= answered;
        }
        calls
    }

    /// Size of the next call when `rows` remain, and how many of them it answers.
    pub(crate) fn next_call(&self, rows: usize) -> (usize, usize) {
        if self.alone {
            return (self.sizes[0], 1);
        }
        let size = self.first[rows.min(self.first.len() - 1)];
        (size, size.min(rows))
    }

    /// Chooses the calls that take the least time in all; `cost` is one call's, for each size.
    ///
    /// A call more must save clearly: measurements wobble, and each call costs beside the runtime.
    pub(crate) fn choose_fastest(&mut self, cost: impl Fn(usize) -> f64) {
        if self.alone {
            return;
        }
        let extra = WOBBLE
            * self
                .sizes
                .iter()
                .map(|size| cost(*size))
                .fold(0.0, f64::max);
        let cost = |size: usize| cost(size) + extra;
        let mut total = vec![0.0];
        for rows in 1..self.first.len() {
            let with = |size: &usize| (cost(*size) + total[rows - (*size).min(rows)], *size);
            let best = self
                .sizes
                .iter()
                .rev()
                .map(with)
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let (time, size) = best.unwrap_or((0.0, self.sizes[0]));
            total.push(time);
            self.first[rows] = size;
        }
    }
}

/// `count` probe indices from `start` on, wrapping round.
fn sequence(count: usize, start: usize) -> Vec<usize> {
    (0..count)
        .map(|index| (index + start) % crate::plan::MAX_ROWS)
        .collect()
}

/// True where every probe gives the same bits at `size`, at several positions and beside several
/// neighbours, as in `reference` at `largest`.
fn rows_agree(
    size: usize,
    largest: usize,
    reference: &[f32],
    run: &mut RunProbes<'_>,
) -> Result<bool, String> {
    let bins = reference.len() / largest;
    let same = |probe: usize, row: &[f32]| {
        let expected = &reference[probe * bins..(probe + 1) * bins];
        row.iter()
            .zip(expected)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    };
    let known = |probe: &usize| *probe < largest;
    // Odd strides bring each probe to each position in turn; the last batch is one probe throughout.
    let starts = (0..crate::plan::MAX_ROWS).map(|start| sequence(size, start * 5));
    for probes in starts.chain([vec![0; size]]) {
        let output = run(&probes)?;
        if output.len() != size * bins {
            return Ok(false);
        }
        let mut rows = probes
            .iter()
            .zip(output.chunks_exact(bins))
            .filter(|(probe, _)| known(probe));
        if !rows.all(|(probe, row)| same(*probe, row)) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may unwrap")]
mod tests {
    use super::RowSizes;

    /// A graph of two bins: a row is its probe and what `mix` makes of the batch.
    fn probe(mix: impl Fn(&[usize], usize) -> f32) -> RowSizes {
        let mut run = |probes: &[usize]| {
            let row = |(at, probe): (usize, &usize)| [*probe as f32, mix(probes, at)];
            Ok(probes.iter().enumerate().flat_map(row).collect())
        };
        RowSizes::probe(None, &mut run).unwrap()
    }

    #[test]
    fn sizes_that_round_differently_are_left_out() {
        assert_eq!(probe(|_, _| 0.5).sizes(), [1, 4, 16]);
        let rounds = |probes: &[usize], _: usize| {
            if probes.len() == 1 {
                0.1
            } else {
                0.1 + f32::EPSILON
            }
        };
        assert_eq!(probe(rounds).sizes(), [4, 16]);
        assert_eq!(probe(|probes, _| probes.len() as f32).sizes(), [16]);
    }

    #[test]
    fn a_row_that_hears_its_neighbours_or_its_place_runs_alone() {
        let neighbours = probe(|probes, _| probes.iter().sum::<usize>() as f32);
        assert!(neighbours.is_alone() && neighbours.sizes() == [1]);
        let first = probe(|probes, _| probes[0] as f32);
        assert!(first.is_alone() && first.sizes() == [1]);
        let place = probe(|probes, at| if at == probes.len() - 1 { 1.0 } else { 0.0 });
        assert!(place.is_alone());
    }

    #[test]
    fn a_graph_that_only_runs_at_one_row_runs_at_one_row() {
        let mut run = |probes: &[usize]| {
            if probes.len() == 1 {
                Ok(vec![0.0; 2])
            } else {
                Err("batch".to_owned())
            }
        };
        assert_eq!(RowSizes::probe(None, &mut run).unwrap().sizes(), [1]);
        let mut never = |_: &[usize]| Err("never".to_owned());
        assert!(RowSizes::probe(None, &mut never).is_err());
    }

    #[test]
    fn hits_are_called_for_one_by_one() {
        let mut rows = RowSizes::one_by_one();
        rows.choose_fastest(|size| 1.0 / size as f64);
        assert_eq!(rows.calls(3), [1, 1, 1]);
        assert!(!rows.is_alone());
    }

    #[test]
    fn calls_cover_every_count_and_follow_the_cost() {
        let mut rows = probe(|_, _| 0.0);
        for rows_wanted in 1..=16 {
            assert!(rows.calls(rows_wanted).iter().sum::<usize>() >= rows_wanted);
        }
        assert_eq!(rows.calls(5), [16]);
        rows.choose_fastest(|size| 10.0 + size as f64 * 20.0);
        assert_eq!(rows.calls(5), [4, 1]);
        assert_eq!(rows.calls(16), [16]);
        rows.choose_fastest(|size| 100.0 + size as f64);
        assert_eq!(rows.calls(1), [1]);
        assert_eq!(rows.calls(16), [16]);
    }
}
