//! The conductor's part in tempo: who rules, and how the grid is brought to where his beats lie.
//! Real-time safe.

use super::Conductor;
use crate::continuation::metronome::ticks_per_sample;
use crate::continuation::tempo::{Pulse, TempoFrom, TempoSource};
use crate::continuation::{ClockMessage, Source, TICKS_PER_QUARTER};

const QUARTER: f64 = TICKS_PER_QUARTER as f64;
/// What the grid is off is made up within so many beats, by this share of the tempo at most, so that a
/// piece that plays only leans.
const MADE_UP_BEATS: f64 = 1.0;
const MOST_LEAN: f64 = 0.08;
/// Where nothing plays, a grid that is off by more than this share of a beat moves at once.
const JUMPS_BEATS: f64 = 0.1;

impl Conductor {
    /// Ticks a host sample, from whoever rules.
    pub(super) fn rate(&self) -> f64 {
        self.guided
            .map_or_else(|| self.plain_rate(), |(_, rate)| rate)
    }

    /// The host's tempo, or the plugin's own.
    fn plain_rate(&self) -> f64 {
        let own = f64::from(self.knobs.tempo_bpm);
        let host = self.transport.tempo_bpm;
        let host = host.filter(|_| self.guide.source() != TempoSource::Own || self.host_runs());
        ticks_per_sample(host.unwrap_or(own), self.rate_hz)
    }

    /// Whether the host's transport runs, and rules.
    pub(super) fn host_runs(&self) -> bool {
        self.transport.playing && self.transport.position_quarters.is_some()
    }

    /// Who rules, and the tempo that he names.
    pub(super) fn tempo(&self, at_host: u64) -> (TempoFrom, f64) {
        let bpm = |rate: f64| rate / ticks_per_sample(60.0, self.rate_hz) * 60.0;
        match (self.guided, self.guide.rules(at_host)) {
            (Some(_), Some((from, pulse))) => (from, 60.0 * f64::from(self.rate_hz) / pulse.period),
            _ if self.transport.tempo_bpm.is_some()
                && (self.guide.source() != TempoSource::Own || self.host_runs()) =>
            {
                (TempoFrom::Host, bpm(self.plain_rate()))
            }
            _ => (TempoFrom::Own, bpm(self.plain_rate())),
        }
    }

    /// How sure what is played makes the follower, 0 to 1.
    pub(super) fn confidence(&self) -> f32 {
        self.guide.confidence()
    }

    /// Whether somebody but the tempo control counts.
    pub(super) fn keeps_time(&self) -> bool {
        self.transport.tempo_bpm.is_some() || self.guided.is_some()
    }

    pub(super) fn set_tempo_source(&mut self, at_host: u64, source: TempoSource) {
        self.guide.set_source(source);
        self.steer(at_host);
    }

    pub(super) fn tap(&mut self, at_host: u64) {
        self.guide.tap(at_host);
        self.steer(at_host);
    }

    pub(super) fn hear_clock(&mut self, at_host: u64, message: ClockMessage) {
        self.guide.clock(at_host, message);
        if message != ClockMessage::Pulse {
            self.steer(at_host);
        }
    }

    /// Takes the next frame of what is played.
    pub(super) fn hear_frame(&mut self) {
        let at_host = self.guide.next_frame();
        let mut sound = None;
        while let Some(onset) = self.ear.next_onset(at_host) {
            sound = Some((onset.strength, onset.low)).filter(|_| onset.at_host == at_host);
        }
        let of_sound = self.knobs.source == Source::Sound;
        let expected = self.guided.map(|_| {
            let tick = self.beat.time.tick_at(at_host);
            self.beat
                .sample_before(at_host, self.beat.phase(tick) % QUARTER)
        });
        if self.guide.take_frame(sound, of_sound, expected) {
            self.steer(at_host);
            self.find_downbeat(at_host, of_sound);
        }
    }

    fn find_downbeat(&mut self, at_host: u64, of_sound: bool) {
        let bar_beats = (self.beat.bar_ticks / QUARTER).round() as u32;
        let followed = matches!(self.guide.rules(at_host), Some((TempoFrom::Played, _)));
        if self.guided.is_none() || !followed || self.piece.is_some() || bar_beats < 2 {
            return;
        }
        let phase = self.beat.phase(self.beat.time.tick_at(at_host));
        let line = self.beat.sample_before(at_host, phase);
        if let Some(beats) = self.guide.later_downbeat(line, bar_beats, of_sound) {
            self.beat.move_bar_line(f64::from(beats) * QUARTER);
        }
    }

    /// Brings the grid nearer to the beats of whoever rules, unless the host does.
    pub(super) fn steer(&mut self, at_host: u64) {
        let rules = self.guide.rules(at_host).filter(|_| !self.host_runs());
        let Some((from, pulse)) = rules else {
            if self.guided.take().is_some() {
                self.keep_time(at_host);
            }
            return;
        };
        let rate = QUARTER / pulse.period;
        let off = self.off_ticks(at_host, &pulse);
        if self.piece.is_none() && off.abs() > JUMPS_BEATS * QUARTER {
            self.beat.jump(at_host, off.rem_euclid(QUARTER), rate);
            self.guided = Some((from, rate));
        } else {
            let lean = (off / (QUARTER * MADE_UP_BEATS)).clamp(-MOST_LEAN, MOST_LEAN);
            self.guided = Some((from, rate * (1.0 + lean)));
        }
        self.keep_time(at_host);
        if self.piece.is_none() {
            self.align_bar(at_host, &pulse);
        }
    }

    /// How far the grid lies before the next of these beats or behind the last, in ticks.
    fn off_ticks(&self, at_host: u64, pulse: &Pulse) -> f64 {
        let wanted = (at_host as f64 - pulse.beat) / pulse.period * QUARTER;
        let here = self.beat.phase(self.beat.time.tick_at(at_host));
        let off = (wanted - here).rem_euclid(QUARTER);
        if off > 0.5 * QUARTER {
            off - QUARTER
        } else {
            off
        }
    }

    /// Lets bars begin where they are said to.
    fn align_bar(&mut self, at_host: u64, pulse: &Pulse) {
        let Some(bar) = pulse.bar else {
            return;
        };
        let wanted = (at_host as f64 - bar) / pulse.period * QUARTER;
        let here = self.beat.phase(self.beat.time.tick_at(at_host));
        let earlier = ((wanted - here) / QUARTER).round() * QUARTER;
        if earlier.rem_euclid(self.beat.bar_ticks) != 0.0 {
            self.beat.move_bar_line(-earlier);
        }
    }
}
