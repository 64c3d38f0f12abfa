//! The arithmetic of one sample, once for all instruction sets; the widest there is is chosen when it runs.
//!
//! Every output is the same sum in the same order whatever the width, so AVX2 and AVX-512 give the same bits;
//! where there is no fused multiply-add the last bits differ.

use std::ops::{Deref, DerefMut};

use rten_simd::ops::{BitOps, Extend, FloatOps, NumOps};
use rten_simd::{Isa, SimdOp, SimdUnaryOp, f16};
use rten_vecmath::Exp;

/// Outputs of a layer are padded to a multiple of this: the widest vector there is.
pub(super) const LANES: usize = 16;
/// Halves that a load of the widest vector takes beyond those that are widened.
const PAST_END: usize = LANES;
/// Past these `tanh` and the sigmoid are at their ends in float32; `exp` stays finite.
const LARGEST: f32 = 20.0;

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
    fn zeros(count: usize) -> Self {
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
        let mut bias = bias.to_vec();
        bias.resize(padded, 0.0);
        Self { weights, bias }
    }

    /// Adds the weights times `inputs` to `outputs`, padded. The same bits however the weights are kept.
    #[inline(always)]
    pub(super) fn accumulate<I: Isa>(&self, isa: I, inputs: &[f32], outputs: &mut [f32]) {
        match &self.weights {
            Weights::Single(weights) => accumulate(isa, weights, inputs, outputs),
            Weights::Half(weights) => accumulate_half(isa, weights, inputs, outputs),
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

/// Adds `weights` times `inputs` to `outputs`, whose length is a multiple of [`LANES`].
#[inline(always)]
fn accumulate<I: Isa>(isa: I, weights: &[f32], inputs: &[f32], outputs: &mut [f32]) {
    let vectors = outputs.len() / isa.f32().len();
    // As many sums as fit in registers, and as hide the latency of one.
    match (1..=8).rev().find(|tile| vectors.is_multiple_of(*tile)) {
        Some(8) => in_tiles::<I, 8>(isa, weights, inputs, outputs),
        Some(7) => in_tiles::<I, 7>(isa, weights, inputs, outputs),
        Some(6) => in_tiles::<I, 6>(isa, weights, inputs, outputs),
        Some(5) => in_tiles::<I, 5>(isa, weights, inputs, outputs),
        Some(4) => in_tiles::<I, 4>(isa, weights, inputs, outputs),
        Some(3) => in_tiles::<I, 3>(isa, weights, inputs, outputs),
        _ => in_tiles::<I, 1>(isa, weights, inputs, outputs),
    }
}

#[inline(always)]
fn in_tiles<I: Isa, const TILE: usize>(
    isa: I,
    weights: &[f32],
    inputs: &[f32],
    outputs: &mut [f32],
) {
    let ops = isa.f32();
    let (row, width) = (outputs.len(), TILE * ops.len());
    for (tile, outputs) in outputs.chunks_exact_mut(width).enumerate() {
        let mut sums = ops.load_many::<TILE>(outputs);
        for (input, weights) in inputs.iter().zip(weights.chunks_exact(row)) {
            let input = ops.splat(*input);
            let weights = ops.load_many::<TILE>(&weights[tile * width..(tile + 1) * width]);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = ops.mul_add(weight, input, *sum);
            }
        }
        for (sum, outputs) in sums.into_iter().zip(outputs.chunks_exact_mut(ops.len())) {
            ops.store(sum, outputs);
        }
    }
}

/// The same for halves.
#[inline(always)]
fn accumulate_half<I: Isa>(isa: I, weights: &[f16], inputs: &[f32], outputs: &mut [f32]) {
    let vectors = outputs.len() / isa.f32().len();
    match (1..=8).rev().find(|tile| vectors.is_multiple_of(*tile)) {
        Some(8) => half_in_tiles::<I, 8>(isa, weights, inputs, outputs),
        Some(7) => half_in_tiles::<I, 7>(isa, weights, inputs, outputs),
        Some(6) => half_in_tiles::<I, 6>(isa, weights, inputs, outputs),
        Some(5) => half_in_tiles::<I, 5>(isa, weights, inputs, outputs),
        Some(4) => half_in_tiles::<I, 4>(isa, weights, inputs, outputs),
        Some(3) => half_in_tiles::<I, 3>(isa, weights, inputs, outputs),
        _ => half_in_tiles::<I, 1>(isa, weights, inputs, outputs),
    }
}

#[inline(always)]
fn half_in_tiles<I: Isa, const TILE: usize>(
    isa: I,
    weights: &[f16],
    inputs: &[f32],
    outputs: &mut [f32],
) {
    let (ops, halves) = (isa.f32(), isa.f16());
    let (row, width) = (outputs.len(), TILE * ops.len());
    // The last load of a row reaches into the next one, or into the zeros after the last.
    let reach = width - ops.len() + halves.len();
    for (tile, outputs) in outputs.chunks_exact_mut(width).enumerate() {
        let mut sums = ops.load_many::<TILE>(outputs);
        for (number, input) in inputs.iter().enumerate() {
            let input = ops.splat(*input);
            let weights = &weights[number * row + tile * width..][..reach];
            for (place, sum) in sums.iter_mut().enumerate() {
                let weight = halves.extend_low(halves.load(&weights[place * ops.len()..]));
                *sum = ops.mul_add(weight, input, *sum);
            }
        }
        for (sum, outputs) in sums.into_iter().zip(outputs.chunks_exact_mut(ops.len())) {
            ops.store(sum, outputs);
        }
    }
}

/// `gated[i] = tanh(made[i]) * sigmoid(made[n + i])`, where `n` is the length of `gated`, a multiple of [`LANES`].
///
/// With `a = exp(-2x)`, `b = exp(-y)` it is `(1 - a) / ((1 + a) (1 + b))`: one division instead of two.
#[inline(always)]
pub(super) fn gate<I: Isa>(isa: I, made: &[f32], gated: &mut [f32]) {
    let ops = isa.f32();
    let one = ops.splat(1.0);
    let limit = |x| ops.min(ops.max(x, ops.splat(-LARGEST)), ops.splat(LARGEST));
    let (filtered, gates) = made.split_at(gated.len());
    let parts = filtered.chunks_exact(ops.len());
    let parts = parts.zip(gates.chunks_exact(ops.len()));
    for ((x, y), gated) in parts.zip(gated.chunks_exact_mut(ops.len())) {
        let x = limit(ops.load(x));
        let a = Exp::apply(isa, ops.neg(ops.add(x, x)));
        let b = Exp::apply(isa, ops.neg(limit(ops.load(y))));
        let below = ops.mul(ops.add(one, a), ops.add(one, b));
        ops.store(ops.div(ops.sub(one, a), below), gated);
    }
}

/// Leaves out what is below zero.
#[inline(always)]
pub(super) fn rectify(values: &mut [f32]) {
    for value in values {
        *value = value.max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::{Aligned, Dense, LINE_BYTES, Weights};
    use afterimage_spectral::counter_rng::{Purpose, Stream};
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
