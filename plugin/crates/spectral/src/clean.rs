//! Cleans what a decoder hands over before it reaches a sound.

/// Largest magnitude let through: 160 dB above full scale of a 4096-sample frame.
pub const MAX_MAGNITUDE: f32 = 1e11;
/// Magnitudes below this are zero: far below 24 bits, and it keeps denormals out of the loops.
pub const MIN_MAGNITUDE: f32 = 1e-20;

/// Sets NaN, infinite, negative and absurd magnitudes to zero and counts them; zeroes denormals
/// without counting. Real-time safe.
///
/// `magnitudes`: `[bins]`, linear.
pub fn clean_magnitudes(magnitudes: &mut [f32]) -> u32 {
    let mut bad = 0;
    for value in magnitudes.iter_mut() {
        // A comparison with NaN is false: NaN, infinity and negatives all fail this one.
        let good = *value >= 0.0 && *value <= MAX_MAGNITUDE;
        bad += u32::from(!good);
        let keep = good && *value >= MIN_MAGNITUDE;
        *value = if keep { *value } else { 0.0 };
    }
    bad
}
