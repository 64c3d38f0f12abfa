//! Tempo and beat from how onsets repeat. Real-time safe after construction: a few hundred additions a
//! frame of 5 ms, some thousand every tenth of a second.
//!
//! A forgetting autocorrelation of the onsets' strength, summed over one to four beats, gives the tempo;
//! a comb over the last beats gives where they lie; the accents of the beats give the bar.
//! Source: Scheirer 1998, "Tempo and beat analysis of acoustic musical signals"; Ellis 2007, "Beat tracking
//! by dynamic programming", sec. 3.1 (the preference for middle tempi).

/// Tempi that are looked for, in beats a minute.
const SLOWEST_BPM: f64 = 50.0;
const FASTEST_BPM: f64 = 200.0;
/// The preferred tempo, and how far from it the preference is down by half a neper, in octaves: to the
/// faster side less, since a pulse of eighth notes repeats as well as the beat.
const PREFERRED_BPM: f64 = 115.0;
const SLOWER_OCTAVES: f64 = 0.9;
const FASTER_OCTAVES: f64 = 0.7;
/// Candidates lie so close to each other.
const CANDIDATE_RATIO: f64 = 1.005;
const MOST_CANDIDATES: usize = 288;
/// Beats over which a period has to repeat.
const REPEATS: usize = 4;
/// What repeats in a half or a third of the time is a faster pulse, and counts so much against the slower.
const FASTER_PULSE: f32 = 0.35;
/// Memory of the autocorrelation and of the mean, in seconds.
const MEMORY_S: f64 = 6.0;
const MEAN_S: f64 = 2.0;
/// Beats that tell the phase, and by how much each counts less than the one after it.
const PHASE_BEATS: usize = 8;
const PHASE_DECAY: f32 = 0.9;
/// Onsets within so many frames of where the beat is expected count up to this much more.
const EXPECTED_FRAMES: f32 = 6.0;
const EXPECTED_BONUS: f32 = 0.3;
/// Frames that are kept: 10.9 s at 5.3 ms, a power of two.
const HISTORY: usize = 2048;
/// Longest lag: four of the slowest beats and a little.
const LAGS: usize = 936;
/// Frames between two estimates.
const ESTIMATE_FRAMES: u64 = 20;
/// Another tempo has to be better for so many estimates.
const PATIENCE: u32 = 20;
/// A period that moves by less than this share is the same tempo.
const SAME_TEMPO: f64 = 0.04;
/// Strength that counts as something being played, averaged over the memory.
const LEAST_STRENGTH: f32 = 2e-4;
/// How fast it is noticed that nothing is played any more, in seconds.
const RECENT_S: f64 = 1.0;

/// A beat that was found, in frames of the follower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::continuation) struct Found {
    /// A frame, with its fraction, on which a beat lies.
    pub(in crate::continuation) beat: f64,
    /// Frames between beats.
    pub(in crate::continuation) period: f64,
    /// How surely they repeat, 0 to 1.
    pub(in crate::continuation) confidence: f32,
}

/// The follower.
pub(in crate::continuation) struct Follower {
    frames_a_second: f64,
    /// Strength less its mean, newest last; each frame lies twice, so that any stretch is one slice.
    strength: Box<[f32]>,
    low: Box<[f32]>,
    frames: u64,
    mean: f32,
    autocorrelation: Box<[f32]>,
    /// Mean square lately and over the whole memory.
    recent: f32,
    periods: [f64; MOST_CANDIDATES],
    preference: [f32; MOST_CANDIDATES],
    candidates: usize,
    found: Option<Found>,
    /// Estimates in a row that preferred another tempo.
    others: u32,
}

fn forgetting(seconds: f64, frames_a_second: f64) -> f32 {
    (-1.0 / (seconds * frames_a_second)).exp() as f32
}

impl Follower {
    /// Allocates.
    pub(in crate::continuation) fn new(frames_a_second: f64) -> Self {
        let mut follower = Self {
            frames_a_second,
            strength: vec![0.0; 2 * HISTORY].into_boxed_slice(),
            low: vec![0.0; 2 * HISTORY].into_boxed_slice(),
            frames: 0,
            mean: 0.0,
            autocorrelation: vec![0.0; LAGS + 1].into_boxed_slice(),
            recent: 0.0,
            periods: [0.0; MOST_CANDIDATES],
            preference: [0.0; MOST_CANDIDATES],
            candidates: 0,
            found: None,
            others: 0,
        };
        let frames_a_minute = 60.0 * frames_a_second;
        let longest = (frames_a_minute / SLOWEST_BPM).min((LAGS - 2) as f64 / REPEATS as f64);
        let mut period = frames_a_minute / FASTEST_BPM;
        while period <= longest && follower.candidates < MOST_CANDIDATES {
            let octaves = (frames_a_minute / period / PREFERRED_BPM).log2();
            let octaves = match octaves > 0.0 {
                true => octaves / FASTER_OCTAVES,
                false => octaves / SLOWER_OCTAVES,
            };
            follower.periods[follower.candidates] = period;
            follower.preference[follower.candidates] = (-0.5 * octaves * octaves).exp() as f32;
            follower.candidates += 1;
            period *= CANDIDATE_RATIO;
        }
        follower
    }

    /// Forgets everything; the next frame is frame 0.
    pub(in crate::continuation) fn restart(&mut self) {
        self.strength.fill(0.0);
        self.low.fill(0.0);
        self.autocorrelation.fill(0.0);
        (self.frames, self.mean, self.recent) = (0, 0.0, 0.0);
        (self.found, self.others) = (None, 0);
    }

    /// Takes the next frame's strength, of all and of the low; whether there is a new estimate.
    /// `expected`: a beat of the grid that is kept, in frames.
    pub(in crate::continuation) fn take(
        &mut self,
        strength: f32,
        low: f32,
        expected: Option<f64>,
    ) -> bool {
        let mean_keeps = forgetting(MEAN_S, self.frames_a_second);
        self.mean = mean_keeps * self.mean + (1.0 - mean_keeps) * strength;
        let value = strength - self.mean;
        let place = (self.frames % HISTORY as u64) as usize;
        for at in [place, place + HISTORY] {
            (self.strength[at], self.low[at]) = (value, low);
        }
        self.frames += 1;
        // The slice that ends with this frame: lag k is its k-th from the end.
        let past = &self.strength[place + HISTORY - LAGS..=place + HISTORY];
        let keeps = forgetting(MEMORY_S, self.frames_a_second);
        for (sum, before) in self.autocorrelation.iter_mut().zip(past.iter().rev()) {
            *sum = keeps * *sum + value * before;
        }
        let recent_keeps = forgetting(RECENT_S, self.frames_a_second);
        self.recent = recent_keeps * self.recent + value * value;
        let due = self.frames.is_multiple_of(ESTIMATE_FRAMES);
        if due {
            self.estimate(expected);
        }
        due
    }

    /// The newest estimate.
    pub(in crate::continuation) fn found(&self) -> Option<Found> {
        self.found
    }

    /// Frames so far.
    pub(in crate::continuation) fn frames(&self) -> u64 {
        self.frames
    }

    fn repeated(&self, lag: f64) -> f32 {
        let (whole, rest) = (lag as usize, lag.fract() as f32);
        let value = |lag: usize| self.autocorrelation.get(lag).copied().unwrap_or(0.0);
        value(whole) * (1.0 - rest) + value(whole + 1) * rest
    }

    /// Share of the strength that comes back after each of the next beats.
    fn regularity(&self, period: f64) -> f32 {
        let sum: f32 = (1..=REPEATS)
            .map(|beats| self.repeated(beats as f64 * period))
            .sum();
        sum / (REPEATS as f32 * self.autocorrelation[0])
    }

    /// The same, less what a pulse twice as fast explains.
    fn score(&self, period: f64) -> f32 {
        let faster = self.repeated(period / 2.0).max(self.repeated(period / 3.0));
        let faster = (faster / self.autocorrelation[0]).max(0.0);
        self.regularity(period) - FASTER_PULSE * faster
    }

    fn estimate(&mut self, expected: Option<f64>) {
        let seconds = |s: f64| (s * self.frames_a_second) as f32;
        let played = self.autocorrelation[0] > seconds(MEMORY_S) * LEAST_STRENGTH.powi(2);
        if !played {
            self.found = None;
            return;
        }
        let best = (0..self.candidates)
            .map(|at| (at, self.score(self.periods[at]) * self.preference[at]))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((best, _)) = best else {
            return;
        };
        let mut period = self.sharpened(self.periods[best]);
        if let Some(found) = self.found {
            let other = (period / found.period - 1.0).abs() > SAME_TEMPO;
            self.others = if other { self.others + 1 } else { 0 };
            if other && self.others < PATIENCE {
                period = self.sharpened(found.period);
            } else {
                self.others = 0;
            }
        }
        let density = self.recent / seconds(RECENT_S) * seconds(MEMORY_S) / self.autocorrelation[0];
        let confidence = self.regularity(period).clamp(0.0, 1.0) * (2.0 * density).min(1.0);
        self.found = Some(Found {
            beat: self.newest_beat(period, expected),
            period,
            confidence,
        });
    }

    /// The period near another one that repeats best over four beats.
    fn sharpened(&self, near: f64) -> f64 {
        let beats = REPEATS as f64;
        let reach = 0.5 * SAME_TEMPO * near * beats;
        let middle = (near * beats).round();
        let lags = (middle - reach).max(1.0) as usize..=((middle + reach) as usize).min(LAGS - 1);
        let value = |lag: usize| self.autocorrelation[lag];
        let Some(top) = lags.max_by(|a, b| value(*a).total_cmp(&value(*b))) else {
            return near;
        };
        let (before, at, after) = (value(top - 1), value(top), value(top + 1));
        let bend = before - 2.0 * at + after;
        let between = match bend < 0.0 {
            true => (0.5 * (before - after) / bend).clamp(-0.5, 0.5),
            false => 0.0,
        };
        (top as f64 + f64::from(between)) / beats
    }

    /// What stood so many frames before the newest, and a fraction.
    fn before(of: &[f32], frames: u64, back: f64) -> f32 {
        let (whole, rest) = (back as usize, back.fract() as f32);
        if whole + 2 > HISTORY {
            return 0.0;
        }
        let newest = ((frames - 1) % HISTORY as u64) as usize + HISTORY;
        let value = |back: usize| of[newest - back].max(0.0);
        value(whole) * (1.0 - rest) + value(whole + 1) * rest
    }

    /// The frame of the newest beat, by a comb over the last ones.
    fn newest_beat(&self, period: f64, expected: Option<f64>) -> f64 {
        let newest = (self.frames - 1) as f64;
        let comb = |back: f64| {
            let mut weight = 1.0;
            let mut sum = 0.0;
            for beat in 0..PHASE_BEATS {
                let back = back + beat as f64 * period;
                sum += weight * Self::before(&self.strength, self.frames, back);
                weight *= PHASE_DECAY;
            }
            let bonus = expected.map_or(0.0, |beat| {
                let off = (newest - back - beat).rem_euclid(period);
                let off = off.min(period - off) as f32 / EXPECTED_FRAMES;
                EXPECTED_BONUS * (-0.5 * off * off).exp()
            });
            sum * (1.0 + bonus)
        };
        let places = period.ceil() as usize;
        let best = (0..places)
            .map(|back| (back, comb(back as f64)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((back, at)) = best else {
            return newest;
        };
        let back = back as f64;
        let (before, after) = (comb((back - 1.0).max(0.0)), comb(back + 1.0));
        let bend = before - 2.0 * at + after;
        let between = match bend < 0.0 {
            true => (0.5 * (before - after) / bend).clamp(-0.5, 0.5),
            false => 0.0,
        };
        newest - back - f64::from(between)
    }

    /// How strong the beats are that lie `beats` after each line of a bar of `bar_beats`, when `line` is
    /// a frame with such a line: mean strength of all and of the low.
    pub(in crate::continuation) fn accent(&self, line: f64, period: f64, bar: (u32, u32)) -> f32 {
        let (beats, bar_beats) = bar;
        let newest = (self.frames.max(1) - 1) as f64;
        let bar_frames = period * f64::from(bar_beats.max(1));
        let first = line + f64::from(beats) * period;
        let mut back = (newest - first).rem_euclid(bar_frames);
        let (mut sum, mut bars) = (0.0, 0);
        while back + 4.0 < (HISTORY as f64).min(self.frames as f64) {
            // A note is rarely on the very frame.
            let near = (-3..=3).map(|off| {
                let back = (back + f64::from(off)).max(0.0);
                Self::before(&self.strength, self.frames, back)
                    + 2.0 * Self::before(&self.low, self.frames, back)
            });
            sum += near.sum::<f32>();
            bars += 1;
            back += bar_frames;
        }
        sum / bars.max(1) as f32
    }
}
