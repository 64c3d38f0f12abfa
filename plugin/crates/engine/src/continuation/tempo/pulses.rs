//! Beats that somebody gives: taps, and the pulses of a MIDI clock. Real-time safe.

/// Taps that are averaged.
const TAPS: usize = 8;
/// A tap that comes later than this begins another series, in seconds.
const LONGEST_TAP_S: f64 = 2.0;
/// One that comes sooner is a bounce.
const SHORTEST_TAP_S: f64 = 0.2;
/// One that is off by more than this share of a beat begins another series.
const MOST_TAP_ERROR: f64 = 0.35;
/// Pulses of a MIDI clock in a quarter note (MIDI 1.0, "System Real Time Messages").
const CLOCKS_PER_QUARTER: u64 = 24;
/// A clock that is silent for so long has gone, in seconds.
const CLOCK_GONE_S: f64 = 0.5;
/// Pulses before its tempo counts: a quarter of a beat.
const LEAST_CLOCKS: usize = 7;

/// A row of beats, in host samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::continuation) struct Pulse {
    /// Where one of them lies.
    pub(in crate::continuation) beat: f64,
    /// From each to the next.
    pub(in crate::continuation) period: f64,
    /// Where a bar begins, if that is known.
    pub(in crate::continuation) bar: Option<f64>,
}

/// What a MIDI clock says (MIDI 1.0, "System Real Time Messages").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMessage {
    /// A 24th of a quarter note has passed.
    Pulse,
    /// The next pulse is the first of a piece.
    Start,
    /// It goes on from where it stopped.
    Continue,
    /// It stands still, though pulses may still come.
    Stop,
}

/// The newest of a row of times that should be evenly spaced, oldest first.
#[derive(Clone, Copy, Debug)]
struct Row<const N: usize> {
    times: [u64; N],
    count: usize,
}

impl<const N: usize> Row<N> {
    fn new() -> Self {
        Self {
            times: [0; N],
            count: 0,
        }
    }

    fn push(&mut self, at_host: u64) {
        if self.count == N {
            self.times.rotate_left(1);
            self.count -= 1;
        }
        self.times[self.count] = at_host;
        self.count += 1;
    }

    fn last(&self) -> Option<u64> {
        self.times[..self.count].last().copied()
    }

    /// The newest time and the step between them, by least squares.
    fn line(&self) -> Option<(f64, f64)> {
        let last = self.last().filter(|_| self.count >= 2)?;
        let count = self.count as f64;
        let middle = 0.5 * (count - 1.0);
        // Counted back from the newest, so that large times lose nothing.
        let back = |index: usize| last as f64 - self.times[index] as f64;
        let mean = (0..self.count).map(back).sum::<f64>() / count;
        let (mut product, mut square) = (0.0, 0.0);
        for index in 0..self.count {
            let off = index as f64 - middle;
            product -= off * (back(index) - mean);
            square += off * off;
        }
        let step = product / square;
        Some((last as f64 - mean + step * middle, step))
    }
}

/// What is tapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taps {
    row: Row<TAPS>,
    /// Beats from the series' first tap to the newest: the first is on the bar.
    since_first: u64,
    pulse: Option<Pulse>,
}

impl Taps {
    pub(super) fn new() -> Self {
        Self {
            row: Row::new(),
            since_first: 0,
            pulse: None,
        }
    }

    /// Takes a tap.
    pub(super) fn tap(&mut self, at_host: u64, rate_hz: u32) {
        let seconds = |samples: f64| samples / f64::from(rate_hz.max(1));
        if let Some(last) = self.row.last() {
            let since = at_host.saturating_sub(last) as f64;
            if seconds(since) < SHORTEST_TAP_S {
                return;
            }
            let off = self
                .row
                .line()
                .map_or(0.0, |(_, step)| (since / step - 1.0).abs());
            if seconds(since) > LONGEST_TAP_S || off > MOST_TAP_ERROR {
                self.row.count = 0;
            }
        }
        self.since_first = if self.row.count == 0 {
            0
        } else {
            self.since_first + 1
        };
        self.row.push(at_host);
        if let Some((beat, period)) = self.row.line() {
            let bar = beat - self.since_first as f64 * period;
            self.pulse = Some(Pulse {
                beat,
                period,
                bar: Some(bar),
            });
        }
    }

    pub(super) fn pulse(&self) -> Option<Pulse> {
        self.pulse
    }
}

/// A MIDI clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    row: Row<{ CLOCKS_PER_QUARTER as usize + 1 }>,
    /// Pulses since the piece's first, which is 0.
    pulses: Option<u64>,
    runs: bool,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            row: Row::new(),
            pulses: None,
            runs: false,
        }
    }

    /// Takes a message. Where no start was heard, the first pulse counts as a piece's first.
    pub(super) fn take(&mut self, at_host: u64, message: ClockMessage, rate_hz: u32) {
        match message {
            ClockMessage::Start => (self.pulses, self.runs) = (None, true),
            ClockMessage::Continue => self.runs = true,
            ClockMessage::Stop => self.runs = false,
            ClockMessage::Pulse => {
                if self.is_gone(at_host, rate_hz) {
                    // Nobody said that it stopped: it never stopped.
                    (self.row.count, self.runs) = (0, true);
                }
                self.row.push(at_host);
                if self.runs {
                    self.pulses = Some(self.pulses.map_or(0, |pulses| pulses + 1));
                }
            }
        }
    }

    fn is_gone(&self, at_host: u64, rate_hz: u32) -> bool {
        let longest = (CLOCK_GONE_S * f64::from(rate_hz)) as u64;
        let since = |last| at_host.saturating_sub(last);
        self.row.last().is_none_or(|last| since(last) > longest)
    }

    /// Its beats, while it runs.
    pub(super) fn pulse(&self, at_host: u64, rate_hz: u32) -> Option<Pulse> {
        let known = self.row.count >= LEAST_CLOCKS && self.runs;
        if !known || self.is_gone(at_host, rate_hz) {
            return None;
        }
        let ((newest, step), pulses) = self.row.line().zip(self.pulses)?;
        let beat = newest - (pulses % CLOCKS_PER_QUARTER) as f64 * step;
        Some(Pulse {
            beat,
            period: step * CLOCKS_PER_QUARTER as f64,
            bar: Some(newest - pulses as f64 * step),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, ClockMessage, Taps};

    const RATE_HZ: u32 = 48_000;

    #[test]
    fn taps_have_their_tempo_and_the_first_is_on_the_bar() {
        let mut taps = Taps::new();
        // 100 a minute, and as uneven as fingers are.
        for (beat, off) in [0, 400, -300, 500, -450, 100].iter().enumerate() {
            taps.tap((48_000 + 28_800 * beat as i64 + off) as u64, RATE_HZ);
        }
        let pulse = taps.pulse().expect("a tempo");
        assert!((pulse.period / 28_800.0 - 1.0).abs() < 0.01, "{pulse:?}");
        assert!(
            (pulse.bar.expect("a bar") - 48_000.0).abs() < 480.0,
            "{pulse:?}"
        );
        taps.tap(20 * 48_000, RATE_HZ);
        assert_eq!(taps.pulse(), Some(pulse), "one tap is no tempo");
        taps.tap(20 * 48_000 + 24_000, RATE_HZ);
        let pulse = taps.pulse().expect("a tempo");
        assert_eq!((pulse.period, pulse.bar), (24_000.0, Some(960_000.0)));
    }

    #[test]
    fn a_bounce_is_no_tap() {
        let mut taps = Taps::new();
        for at in [0, 1_000, 24_000, 24_900, 48_000] {
            taps.tap(at, RATE_HZ);
        }
        assert_eq!(taps.pulse().map(|pulse| pulse.period), Some(24_000.0));
    }

    #[test]
    fn a_clock_counts_from_its_start_through_jitter_and_is_gone_when_it_falls_silent() {
        let mut clock = Clock::new();
        clock.take(10_000, ClockMessage::Start, RATE_HZ);
        // 125 a minute: 960 samples, rounded to blocks of 256 as many hosts do.
        let at = |pulse: u64| 10_000 + pulse * 960 / 256 * 256;
        for pulse in 0..100 {
            clock.take(at(pulse), ClockMessage::Pulse, RATE_HZ);
        }
        let pulse = clock.pulse(at(99), RATE_HZ).expect("a tempo");
        assert!((pulse.period / 23_040.0 - 1.0).abs() < 0.01, "{pulse:?}");
        let off = (pulse.beat - 10_000.0) / 23_040.0;
        assert!((off - off.round()).abs() < 0.02, "{pulse:?}");
        assert_eq!(clock.pulse(at(99) + 30_000, RATE_HZ), None);
        clock.take(at(99) + 30_000, ClockMessage::Stop, RATE_HZ);
        assert_eq!(clock.pulse(at(99), RATE_HZ), None);
    }
}
