//! Musical time: ticks as a function of host samples, piecewise linear. Real-time safe.

use super::{TICKS_PER_QUARTER, Transport};

/// Slowest and fastest tempo in quarter notes a minute.
const TEMPO_RANGE_BPM: (f64, f64) = (20.0, 400.0);
/// A host may differ so much from our own counting before it counts as moved, in ticks.
const TOLERANCE_TICKS: f64 = 0.25;
/// Share of a grid's distance by which rounding may put a line before itself: far below a sample.
const LINE_TOLERANCE: f64 = 1e-7;
/// Rounding must not push a grid line to the next sample.
const SAMPLE_TOLERANCE: f64 = 1e-6;

/// Ticks a host sample at a tempo.
pub(super) fn ticks_per_sample(tempo_bpm: f64, rate_hz: u32) -> f64 {
    let tempo_bpm = tempo_bpm.clamp(TEMPO_RANGE_BPM.0, TEMPO_RANGE_BPM.1);
    tempo_bpm * f64::from(TICKS_PER_QUARTER) / 60.0 / f64::from(rate_hz.max(1))
}

/// A straight piece of musical time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Metronome {
    sample: u64,
    tick: f64,
    rate: f64,
}

impl Metronome {
    /// `tick` at `sample`, and `rate` ticks a sample from there.
    pub(super) fn new(sample: u64, tick: f64, rate: f64) -> Self {
        Self { sample, tick, rate }
    }

    /// The tick at a sample, with its fraction.
    pub(super) fn tick_at(&self, sample: u64) -> f64 {
        self.tick + (sample as f64 - self.sample as f64) * self.rate
    }

    /// The first sample that is not before a tick.
    pub(super) fn sample_at(&self, tick: f64) -> u64 {
        let samples = (tick - self.tick) / self.rate;
        let from_here = (samples - SAMPLE_TOLERANCE).ceil();
        if from_here < 0.0 {
            self.sample.saturating_sub((-from_here) as u64)
        } else {
            self.sample + from_here as u64
        }
    }

    /// Goes on at another rate from `sample`. Does nothing at the same rate.
    pub(super) fn set_rate(&mut self, sample: u64, rate: f64) {
        if rate != self.rate {
            *self = Self::new(sample, self.tick_at(sample), rate);
        }
    }
}

/// The beat that is heard: it runs on without end, and keeps the phase of the host's bars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    pub(super) time: Metronome,
    /// A tick at which a bar begins.
    bar_line: f64,
    pub(super) bar_ticks: f64,
    /// Host's position less ours, where the host has one.
    offset: Option<f64>,
}

impl Beat {
    /// From tick 0 at sample 0, in bars of four quarter notes.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            time: Metronome::new(0, 0.0, rate),
            bar_line: 0.0,
            bar_ticks: f64::from(4 * TICKS_PER_QUARTER),
            offset: None,
        }
    }

    /// Takes what the host says at `sample`.
    ///
    /// Our ticks never go back: after a jump they go on from the next place with the host's phase in
    /// the bar, so that a loop of whole bars changes nothing.
    pub(super) fn follow(&mut self, sample: u64, transport: &Transport, rate: f64) {
        self.time.set_rate(sample, rate);
        let quarter = f64::from(TICKS_PER_QUARTER);
        if let Some(quarters) = transport.bar_quarters {
            self.bar_ticks = (quarters * quarter).clamp(1.0, 64.0 * quarter);
        }
        let (true, Some(position)) = (transport.playing, transport.position_quarters) else {
            self.offset = None;
            return;
        };
        let (here, host) = (self.time.tick_at(sample), position * quarter);
        if self
            .offset
            .is_some_and(|offset| (host - offset - here).abs() <= TOLERANCE_TICKS)
        {
            return;
        }
        let bar_start = transport.bar_start_quarters.unwrap_or(0.0) * quarter;
        let host_phase = (host - bar_start).rem_euclid(self.bar_ticks);
        let mut ahead = (host_phase - self.phase(here)).rem_euclid(self.bar_ticks);
        if self.bar_ticks - ahead <= TOLERANCE_TICKS {
            ahead -= self.bar_ticks;
        }
        let landed = here + ahead;
        self.time = Metronome::new(sample, landed, rate);
        self.bar_line = landed - host_phase;
        self.offset = Some(host - landed);
    }

    /// Goes on `ahead` ticks further from `sample` on, at a rate.
    pub(super) fn jump(&mut self, sample: u64, ahead: f64, rate: f64) {
        self.time = Metronome::new(sample, self.time.tick_at(sample) + ahead, rate);
    }

    /// Lets bars begin so many ticks later.
    pub(super) fn move_bar_line(&mut self, later: f64) {
        self.bar_line += later;
    }

    /// The sample, with its fraction, so many ticks before another at the present rate.
    pub(super) fn sample_before(&self, sample: u64, ticks: f64) -> f64 {
        sample as f64 - ticks / self.time.rate
    }

    /// The host's position at a tick of ours, in quarter notes, while its transport runs.
    pub(super) fn host_quarters(&self, tick: f64) -> Option<f64> {
        let offset = self.offset?;
        Some((tick + offset) / f64::from(TICKS_PER_QUARTER))
    }

    /// Ticks since the last bar line.
    pub(super) fn phase(&self, tick: f64) -> f64 {
        (tick - self.bar_line).rem_euclid(self.bar_ticks)
    }

    /// The first line of a grid that is not before `sample`, as its sample and tick. The grid starts
    /// anew with each bar.
    pub(super) fn next_line(&self, sample: u64, grid_ticks: f64) -> (u64, f64) {
        let tick = self.time.tick_at(sample);
        let bar = tick - self.phase(tick);
        let lines = ((tick - bar) / grid_ticks - LINE_TOLERANCE).ceil();
        let line = (bar + lines * grid_ticks).min(bar + self.bar_ticks);
        (self.time.sample_at(line).max(sample), line)
    }
}

#[cfg(test)]
mod tests {
    use super::{Beat, Metronome, Transport, ticks_per_sample};

    const RATE_HZ: u32 = 48_000;

    #[test]
    fn ticks_and_samples_are_each_other_s_inverse() {
        for tempo in [60.0, 97.3, 120.0, 174.0] {
            let rate = ticks_per_sample(tempo, RATE_HZ);
            let time = Metronome::new(1_000, 7.0, rate);
            for tick in [7_u32, 8, 31, 1_000, 100_000] {
                let sample = time.sample_at(f64::from(tick));
                assert!(time.tick_at(sample) >= f64::from(tick) - 1e-6);
                assert!(time.tick_at(sample - 1) < f64::from(tick));
            }
        }
    }

    #[test]
    fn at_120_bpm_a_bar_is_two_seconds() {
        let beat = Beat::new(ticks_per_sample(120.0, RATE_HZ));
        assert_eq!(beat.next_line(1, 96.0), (96_000, 96.0));
        assert_eq!(beat.next_line(96_000, 96.0), (96_000, 96.0));
        assert_eq!(beat.next_line(96_001, 24.0), (120_000, 120.0));
    }

    #[test]
    fn a_loop_of_whole_bars_changes_nothing_and_another_jump_only_the_phase() {
        let rate = ticks_per_sample(120.0, RATE_HZ);
        let mut beat = Beat::new(rate);
        let at = |quarters: f64| Transport {
            playing: true,
            tempo_bpm: Some(120.0),
            position_quarters: Some(quarters),
            bar_start_quarters: Some((quarters / 4.0).floor() * 4.0),
            bar_quarters: Some(4.0),
        };
        beat.follow(0, &at(8.0), rate);
        let before = beat.time.tick_at(96_000);
        beat.follow(96_000, &at(8.0), rate);
        assert_eq!(beat.time.tick_at(96_000), before);
        beat.follow(96_000, &at(9.0), rate);
        assert_eq!(beat.time.tick_at(96_000), before + 24.0);
        assert_eq!(beat.phase(beat.time.tick_at(96_000)), 24.0);
    }

    #[test]
    fn a_new_tempo_goes_on_from_where_it_is() {
        let mut time = Metronome::new(0, 0.0, ticks_per_sample(120.0, RATE_HZ));
        let before = time.tick_at(48_000);
        time.set_rate(48_000, ticks_per_sample(60.0, RATE_HZ));
        assert_eq!(time.tick_at(48_000), before);
        assert_eq!(time.tick_at(96_000), before + 24.0);
    }
}
