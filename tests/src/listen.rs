//! What a render sounds like, in numbers: pitch, level, onset.

/// Lowest pitch looked for.
const F_MIN_HZ: f64 = 50.0;
/// Highest pitch looked for.
const F_MAX_HZ: f64 = 2_000.0;
/// A peak this close to the best one, but at a shorter lag, is the period.
const SUBHARMONIC_SHARE: f64 = 0.9;

/// Fundamental frequency of `samples` by normalised autocorrelation, or nothing when it is silent.
///
/// The peak is refined by a parabola: good to a cent or two for a steady note.
pub fn pitch_hz(samples: &[f32], rate_hz: f64) -> Option<f64> {
    let (shortest, longest) = ((rate_hz / F_MAX_HZ) as usize, (rate_hz / F_MIN_HZ) as usize);
    if samples.len() < 3 * longest || rms(samples) < 1e-5 {
        return None;
    }
    let window = samples.len() - longest - 1;
    let similarity: Vec<f64> = (shortest..=longest + 1)
        .map(|lag| similarity(samples, window, lag))
        .collect();
    let best = similarity[..similarity.len() - 1]
        .iter()
        .copied()
        .fold(f64::MIN, f64::max);
    let peak = (1..similarity.len() - 1).find(|&at| {
        similarity[at] >= SUBHARMONIC_SHARE * best
            && similarity[at] >= similarity[at - 1]
            && similarity[at] >= similarity[at + 1]
    })?;
    let (before, at, after) = (similarity[peak - 1], similarity[peak], similarity[peak + 1]);
    let bend = before - 2.0 * at + after;
    let shift = if bend.abs() > 1e-12 {
        0.5 * (before - after) / bend
    } else {
        0.0
    };
    Some(rate_hz / ((shortest + peak) as f64 + shift))
}

fn similarity(samples: &[f32], window: usize, lag: usize) -> f64 {
    let (mut product, mut here, mut there) = (0.0, 0.0, 0.0);
    for (a, b) in samples[..window].iter().zip(&samples[lag..lag + window]) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        product += a * b;
        here += a * a;
        there += b * b;
    }
    product / (here * there).sqrt().max(1e-20)
}

/// Distance between two frequencies in cents.
pub fn cents(from_hz: f64, to_hz: f64) -> f64 {
    1200.0 * (to_hz / from_hz).log2()
}

/// Frequency of a MIDI key, fractions included.
pub fn key_hz(key: f64) -> f64 {
    440.0 * ((key - 69.0) / 12.0).exp2()
}

/// Root of the mean square.
pub fn rms(samples: &[f32]) -> f64 {
    (samples
        .iter()
        .map(|sample| f64::from(*sample).powi(2))
        .sum::<f64>()
        / samples.len().max(1) as f64)
        .sqrt()
}

/// The first sample whose magnitude exceeds `threshold`.
pub fn first_above(samples: &[f32], threshold: f32) -> Option<usize> {
    samples.iter().position(|sample| sample.abs() > threshold)
}

/// The first place where two renders differ, with both samples.
pub fn first_difference(one: &[f32], other: &[f32]) -> Option<(usize, f32, f32)> {
    if one.len() != other.len() {
        return Some((one.len().min(other.len()), f32::NAN, f32::NAN));
    }
    one.iter()
        .zip(other)
        .position(|(a, b)| a.to_bits() != b.to_bits())
        .map(|at| (at, one[at], other[at]))
}

#[cfg(test)]
mod tests {
    use super::{cents, first_difference, key_hz, pitch_hz};

    #[test]
    fn the_pitch_of_a_harmonic_tone_is_found_within_a_cent() {
        for rate_hz in [44_100.0, 96_000.0] {
            for key in [45.0, 57.3, 69.0] {
                let hz = key_hz(key);
                let samples: Vec<f32> = (0..(rate_hz as usize / 4))
                    .map(|n| {
                        let phase = std::f64::consts::TAU * hz * n as f64 / rate_hz;
                        (phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (3.0 * phase).sin()) as f32
                    })
                    .collect();
                let found = pitch_hz(&samples, rate_hz).unwrap();
                assert!(
                    cents(hz, found).abs() < 1.0,
                    "key {key} at {rate_hz}: {hz} Hz, found {found}"
                );
            }
        }
        assert_eq!(pitch_hz(&[0.0; 48_000], 48_000.0), None);
    }

    #[test]
    fn a_difference_of_one_bit_is_found() {
        assert_eq!(first_difference(&[0.0, 1.0], &[0.0, 1.0]), None);
        assert_eq!(
            first_difference(&[0.0, 0.0], &[0.0, -0.0]).map(|found| found.0),
            Some(1)
        );
    }
}
