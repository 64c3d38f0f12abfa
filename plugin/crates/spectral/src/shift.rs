//! A frame moved along frequency, for packs that know one pitch only. Pure, real-time safe.

/// Fills `shifted` with `magnitudes` moved up by `ratio` (2 is an octave): bin `k` takes what stood
/// at `k / ratio`. Both `[bins]`; what comes from beyond them is silence. A ratio that is not positive
/// and finite moves nothing. Lobes widen with the ratio, as those of a faster sound do.
/// Real-time safe.
pub fn shift_magnitudes(magnitudes: &[f32], ratio: f32, shifted: &mut [f32]) {
    let valid = ratio.is_finite() && ratio > 0.0;
    let step = if valid { 1.0 / f64::from(ratio) } else { 1.0 };
    for (bin, out) in shifted.iter_mut().enumerate() {
        let place = bin as f64 * step;
        let below = place as usize;
        let part = (place - below as f64) as f32;
        *out = match (magnitudes.get(below), magnitudes.get(below + 1)) {
            (Some(low), Some(high)) => low + part * (high - low),
            (Some(low), None) if part == 0.0 => *low,
            _ => 0.0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::shift_magnitudes;

    fn shifted(magnitudes: &[f32], ratio: f32) -> Vec<f32> {
        let mut out = vec![9.0; magnitudes.len()];
        shift_magnitudes(magnitudes, ratio, &mut out);
        out
    }

    #[test]
    fn no_shift_changes_nothing() {
        let magnitudes: Vec<f32> = (0..65).map(|bin| (bin as f32 * 0.3).sin().abs()).collect();
        for ratio in [1.0, 0.0, -2.0, f32::NAN, f32::INFINITY] {
            assert_eq!(shifted(&magnitudes, ratio), magnitudes, "{ratio}");
        }
    }

    #[test]
    fn a_peak_lands_where_the_interval_says_and_the_rest_is_silence() {
        let mut magnitudes = vec![0.0; 129];
        magnitudes[30] = 2.0;
        for (ratio, place) in [(2.0, 60), (0.5, 15), (1.5, 45), (4.0, 120)] {
            let out = shifted(&magnitudes, ratio);
            assert_eq!(out[place], 2.0, "{ratio}");
            let width = ratio.ceil() as usize;
            let far = |(bin, _): &(usize, &f32)| bin.abs_diff(place) > width;
            assert!(out.iter().enumerate().filter(far).all(|(_, x)| *x == 0.0));
        }
        magnitudes.fill(1.0);
        assert!(shifted(&magnitudes, 0.5)[70..].iter().all(|x| *x == 0.0));
    }
}
