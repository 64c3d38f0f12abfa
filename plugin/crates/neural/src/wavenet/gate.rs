//! What a net does to each value alone: gates, and what is below zero left out.

use std::f32::consts::LOG2_E;

use rten_simd::ops::{BitOps, FloatOps, IntOps, NumOps};
use rten_simd::{Isa, Simd, SimdOp};

/// Past these `tanh` and the sigmoid are at their ends in float32; `exp` stays finite.
const LARGEST: f32 = 20.0;
/// Added and taken away again, it leaves a whole number.
const ROUNDING: f32 = 12_582_912.0;
/// The natural logarithm of two in two parts, of which the first has zeros at its end.
const LN_2: [f32; 2] = [6.931_457_5e-1, 1.428_606_8e-6];
/// Of `e` to the `x` within half of that, the highest power first: those of `rten_vecmath::Exp`.
const EXP_SERIES: [f32; 7] = [
    1.378_059_4e-3,
    8.373_124_5e-3,
    4.166_953_6e-2,
    1.666_647_2e-1,
    4.999_998_5e-1,
    1.0,
    1.0,
];

/// `gated[i] = tanh(made[i]) * sigmoid(made[n + i])`, where `n` is the length of `gated`, a multiple of [`LANES`].
///
/// With `a = exp(-2x)`, `b = exp(-y)` it is `(1 - a) / ((1 + a) (1 + b))`: one division instead of two.
#[inline(always)]
pub(super) fn gate<I: Isa>(isa: I, made: &[f32], gated: &mut [f32]) {
    let ops = isa.f32();
    let one = ops.splat(1.0);
    let (filtered, gates) = made.split_at(gated.len());
    let parts = filtered.chunks_exact(ops.len());
    let parts = parts.zip(gates.chunks_exact(ops.len()));
    for ((x, y), gated) in parts.zip(gated.chunks_exact_mut(ops.len())) {
        let x = limited(isa, ops.load(x));
        let a = exp(isa, ops.neg(ops.add(x, x)));
        let b = exp(isa, ops.neg(limited(isa, ops.load(y))));
        let below = ops.mul(ops.add(one, a), ops.add(one, b));
        ops.store(ops.div(ops.sub(one, a), below), gated);
    }
}

/// [`gate`] for rows of `channels`, on the widest vectors there are.
pub(super) fn gate_rows(channels: usize, made: &[f32], gated: &mut [f32]) {
    struct Rows<'a>(usize, &'a [f32], &'a mut [f32]);
    impl SimdOp for Rows<'_> {
        type Output = ();

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) {
            let rows = self.1.chunks_exact(2 * self.0);
            for (made, gated) in rows.zip(self.2.chunks_exact_mut(self.0)) {
                gate(isa, made, gated);
            }
        }
    }
    Rows(channels, made, gated).dispatch();
}

/// Within the ends.
#[inline(always)]
fn limited<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let ops = isa.f32();
    ops.min(ops.max(x, ops.splat(-LARGEST)), ops.splat(LARGEST))
}

/// `e` to the `x` within twice the ends: the bits of `rten_vecmath::Exp`, whose care for what is larger takes as long
/// as all the rest.
#[inline(always)]
fn exp<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let (ops, whole) = (isa.f32(), isa.i32());
    let rounding = ops.splat(ROUNDING);
    let twos = ops.sub(ops.mul_add(x, ops.splat(LOG2_E), rounding), rounding);
    let rest = ops.mul_add(twos, ops.splat(-LN_2[0]), x);
    let rest = ops.mul_add(twos, ops.splat(-LN_2[1]), rest);
    let mut series = ops.splat(EXP_SERIES[0]);
    for coefficient in &EXP_SERIES[1..] {
        series = ops.mul_add(series, rest, ops.splat(*coefficient));
    }
    let exponent = whole.shift_left::<23>(ops.to_int_trunc(twos));
    let power = whole.add(exponent, whole.splat(1.0_f32.to_bits() as i32));
    ops.mul(series, power.reinterpret_cast())
}

/// Adds as many values as there are.
#[inline(always)]
pub(super) fn add(to: &mut [f32], values: &[f32]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += value;
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
    use super::LARGEST;
    use rten_simd::ops::BitOps;
    use rten_simd::{Isa, SimdOp, SimdUnaryOp};
    use rten_vecmath::Exp;

    /// The exponentials of a whole vector, ours and those of the library.
    struct Exponentials(f32);

    impl SimdOp for Exponentials {
        type Output = [f32; 2];

        #[inline(always)]
        fn eval<I: Isa>(self, isa: I) -> [f32; 2] {
            let x = isa.f32().splat(self.0);
            let first = |values: I::F32| {
                let mut out = [0.0; 16];
                isa.f32().store(values, &mut out);
                out[0]
            };
            [first(super::exp(isa, x)), first(Exp::apply(isa, x))]
        }
    }

    #[test]
    fn exponentials_are_those_of_the_library_to_the_bit() {
        for n in -20_000..=20_000 {
            let [ours, theirs] = Exponentials(2.0 * LARGEST * n as f32 / 20_000.0).dispatch();
            assert_eq!(ours, theirs, "{n}");
        }
    }
}
