//! The arithmetic of one sample, once for all instruction sets; the widest there is is chosen when it runs.
//!
//! Every output is the same sum in the same order whatever the width, so AVX2 and AVX-512 give the same bits;
//! where there is no fused multiply-add the last bits differ.

use std::ops::{Deref, DerefMut};

use rten_simd::ops::{BitOps, FloatOps, NumOps};
use rten_simd::{Isa, SimdUnaryOp};
use rten_vecmath::Exp;

/// Outputs of a layer are padded to a multiple of this: the widest vector there is.
pub(super) const LANES: usize = 16;
/// Past these `tanh` and the sigmoid are at their ends in float32; `exp` stays finite.
const LARGEST: f32 = 20.0;

/// Bytes of a cache line: a vector that lies across two costs twice its time, and the weights are all that is read.
const LINE_BYTES: usize = 64;

/// Values that begin where a cache line does.
#[derive(Debug)]
pub(super) struct Aligned {
    /// Too many by some; neither grown nor cloned, so that they stay where they are.
    values: Box<[f32]>,
    first: usize,
    count: usize,
}

impl Aligned {
    fn zeros(count: usize) -> Self {
        let values = vec![0.0_f32; count + LINE_BYTES / size_of::<f32>()].into_boxed_slice();
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

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.first..][..self.count]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.first..][..self.count]
    }
}

/// A layer of weights `[inputs][outputs]`, outputs padded with zeros, and its bias.
#[derive(Debug)]
pub(super) struct Dense {
    pub(super) weights: Aligned,
    /// `[outputs]`, padded.
    pub(super) bias: Vec<f32>,
}

impl Dense {
    /// From rows of outputs, as graphs store them.
    pub(super) fn new(rows: &[f32], bias: &[f32]) -> Self {
        let (outputs, inputs) = (bias.len(), rows.len() / bias.len().max(1));
        let padded = outputs.next_multiple_of(LANES);
        let mut weights = Aligned::zeros(inputs * padded);
        for (output, row) in rows.chunks_exact(inputs).enumerate() {
            for (input, weight) in row.iter().enumerate() {
                weights[input * padded + output] = *weight;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(padded, 0.0);
        Self { weights, bias }
    }
}

/// Adds `weights` times `inputs` to `outputs`, whose length is a multiple of [`LANES`].
#[inline(always)]
pub(super) fn accumulate<I: Isa>(isa: I, weights: &[f32], inputs: &[f32], outputs: &mut [f32]) {
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
    use super::{Aligned, LINE_BYTES};

    #[test]
    fn weights_begin_where_a_cache_line_does() {
        for count in [1, 15, 16, 4096] {
            let mut values = Aligned::zeros(count);
            assert_eq!(values.as_ptr().align_offset(LINE_BYTES), 0);
            assert_eq!(values.len(), count);
            values.fill(1.0);
        }
    }
}
