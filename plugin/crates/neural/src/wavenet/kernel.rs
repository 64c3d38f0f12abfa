//! The arithmetic of one sample, once for all instruction sets; the widest there is is chosen when it runs.
//!
//! Every output is the same sum in the same order whatever the width, so AVX2 and AVX-512 give the same bits;
//! where there is no fused multiply-add the last bits differ. Of weights in [`bytes`](super::bytes) none do.

use std::ops::{Deref, DerefMut};

use rten_simd::ops::{BitOps, Extend, NumOps};
use rten_simd::{Isa, SimdOp, f16};

use super::bytes::Bytes;

/// Outputs of a layer are padded to a multiple of this: the widest vector there is.
pub(super) const LANES: usize = 16;
/// Halves that a load of the widest vector takes beyond those that are widened.
const PAST_END: usize = LANES;
/// Rows of inputs that share the fetching of a weight.
pub(super) const ROWS: usize = 4;

/// Bytes of a cache line: a vector that lies across two costs twice its time, and the weights are all that is read.
const LINE_BYTES: usize = 64;

/// Values that begin where a cache line does.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    /// Too many by some; neither grown nor cloned, so that they stay where they are.
    values: Box<[T]>,
    first: usize,
    count: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(super) fn zeros(count: usize) -> Self {
        let values = vec![T::default(); count + LINE_BYTES / size_of::<T>()].into_boxed_slice();
        let first = values.as_ptr().align_offset(LINE_BYTES);
        // Where the alignment cannot be known, any place will do.
        let first = if first + count <= values.len() {
            first
        } else {
            0
        };
        Self {
            values,
            first,
            count,
        }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.first..][..self.count]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.first..][..self.count]
    }
}

/// Weights `[inputs][outputs]`.
#[derive(Debug)]
enum Weights {
    Single(Aligned<f32>),
    /// The same numbers in half the bytes, for a net whose maker rounded them: they are read once a sample and do not
    /// fit into the nearest cache. [`PAST_END`] zeros follow, because a load takes twice what is widened.
    Half(Aligned<f16>),
    /// The same in a quarter, for one whose maker rounded them so far.
    Bytes(Bytes),
}

/// A layer of weights, outputs padded with zeros, and its bias.
#[derive(Debug)]
pub(super) struct Dense {
    weights: Weights,
    /// `[outputs]`, padded.
    pub(super) bias: Vec<f32>,
}

impl Dense {
    /// From rows of outputs, as graphs store them.
    pub(super) fn new(rows: &[f32], bias: &[f32]) -> Self {
        let padded = bias.len().next_multiple_of(LANES);
        if let Some(bytes) = Bytes::of(rows, rows.len() / bias.len().max(1), padded) {
            return Self::with(Weights::Bytes(bytes), bias, padded);
        }
        let half = widens_quickly() && rows.iter().all(|weight| narrowed(*weight).is_some());
        Self::kept(rows, bias, half)
    }

    /// The same; `half`: in half the bytes, to the nearest number that these can hold.
    pub(super) fn kept(rows: &[f32], bias: &[f32], half: bool) -> Self {
        let (outputs, inputs) = (bias.len(), rows.len() / bias.len().max(1));
        let padded = outputs.next_multiple_of(LANES);
        let places = (0..outputs)
            .flat_map(|output| (0..inputs).map(move |input| input * padded + output))
            .zip(rows);
        let weights = if half {
            let mut weights = Aligned::zeros(inputs * padded + PAST_END);
            places.for_each(|(place, weight)| weights[place] = f16::from_f32(*weight));
            Weights::Half(weights)
        } else {
            let mut weights = Aligned::zeros(inputs * padded);
            places.for_each(|(place, weight)| weights[place] = *weight);
            Weights::Single(weights)
        };
        Self::with(weights, bias, padded)
    }

    fn with(weights: Weights, bias: &[f32], padded: usize) -> Self {
        let mut bias = bias.to_vec();
        bias.resize(padded, 0.0);
        Self { weights, bias }
    }

    /// Whether its weights are kept in bytes.
    #[cfg(test)]
    pub(super) fn is_in_bytes(&self) -> bool {
        matches!(self.weights, Weights::Bytes(_))
    }

    /// Adds the weights times `inputs` to `outputs`: the first of them, as many vectors as there are. The same bits
    /// in halves and whole, and in whatever company; in bytes, inputs are rounded too.
    #[inline(always)]
    pub(super) fn accumulate<I: Isa>(&self, isa: I, inputs: &[f32], outputs: &mut [f32]) {
        match &self.weights {
            Weights::Single(weights) => one_row(isa, self.table(weights), inputs, outputs),
            Weights::Half(weights) => one_row(isa, self.table(weights), inputs, outputs),
            Weights::Bytes(bytes) => bytes.accumulate(inputs, outputs),
        }
    }

    /// The same on the widest vectors there are.
    pub(super) fn accumulate_one(&self, inputs: &[f32], outputs: &mut [f32]) {
        One(self, inputs, outputs).dispatch();
    }

    /// The same for `rows` of inputs and of outputs, a multiple of [`ROWS`]: each weight is fetched and widened once
    /// for as many.
    pub(super) fn accumulate_rows(&self, rows: usize, inputs: &[f32], outputs: &mut [f32]) {
        let many = Many {
            dense: self,
            rows,
            inputs,
            outputs,
        };
        many.dispatch();
    }

    fn table<'a, W>(&self, weights: &'a [W]) -> Table<'a, W> {
        Table {
            weights,
            row: self.bias.len(),
        }
    }
}

/// [`Dense::accumulate`] where nothing else is done on vectors.
struct One<'a>(&'a Dense, &'a [f32], &'a mut [f32]);

impl SimdOp for One<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        self.0.accumulate(isa, self.1, self.2);
    }
}

/// Products of many rows: a function of its own, because in a long one the compiler stops to inline vectors.
pub(super) struct Many<'a> {
    pub(super) dense: &'a Dense,
    pub(super) rows: usize,
    pub(super) inputs: &'a [f32],
    pub(super) outputs: &'a mut [f32],
}

impl SimdOp for Many<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let (rows, dense) = (self.rows, self.dense);
        match &dense.weights {
            Weights::Single(weights) => {
                all_rows(isa, dense.table(weights), rows, self.inputs, self.outputs);
            }
            Weights::Half(weights) => {
                all_rows(isa, dense.table(weights), rows, self.inputs, self.outputs);
            }
            Weights::Bytes(bytes) => bytes.accumulate_rows(rows, self.inputs, self.outputs),
        }
    }
}

/// The number in half the bytes, if it is the same.
fn narrowed(value: f32) -> Option<f16> {
    let narrow = f16::from_f32(value);
    (narrow.to_f32() == value).then_some(narrow)
}

/// Whether this machine widens halves by an instruction: all that have vectors of eight, and ARM.
fn widens_quickly() -> bool {
    struct Lanes;
    impl SimdOp for Lanes {
        type Output = usize;

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> usize {
            isa.f32().len()
        }
    }
    cfg!(target_arch = "aarch64") || Lanes.dispatch() >= 8
}

/// Weights, and how many there are of one input.
#[derive(Clone, Copy)]
struct Table<'a, W> {
    weights: &'a [W],
    row: usize,
}

/// What a weight is kept as.
trait Kept: Copy {
    /// A vector of them, widened; `weights` may have to be longer than what is taken, by [`PAST_END`] at most.
    fn load<I: Isa>(isa: I, weights: &[Self]) -> I::F32;

    /// Values that [`Kept::load`] wants to see.
    fn seen<I: Isa>(isa: I) -> usize;
}

impl Kept for f32 {
    #[inline(always)]
    fn load<I: Isa>(isa: I, weights: &[Self]) -> I::F32 {
        isa.f32().load(weights)
    }

    #[inline(always)]
    fn seen<I: Isa>(isa: I) -> usize {
        isa.f32().len()
    }
}

impl Kept for f16 {
    #[inline(always)]
    fn load<I: Isa>(isa: I, weights: &[Self]) -> I::F32 {
        let halves = isa.f16();
        halves.extend_low(halves.load(weights))
    }

    #[inline(always)]
    fn seen<I: Isa>(isa: I) -> usize {
        isa.f16().len()
    }
}

/// Sums side by side that one row may have: as many as make the weights one stream, and as fit into registers.
const TILES: [usize; 7] = [12, 8, 7, 6, 4, 3, 2];

/// Adds the products of one row of inputs.
#[inline(always)]
fn one_row<I: Isa, W: Kept>(isa: I, table: Table<'_, W>, inputs: &[f32], outputs: &mut [f32]) {
    let vectors = outputs.len() / isa.f32().len();
    match TILES.iter().find(|tile| vectors.is_multiple_of(**tile)) {
        Some(12) => in_tiles::<I, W, 1, 12>(isa, table, inputs, outputs),
        Some(8) => in_tiles::<I, W, 1, 8>(isa, table, inputs, outputs),
        Some(7) => in_tiles::<I, W, 1, 7>(isa, table, inputs, outputs),
        Some(6) => in_tiles::<I, W, 1, 6>(isa, table, inputs, outputs),
        Some(4) => in_tiles::<I, W, 1, 4>(isa, table, inputs, outputs),
        Some(3) => in_tiles::<I, W, 1, 3>(isa, table, inputs, outputs),
        Some(2) => in_tiles::<I, W, 1, 2>(isa, table, inputs, outputs),
        _ => in_tiles::<I, W, 1, 1>(isa, table, inputs, outputs),
    }
}

/// Adds those of `rows`. Of [`ROWS`] rows the twelve sums, three weights and an input are the sixteen registers of AVX2.
#[inline(always)]
fn all_rows<I: Isa, W: Kept>(
    isa: I,
    table: Table<'_, W>,
    rows: usize,
    inputs: &[f32],
    outputs: &mut [f32],
) {
    let (input, output) = (inputs.len() / rows, outputs.len() / rows);
    let vectors = output / isa.f32().len();
    let from = inputs.chunks_exact(ROWS * input);
    for (inputs, outputs) in from.zip(outputs.chunks_exact_mut(ROWS * output)) {
        if vectors.is_multiple_of(3) {
            in_tiles::<I, W, ROWS, 3>(isa, table, inputs, outputs);
        } else {
            in_tiles::<I, W, ROWS, 1>(isa, table, inputs, outputs);
        }
    }
}

/// Every sum in the order of its inputs, whatever the tile. Loops and no closures: what is not inlined here is
/// compiled for no vectors at all.
#[inline(always)]
fn in_tiles<I: Isa, W: Kept, const COUNT: usize, const TILE: usize>(
    isa: I,
    table: Table<'_, W>,
    inputs: &[f32],
    outputs: &mut [f32],
) {
    let ops = isa.f32();
    let lanes = ops.len();
    let (input, output) = (inputs.len() / COUNT, outputs.len() / COUNT);
    let width = TILE * lanes;
    let mut rows = [inputs; COUNT];
    for (row, inputs) in rows.iter_mut().enumerate() {
        *inputs = &inputs[row * input..][..input];
    }
    // The last load may reach into the next row, or into the zeros after the last.
    let reach = width - lanes + W::seen(isa);
    for tile in 0..output / width {
        let first = tile * width;
        let mut sums = [[ops.zero(); TILE]; COUNT];
        for (row, sums) in sums.iter_mut().enumerate() {
            let outputs = &outputs[row * output + first..][..width];
            for (sum, outputs) in sums.iter_mut().zip(outputs.chunks_exact(lanes)) {
                *sum = ops.load(outputs);
            }
        }
        for number in 0..input {
            let weights = &table.weights[number * table.row + first..][..reach];
            let mut tile = [ops.zero(); TILE];
            for (place, weight) in tile.iter_mut().enumerate() {
                *weight = W::load(isa, &weights[place * lanes..]);
            }
            for (inputs, sums) in rows.iter().zip(&mut sums) {
                let input = ops.splat(inputs[number]);
                for (sum, weight) in sums.iter_mut().zip(tile) {
                    *sum = ops.mul_add(weight, input, *sum);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let outputs = &mut outputs[row * output + first..][..width];
            for (sum, outputs) in sums.into_iter().zip(outputs.chunks_exact_mut(lanes)) {
                ops.store(sum, outputs);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Aligned, Dense, LINE_BYTES, Many, ROWS, Weights};
    use afterimage_spectral::counter_rng::{Purpose, Stream};
    use rten_simd::isa::GenericIsa;
    use rten_simd::{Isa, SimdOp};

    /// What a layer makes of inputs, on the widest vectors there are.
    struct Made<'a>(&'a Dense, &'a [f32]);

    impl SimdOp for Made<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> Vec<f32> {
            let mut made = self.0.bias.clone();
            self.0.accumulate(isa, self.1, &mut made);
            made
        }
    }

    #[test]
    fn half_the_bytes_give_the_same_bits() {
        let noise = Stream::new(1, Purpose::NOISE, 0, 0);
        // Inputs and outputs of a layer's two products, and some that no tile divides evenly.
        for (inputs, outputs) in [(96, 96), (48, 112), (64, 30), (5, 80), (1, 1)] {
            let rows: Vec<f32> = (0..inputs * outputs)
                .map(|n| (512.0 * noise.bipolar_at(n as u64)).round() / 512.0)
                .collect();
            let x: Vec<f32> = (0..inputs)
                .map(|n| noise.bipolar_at(9 + n as u64))
                .collect();
            let bias = vec![0.25; outputs];
            let [single, half] = [false, true].map(|half| Dense::kept(&rows, &bias, half));
            assert_eq!(Made(&single, &x).dispatch(), Made(&half, &x).dispatch());
        }
    }

    #[test]
    fn a_row_is_the_same_bits_in_company_and_nearly_those_of_the_portable_path() {
        let noise = Stream::new(2, Purpose::NOISE, 0, 0);
        for (inputs, outputs) in [(48, 96), (48, 48), (67, 48), (16, 32), (5, 80)] {
            let value = |n: usize| noise.bipolar_at(n as u64);
            let rows: Vec<f32> = (0..inputs * outputs).map(value).collect();
            let dense = Dense::new(&rows, &vec![0.5; outputs]);
            let count = 3 * ROWS;
            let x: Vec<f32> = (0..count * inputs).map(|n| value(n + 7)).collect();
            let alone: Vec<f32> = x
                .chunks(inputs)
                .flat_map(|x| Made(&dense, x).dispatch())
                .collect();
            let [mut found, mut portable] = [0; 2].map(|_| dense.bias.repeat(count));
            dense.accumulate_rows(count, &x, &mut found);
            assert_eq!(found, alone);
            let many = Many {
                dense: &dense,
                rows: count,
                inputs: &x,
                outputs: &mut portable,
            };
            many.eval(GenericIsa::new());
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(found.iter().zip(&portable).all(near));
        }
    }

    #[test]
    fn weights_that_half_the_bytes_cannot_hold_are_kept_whole() {
        let is_half = |weight| matches!(Dense::new(&[weight], &[0.0]).weights, Weights::Half(_));
        assert!(!is_half(0.1));
        assert_eq!(is_half(0.5), super::widens_quickly());
    }

    #[test]
    fn weights_begin_where_a_cache_line_does() {
        for count in [1, 15, 16, 4096] {
            let mut values = Aligned::<f32>::zeros(count);
            assert_eq!(values.as_ptr().align_offset(LINE_BYTES), 0);
            assert_eq!(values.len(), count);
            values.fill(1.0);
        }
    }
}
