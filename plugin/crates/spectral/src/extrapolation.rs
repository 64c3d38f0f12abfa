//! Goes on with a sound for a few milliseconds, from itself alone. Worker thread; allocates.
//!
//! Source: Burg 1975, "Maximum entropy spectral analysis", as in Kay 1988, "Modern Spectral Estimation", sec. 7.7;
//! Kauppinen, Roth 2002, "Audio signal extrapolation - theory and applications", sec. 3.

/// Coefficients of the linear prediction, newest sample first, that fits `sound` best forward and backward.
///
/// Stable by construction. None for silence.
fn burg(sound: &[f64], order: usize) -> Vec<f64> {
    let mut forward = sound.to_vec();
    let mut backward = sound.to_vec();
    let mut coefficients: Vec<f64> = Vec::with_capacity(order);
    for step in 1..=order {
        let (ahead, behind) = (&forward[step..], &backward[step - 1..sound.len() - 1]);
        let pairs = || ahead.iter().zip(behind);
        let power: f64 = pairs().map(|(f, b)| f * f + b * b).sum();
        if power <= f64::MIN_POSITIVE {
            break;
        }
        let reflection = 2.0 * pairs().map(|(f, b)| f * b).sum::<f64>() / power;
        let mirrored: Vec<f64> = coefficients.iter().rev().copied().collect();
        for (coefficient, other) in coefficients.iter_mut().zip(mirrored) {
            *coefficient -= reflection * other;
        }
        coefficients.push(reflection);
        for place in (step..sound.len()).rev() {
            let (f, b) = (forward[place], backward[place - 1]);
            forward[place] = f - reflection * b;
            backward[place] = b - reflection * f;
        }
    }
    coefficients
}

/// Writes to `out` how `sound` would go on by linear prediction of `order`, as far as it is stationary.
///
/// `sound`: oldest first, longer than `order`; a shorter one, or silence, gives silence.
pub fn extrapolate(sound: &[f32], order: usize, out: &mut [f32]) {
    out.fill(0.0);
    if sound.len() <= order {
        return;
    }
    let known: Vec<f64> = sound.iter().map(|sample| f64::from(*sample)).collect();
    let coefficients = burg(&known, order);
    let mut newest = known;
    for sample in out {
        let past = newest.iter().rev();
        let next: f64 = coefficients.iter().zip(past).map(|(a, x)| a * x).sum();
        newest.push(next);
        *sample = next as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::extrapolate;

    fn tones(n: usize) -> f32 {
        let wave = |hz: f32| (std::f32::consts::TAU * hz * n as f32 / 22_050.0).sin();
        0.5 * wave(437.0) + 0.3 * wave(1_563.0) + 0.1 * wave(5_210.0)
    }

    #[test]
    fn steady_tones_go_on() {
        let sound: Vec<f32> = (0..1024).map(tones).collect();
        let mut out = [0.0; 256];
        extrapolate(&sound, 32, &mut out);
        for (place, sample) in out.iter().enumerate() {
            let error = (sample - tones(1024 + place)).abs();
            assert!(error < 0.05, "{place}: {error}");
        }
    }

    #[test]
    fn noise_dies_away_and_silence_stays() {
        let random = crate::counter_rng::Stream::new(1, crate::counter_rng::Purpose::NOISE, 0, 0);
        let noise: Vec<f32> = (0..1024).map(|n| random.bipolar_at(n)).collect();
        let mut out = [1.0; 256];
        extrapolate(&noise, 32, &mut out);
        assert!(out[200..].iter().all(|sample| sample.abs() < 0.1));
        extrapolate(&[0.0; 1024], 32, &mut out);
        assert_eq!(out, [0.0; 256]);
        extrapolate(&noise[..20], 32, &mut out);
        assert_eq!(out, [0.0; 256]);
    }
}
