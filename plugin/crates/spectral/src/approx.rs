//! Fast, vectorisable replacements for libm in inner loops. Real-time safe, same bits everywhere:
//! only additions, multiplications, one division and bit moves, which IEEE 754 fixes.

/// A full turn in the fixed-point phases of this crate is 2^32, so that wrapping is free.
pub const TURN: f64 = 4_294_967_296.0;

/// The whole number nearest to a value from 0 to 2^22, halves to even; a cast takes four times as long.
/// Real-time safe.
#[inline(always)]
pub(crate) fn nearest_whole(x: f32) -> u32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    (x + ROUND).to_bits().wrapping_sub(ROUND.to_bits())
}

/// A phase in turns, of any size up to 2^19, as a fixed-point phase. Real-time safe.
#[inline(always)]
pub(crate) fn wrapped_turns(turns: f64) -> u32 {
    // Adding 1.5 * 2^52 leaves the rounded integer in the low bits, whole turns and all, without a branch.
    const INTEGERS: f64 = 6_755_399_441_055_744.0;
    (turns * TURN + INTEGERS).to_bits() as u32
}

/// Cosine and sine of a fixed-point phase, error below 1e-6. Real-time safe.
#[inline(always)]
pub fn cos_sin_turns(phase: u32) -> (f32, f32) {
    const TO_RADIANS: f32 = (2.0 * std::f64::consts::PI / TURN) as f32;
    let quadrant = phase.wrapping_add(1 << 29) >> 30;
    let angle = phase.wrapping_sub(quadrant << 30) as i32 as f32 * TO_RADIANS; // -pi/4 ..= pi/4
    let square = angle * angle;
    // Taylor series: the first term left out is below 3e-9 at pi/4 for the sine, 3e-8 for the cosine.
    let sine = angle
        * (1.0
            + square
                * (-1.0 / 6.0
                    + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square / 362_880.0))));
    let cosine =
        1.0 + square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square / 40_320.0)));
    let swap = quadrant & 1 == 1;
    let (c, s) = if swap { (sine, cosine) } else { (cosine, sine) };
    let cos_sign = (quadrant.wrapping_add(1) & 2) << 30;
    let sin_sign = (quadrant & 2) << 30;
    (
        f32::from_bits(c.to_bits() ^ cos_sign),
        f32::from_bits(s.to_bits() ^ sin_sign),
    )
}

/// Phase of a complex value in turns / 2^32, error below 2e-6 turns; 0 of nothing. Real-time safe.
///
/// Source of the series: Abramowitz, Stegun 1964, 4.4.49.
#[inline(always)]
pub fn phase_of(re: f32, im: f32) -> u32 {
    let (x, y) = (re.abs(), im.abs());
    let steep = y > x;
    let (short, long) = if steep { (x, y) } else { (y, x) };
    let t = short / (long + f32::MIN_POSITIVE);
    let t2 = t * t;
    let series =
        0.999_866 + t2 * (-0.330_299_5 + t2 * (0.180_141 + t2 * (-0.085_133 + t2 * 0.020_835_1)));
    let turns = t * series * std::f32::consts::FRAC_1_PI * 0.5; // 0 ..= 1/8
    let turns = if steep { 0.25 - turns } else { turns };
    let turns = if re < 0.0 { 0.5 - turns } else { turns };
    let turns = if im < 0.0 { -turns } else { turns };
    ((turns * 2_147_483_648.0) as i32 as u32) << 1
}

/// Base-2 logarithm of a positive normal number, absolute error below 1e-6. Zero, denormals and
/// negative values read as the smallest normal number (-126). Real-time safe.
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    let x = if x > f32::MIN_POSITIVE {
        x
    } else {
        f32::MIN_POSITIVE
    };
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = (shifted as i32 >> 23) as f32;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff) + SQRT_HALF_BITS); // sqrt(1/2) ..= sqrt(2)
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let t2 = t * t;
    const C: f32 = std::f32::consts::LOG2_E * 2.0;
    exponent + C * t * (1.0 + t2 * (1.0 / 3.0 + t2 * (1.0 / 5.0 + t2 * (1.0 / 7.0 + t2 / 9.0))))
}

/// Two to the power of `x`, relative error below 1e-6; clamped to -126 ..= 127. Real-time safe.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    const LN2: f32 = std::f32::consts::LN_2;
    let x = if x > -126.0 { x } else { -126.0 };
    let x = if x < 127.0 { x } else { 127.0 };
    let rounded = x + ROUND;
    let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let f = (x - (rounded - ROUND)) * LN2; // -0.35 ..= 0.35
    let series = 1.0
        + f * (1.0
            + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    f32::from_bits((series.to_bits() as i32).wrapping_add(whole << 23) as u32)
}

/// `exp(x) - 1`, relative error below 1e-6, exact in sign; NaN reads as -1. Real-time safe.
#[inline(always)]
pub fn exp_m1(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    const LN2_HIGH: f32 = 0.693_359_4; // few bits: times a whole number it is exact
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -80.0 { x } else { -80.0 };
    let x = if x < 87.0 { x } else { 87.0 };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let f = (x - (rounded - ROUND) * LN2_HIGH) - (rounded - ROUND) * LN2_LOW; // -0.35 ..= 0.35
    let tail = 1.0 / 24.0 + f * (1.0 / 120.0 + f * (1.0 / 720.0 + f / 5040.0));
    let series = f + f * f * (0.5 + f * (1.0 / 6.0 + f * tail));
    let power = f32::from_bits(((whole + 127) as u32) << 23);
    power * series + (power - 1.0)
}

/// `ln(1 + x)` of a value that is not negative, relative error below 1e-6. Real-time safe.
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let t = x / (2.0 + x); // up to 0.2 where the series is used
    let t2 = t * t;
    let near = 2.0 * t * (1.0 + t2 * (1.0 / 3.0 + t2 * (1.0 / 5.0 + t2 * (1.0 / 7.0 + t2 / 9.0))));
    let far = log2(1.0 + x) / std::f32::consts::LOG2_E;
    if x < 0.5 { near } else { far }
}

/// Decibels to a linear amplitude ratio, relative error below 1e-5 from -200 to 200 dB. Real-time safe.
#[inline(always)]
pub fn db_to_linear(db: f32) -> f32 {
    exp2(db * (std::f32::consts::LOG2_10 / 20.0))
}

/// A positive linear amplitude ratio to decibels. Real-time safe.
#[inline(always)]
pub fn linear_to_db(linear: f32) -> f32 {
    log2(linear) * (20.0 / std::f32::consts::LOG2_10)
}
