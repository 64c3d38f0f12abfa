//! The pitch of a frame of the input, for packs whose graphs want one. Worker thread only.
//!
//! Source: de Cheveigne, Kawahara 2002, "YIN, a fundamental frequency estimator for speech and music", steps 2 to 4,
//! on samples at a quarter of the rate; then the peaks of the spectrum refine it.

/// Rate at which periods are looked for.
const PERIOD_RATE_HZ: f32 = 12_000.0;
/// The lowest pitch that is found.
pub(super) const LOWEST_HZ: f32 = 50.0;
const HIGHEST_HZ: f32 = 1_500.0;
/// A period whose difference is below this share of the mean is taken at once.
const CLEAR: f32 = 0.15;
/// Above this there is no pitch.
const UNCLEAR: f32 = 0.4;
/// Partials that refine it.
const PARTIALS: usize = 8;
/// A new pitch further off than this has to come twice, in octaves.
const JUMP_OCTAVES: f32 = 0.06;

/// Follows the pitch of a sound.
#[derive(Clone, Debug)]
pub(super) struct PitchTracker {
    rate_hz: f32,
    step: usize,
    low: Vec<f32>,
    difference: Vec<f32>,
    held_hz: Option<f32>,
    candidate_hz: Option<f32>,
}

impl PitchTracker {
    /// For windows of so many samples. Allocates.
    pub(super) fn new(rate_hz: u32, window: usize) -> Self {
        let step = ((rate_hz as f32 / PERIOD_RATE_HZ).round() as usize).max(1);
        let low_rate = rate_hz as f32 / step as f32;
        let longest = (low_rate / LOWEST_HZ) as usize + 2;
        Self {
            rate_hz: rate_hz as f32,
            step,
            low: vec![0.0; window / step],
            difference: vec![0.0; longest.min(window / step / 2)],
            held_hz: None,
            candidate_hz: None,
        }
    }

    pub(super) fn reset(&mut self) {
        (self.held_hz, self.candidate_hz) = (None, None);
    }

    /// The pitch in hertz of a window of samples with those raw magnitudes: the one before where it has none.
    pub(super) fn follow(&mut self, window: &[f32], magnitudes: &[f32]) -> Option<f32> {
        let Some(found) = self
            .period_hz(window)
            .map(|rough| self.refined(rough, magnitudes))
        else {
            return self.held_hz;
        };
        let near =
            |other: Option<f32>| other.is_some_and(|hz| (found / hz).log2().abs() < JUMP_OCTAVES);
        if self.held_hz.is_none() || near(self.held_hz) || near(self.candidate_hz) {
            self.held_hz = Some(found);
        }
        self.candidate_hz = Some(found);
        self.held_hz
    }

    fn period_hz(&mut self, window: &[f32]) -> Option<f32> {
        for (low, samples) in self.low.iter_mut().zip(window.chunks(self.step)) {
            *low = samples.iter().sum();
        }
        let lags = self.difference.len();
        let compared = self.low.len() - lags;
        let (mut total, mut lag_of_least, mut least) = (0.0, 0, f32::INFINITY);
        let shortest = (self.rate_hz / self.step as f32 / HIGHEST_HZ) as usize;
        self.difference[0] = 1.0;
        for lag in 1..lags {
            // Both halves lie about the window's middle, whatever the lag.
            let first = (self.low.len() - compared - lag) / 2;
            let here = &self.low[first..first + compared];
            let there = &self.low[first + lag..first + lag + compared];
            let sum: f32 = here.iter().zip(there).map(|(a, b)| (a - b) * (a - b)).sum();
            total += sum;
            self.difference[lag] = if total > 0.0 {
                sum * lag as f32 / total
            } else {
                1.0
            };
        }
        for lag in shortest.max(2)..lags.saturating_sub(1) {
            let [before, at, after] = [lag - 1, lag, lag + 1].map(|lag| self.difference[lag]);
            if at < before && at <= after && at < least {
                (lag_of_least, least) = (lag, at);
                if at < CLEAR {
                    break;
                }
            }
        }
        if least > UNCLEAR {
            return None;
        }
        let at = |lag: usize| self.difference[lag];
        let (before, here, after) = (at(lag_of_least - 1), at(lag_of_least), at(lag_of_least + 1));
        let bend = before - 2.0 * here + after;
        let shift = if bend > 1e-9 {
            0.5 * (before - after) / bend
        } else {
            0.0
        };
        Some(self.rate_hz / self.step as f32 / (lag_of_least as f32 + shift))
    }

    /// The pitch that the spectrum's peaks near the partials say together.
    fn refined(&self, rough_hz: f32, magnitudes: &[f32]) -> f32 {
        let bin_hz = self.rate_hz / (2 * (magnitudes.len() - 1)) as f32;
        let (mut weighted, mut weights) = (0.0, 0.0);
        for partial in 1..=PARTIALS {
            let centre = partial as f32 * rough_hz / bin_hz;
            let reach = (0.3 * rough_hz / bin_hz).max(1.0);
            let (low, high) = (
                (centre - reach).round() as usize,
                (centre + reach).round() as usize,
            );
            if low < 1 || high + 1 >= magnitudes.len() {
                break;
            }
            let Some(top) = (low..=high).max_by(|a, b| magnitudes[*a].total_cmp(&magnitudes[*b]))
            else {
                break;
            };
            let [a, b, c] = [top - 1, top, top + 1].map(|bin| magnitudes[bin].max(1e-9).ln());
            let bend = a - 2.0 * b + c;
            if b < a || b < c || bend > -1e-6 {
                continue;
            }
            let place = (top as f32 + 0.5 * (a - c) / bend) * bin_hz;
            let weight = magnitudes[top] * partial as f32;
            weighted += weight * place / partial as f32;
            weights += weight;
        }
        let refined = weighted / weights;
        if weights > 0.0 && (refined / rough_hz).log2().abs() < JUMP_OCTAVES {
            refined
        } else {
            rough_hz
        }
    }
}

/// MIDI note of a frequency, fractional.
pub(super) fn note_of(hz: f32) -> f32 {
    69.0 + 12.0 * (hz / 440.0).log2()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::PitchTracker;
    use afterimage_spectral::StftSpec;
    use afterimage_spectral::counter_rng::{Purpose, Stream};
    use afterimage_spectral::stft::magnitudes;
    use std::f32::consts::TAU;

    const WINDOW: usize = 2048;

    fn heard(rate_hz: u32, sound: impl Fn(f32) -> f32) -> Option<f32> {
        let samples: Vec<f32> = (0..3 * WINDOW)
            .map(|n| sound(n as f32 / rate_hz as f32))
            .collect();
        let spec = StftSpec::new(WINDOW, 256).unwrap();
        let frames = magnitudes(&spec, &samples);
        let middle = 3 * WINDOW / 2 / 256;
        let frame = &frames[middle * spec.bins()..][..spec.bins()];
        let window = &samples[middle * 256 - WINDOW / 2..][..WINDOW];
        PitchTracker::new(rate_hz, WINDOW).follow(window, frame)
    }

    #[test]
    fn tones_are_within_five_cents_from_low_to_high() {
        for rate_hz in [44_100, 48_000] {
            for hz in [65.4, 110.0, 196.3, 440.0, 733.0, 1_318.5] {
                let tone = |s: f32| {
                    (1..=6)
                        .map(|k| (TAU * hz * k as f32 * s).sin() / k as f32)
                        .sum::<f32>()
                };
                let found = heard(rate_hz, tone).unwrap();
                let cents = 1200.0 * (found / hz).log2();
                assert!(
                    cents.abs() < 5.0,
                    "{hz} Hz at {rate_hz}: {found}, {cents} cents"
                );
            }
        }
    }

    #[test]
    fn noise_and_silence_have_none() {
        let stream = Stream::new(3, Purpose::NOISE, 0, 0);
        let noise = |s: f32| stream.bipolar_at((s * 48_000.0).round() as u64);
        assert_eq!(heard(48_000, noise), None);
        assert_eq!(heard(48_000, |_| 0.0), None);
    }
}
