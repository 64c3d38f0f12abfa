//! What was made takes the input's beginnings and ends: a window smears both, and ahead of time. Worker thread only.
//!
//! A frame has one level, which sounds over the whole of its window. So what is made swells before a note that the
//! input strikes, and its level lies ahead of the input's. Both levels are followed in steps shorter than a hop, over
//! a period of the pitch or more, so that no wave is taken for an envelope; where they differ by more than they do
//! between sounds of one level, what was made is brought to the input's.

use std::collections::VecDeque;

/// Longest step, in samples.
const MOST_STEP: usize = 16;
/// A level is the mean of so long a time, in seconds, where there is no pitch: chords have low beats.
const LEVEL_S: f32 = 0.008;
/// Where there is one it is that of a period, and of this time at least.
const LEAST_LEVEL_S: f32 = 0.003;
/// Two sounds of one level differ by so much from moment to moment, in decibels.
const ALIKE_DB: f32 = 2.0;
/// Most that is taken away, and that is added, in decibels.
const MOST_DOWN_DB: f32 = 48.0;
const MOST_UP_DB: f32 = 6.0;
/// Mean square of what is silent.
const SILENT: f32 = 1e-12;
/// The gain goes to where it should be in about this time, in seconds.
const GLIDE_S: f32 = 0.001;

/// Fits what was made to the input, hop by hop.
#[derive(Clone, Debug)]
pub(super) struct OnsetFit {
    rate_hz: f32,
    step: usize,
    /// Steps from an output sample to the newest input.
    delay: usize,
    /// Mean squares of the input's steps, newest last; those before the newest hop reach back a level's length.
    heard: VecDeque<f32>,
    made: VecDeque<f32>,
    gain_db: f32,
}

impl OnsetFit {
    /// For hops of `hop` samples whose output lags the input by `delay` samples, a multiple of `hop`. Allocates.
    pub(super) fn new(rate_hz: u32, hop: usize, delay: usize, longest_s: f32) -> Self {
        let step = (1..=MOST_STEP.min(hop))
            .rev()
            .find(|step| hop.is_multiple_of(*step))
            .unwrap_or(1);
        let rate_hz = rate_hz as f32;
        let level = (longest_s.max(LEVEL_S) * rate_hz / step as f32).ceil() as usize + 1;
        let (delay, hop) = (delay / step, hop / step);
        Self {
            rate_hz,
            step,
            delay,
            heard: vec![0.0; delay + hop + level].into(),
            made: vec![0.0; hop + level].into(),
            gain_db: 0.0,
        }
    }

    pub(super) fn reset(&mut self) {
        self.heard.iter_mut().for_each(|square| *square = 0.0);
        self.made.iter_mut().for_each(|square| *square = 0.0);
        self.gain_db = 0.0;
    }

    /// Takes a hop of the input.
    pub(super) fn hear(&mut self, input: &[f32]) {
        follow(&mut self.heard, input, self.step);
    }

    /// Fits the hop of output that lags the input by the delay. `period_s`: of the pitch, where there is one.
    pub(super) fn fit(&mut self, output: &mut [f32], period_s: Option<f32>) {
        follow(&mut self.made, output, self.step);
        let level_s = period_s.map_or(LEVEL_S, |period_s| period_s.max(LEAST_LEVEL_S));
        let level = level_s * self.rate_hz / self.step as f32;
        let steps = output.len() / self.step;
        let before = self.made.len() - steps;
        let level = (level.round() as usize).clamp(1, before);
        let share = 1.0 - (-(self.step as f32) / self.rate_hz / GLIDE_S).exp();
        for (at, samples) in output.chunks_exact_mut(self.step).enumerate() {
            let made_at = before + at;
            let heard_at = self.heard.len() - self.delay - steps + at;
            // The input's lies about the moment; what was made is not there yet beyond it, and moves slowly.
            let ahead = (level / 2).min(self.delay);
            let heard = mean(&self.heard, heard_at + ahead, level);
            let made = mean(&self.made, made_at, level);
            let wanted_db = wanted_db(heard, made);
            let from_db = self.gain_db;
            self.gain_db += share * (wanted_db - from_db);
            let (from, to) = (linear(from_db), linear(self.gain_db));
            if from == 1.0 && to == 1.0 {
                continue;
            }
            for (place, sample) in samples.iter_mut().enumerate() {
                let part = (place as f32 + 1.0) / self.step as f32;
                *sample *= from + (to - from) * part;
            }
        }
    }
}

/// Appends the mean squares of a hop's steps, and lets the oldest go.
fn follow(squares: &mut VecDeque<f32>, samples: &[f32], step: usize) {
    for samples in samples.chunks_exact(step) {
        squares.pop_front();
        squares.push_back(samples.iter().map(|s| s * s).sum::<f32>() / step as f32);
    }
}

/// The mean of so many steps, up to `last`.
fn mean(squares: &VecDeque<f32>, last: usize, count: usize) -> f32 {
    let last = last.min(squares.len() - 1);
    let first = (last + 1).saturating_sub(count);
    squares.range(first..=last).sum::<f32>() / count as f32
}

/// What brings one level to the other, past what sounds of one level differ by.
fn wanted_db(heard: f32, made: f32) -> f32 {
    if made <= SILENT {
        return 0.0;
    }
    let off_db = 10.0 * (heard.max(SILENT) / made).log10();
    (off_db.abs() - ALIKE_DB)
        .max(0.0)
        .copysign(off_db)
        .clamp(-MOST_DOWN_DB, MOST_UP_DB)
}

fn linear(db: f32) -> f32 {
    if db == 0.0 {
        1.0
    } else {
        10.0_f32.powf(db / 20.0)
    }
}

#[cfg(test)]
mod tests {
    use super::OnsetFit;

    const RATE_HZ: u32 = 48_000;
    const DELAY: usize = 2_048;

    /// Fits `made`, which lags `heard` by the delay, hop by hop.
    fn fitted(hop: usize, heard: &[f32], made: &[f32], period_s: Option<f32>) -> Vec<f32> {
        let mut fit = OnsetFit::new(RATE_HZ, hop, DELAY, 0.02);
        let mut out = Vec::new();
        for (input, output) in heard.chunks_exact(hop).zip(made.chunks_exact(hop)) {
            let mut output = output.to_vec();
            fit.hear(input);
            fit.fit(&mut output, period_s);
            out.extend(output);
        }
        out
    }

    fn tone(hz: f32, samples: usize) -> Vec<f32> {
        let step = std::f32::consts::TAU * hz / RATE_HZ as f32;
        (0..samples)
            .map(|n| 0.3 * (n as f32 * step).sin())
            .collect()
    }

    fn level(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_swell_before_the_note_is_taken_away_and_the_note_stays() {
        for hop in [128, 256, 512] {
            let mut heard = tone(440.0, 24_576);
            heard[..8_000].fill(0.0);
            let mut made = vec![0.0; DELAY];
            let swell = |n: usize| ((n as f32 - 7_000.0) / 2_000.0).clamp(0.0, 1.0);
            made.extend(
                tone(620.0, 22_528)
                    .iter()
                    .enumerate()
                    .map(|(n, s)| s * swell(n)),
            );
            let out = fitted(hop, &heard, &made, Some(1.0 / 440.0));
            let before = DELAY + 7_300..DELAY + 7_800;
            assert!(
                level(&made[before.clone()]) > 0.02,
                "there is a swell to take away"
            );
            assert!(level(&out[before]) < 1e-3, "hop {hop}");
            let after = DELAY + 9_500..DELAY + 14_000;
            let off = level(&out[after.clone()]) / level(&made[after]);
            assert!((off - 1.0).abs() < 0.02, "hop {hop}: {off}");
        }
    }

    #[test]
    fn sounds_of_one_level_are_left_as_they_are_bit_for_bit() {
        for hz in [65.0, 220.0, 1_000.0] {
            let heard = tone(hz, 24_576);
            let mut made = vec![0.0; DELAY];
            made.extend(tone(hz, 22_528).iter().map(|s| s * 0.9));
            let out = fitted(256, &heard, &made, Some(1.0 / hz));
            assert_eq!(out[DELAY + 2_048..], made[DELAY + 2_048..24_576], "{hz} Hz");
        }
    }

    #[test]
    fn what_a_reset_forgets_does_not_come_back() {
        let heard = tone(300.0, 8_192);
        let mut fit = OnsetFit::new(RATE_HZ, 256, DELAY, 0.02);
        let run = |fit: &mut OnsetFit| {
            let mut out = Vec::new();
            for input in heard.chunks_exact(256) {
                let mut output = vec![0.4; 256];
                fit.hear(input);
                fit.fit(&mut output, None);
                out.extend(output);
            }
            out
        };
        let first = run(&mut fit);
        fit.reset();
        assert_eq!(run(&mut fit), first);
    }
}
