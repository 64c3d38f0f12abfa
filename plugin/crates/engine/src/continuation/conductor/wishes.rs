//! What the player does to continuation: controls, notes, stopping and starting. Real-time safe.

use super::cadence::Harmony;
use super::{Conductor, Next, Piece};
use crate::contract::MAX_CLASSES;
use crate::event::{Event, NoteMatch};

use super::super::metronome::Metronome;
use super::super::{
    ContinuationChange, Cue, Ending, PieceStart, Quantise, Source, TICKS_PER_QUARTER, TakePlace,
};

/// Longest fade, in seconds.
const MOST_FADE_S: f32 = 30.0;

impl Conductor {
    /// Takes a control at a host sample. What was composed before it must have been asked for.
    pub(crate) fn change(&mut self, at_host: u64, change: ContinuationChange) {
        let knobs = &mut self.knobs;
        match change {
            ContinuationChange::Run(run) => {
                let begins = run && !knobs.run;
                knobs.run = run;
                if begins {
                    self.exchanges = 0;
                    self.begins_at = (!knobs.when_stopped).then_some(at_host);
                } else if !run {
                    self.begins_at = None;
                    self.stop_at(at_host);
                }
            }
            ContinuationChange::FadeS(seconds) if seconds.is_finite() => {
                knobs.fade_s = seconds.clamp(0.0, MOST_FADE_S);
            }
            ContinuationChange::Cadence(cadence) => knobs.cadence = cadence,
            ContinuationChange::WhenStopped(waits) => knobs.when_stopped = waits,
            ContinuationChange::UntilPlayed(until) => knobs.until_played = until,
            ContinuationChange::TradeBars(bars) => knobs.trade_bars = bars,
            ContinuationChange::FollowsHeard(follows) => knobs.follows_heard = follows,
            ContinuationChange::Quantise(quantise) => knobs.quantise = quantise,
            ContinuationChange::Bars(bars) => knobs.bars = bars,
            ContinuationChange::Seconds(seconds) if seconds.is_finite() => {
                knobs.seconds = seconds.max(0.0);
            }
            ContinuationChange::Source(source) => knobs.source = source,
            ContinuationChange::GateDb(value) if value.is_finite() => knobs.gate_db = value,
            ContinuationChange::Label { index, label } if usize::from(index) < MAX_CLASSES => {
                knobs.style.class[usize::from(index)] = label;
            }
            ContinuationChange::Label { .. } => {}
            ContinuationChange::Temperature(value) if value.is_finite() => {
                knobs.style.temperature = value.max(0.0);
            }
            ContinuationChange::TopP(value) if value.is_finite() => {
                knobs.style.top_p = value.clamp(0.0, 1.0);
            }
            ContinuationChange::Likeness(value) if value.is_finite() => {
                knobs.style.likeness = value.clamp(0.0, 1.0);
            }
            ContinuationChange::TempoBpm(value) if value.is_finite() => {
                knobs.tempo_bpm = value;
                self.guide.forget_taps();
                self.steer(at_host);
                self.keep_time(at_host);
            }
            ContinuationChange::TempoSource(source) => self.set_tempo_source(at_host, source),
            ContinuationChange::Tap => self.tap(at_host),
            ContinuationChange::Clock(message) => self.hear_clock(at_host, message),
            // The player's: it is heard, not asked for.
            ContinuationChange::InputWhilePlaying(_)
            | ContinuationChange::GateDb(_)
            | ContinuationChange::Seconds(_)
            | ContinuationChange::FadeS(_)
            | ContinuationChange::Temperature(_)
            | ContinuationChange::TopP(_)
            | ContinuationChange::Likeness(_)
            | ContinuationChange::TempoBpm(_) => {}
            ContinuationChange::Seed(seed) => knobs.seed = seed,
            ContinuationChange::Sounds(sounds) => knobs.sounds = sounds,
        }
    }

    /// Hears what the player plays, and tells the worker.
    pub(crate) fn hear(&mut self, at_host: u64, event: &Event) {
        let tick = self.beat.time.tick_at(at_host).round() as i64;
        self.attend(at_host, event);
        match *event {
            Event::NoteOn { key, velocity, .. } if velocity > 0.0 => {
                self.told = true;
                self.guide.note(at_host, key, velocity);
                self.send(Cue::Heard {
                    tick,
                    key: key.min(127),
                    velocity,
                });
            }
            Event::NoteOn { key, .. } => self.send(Cue::Released { tick, key }),
            Event::NoteOff(NoteMatch { key: None, .. })
            | Event::Choke(NoteMatch { key: None, .. })
            | Event::AllNotesOff => {
                let held = self.held;
                for key in (0..128_u8).filter(|key| held >> key & 1 == 1) {
                    let off = Event::NoteOff(NoteMatch::key(key, 0));
                    self.attend(at_host, &off);
                    self.send(Cue::Released { tick, key });
                }
            }
            Event::NoteOff(NoteMatch { key: Some(key), .. })
            | Event::Choke(NoteMatch { key: Some(key), .. }) => {
                self.send(Cue::Released { tick, key });
            }
            _ => {}
        }
    }

    /// Notices whether the player plays or has stopped.
    fn attend(&mut self, at_host: u64, event: &Event) {
        let (key, down) = match *event {
            Event::NoteOn { key, velocity, .. } => (key.min(127), velocity > 0.0),
            Event::NoteOff(NoteMatch { key: Some(key), .. })
            | Event::Choke(NoteMatch { key: Some(key), .. }) => (key.min(127), false),
            _ => return,
        };
        let bit = 1_u128 << key;
        let waits = self.knobs.run && self.knobs.when_stopped && self.knobs.source == Source::Notes;
        let of_notes = self
            .piece
            .is_some_and(|piece| piece.source == Source::Notes);
        if down {
            self.held |= bit;
            if waits {
                self.begins_at = None;
            }
            if of_notes && self.knobs.until_played && self.piece_sounds(at_host) {
                self.end_at(at_host);
            }
        } else if self.held & bit != 0 {
            self.held &= !bit;
            if self.held == 0 && waits && self.piece.is_none() {
                self.begins_at = Some(self.quarter_after(at_host));
            }
        }
    }

    pub(super) fn piece_sounds(&self, at_host: u64) -> bool {
        self.piece
            .as_ref()
            .is_some_and(|piece| piece.time.tick_at(at_host) >= 0.0)
    }

    /// What follows a piece that is over: the player's bars, and then another.
    pub(super) fn finish(&mut self, at_host: u64) -> Option<Next> {
        let piece = self.piece.take()?;
        let ending = if piece.stopped {
            Ending::Stopped
        } else {
            Ending::Length
        };
        let trades = self.knobs.trade_bars > 0 && !self.knobs.when_stopped;
        if self.knobs.run && !piece.stopped && trades {
            let bars = f64::from(self.knobs.trade_bars) * self.beat.bar_ticks;
            let end = piece.end().unwrap_or(at_host);
            let starts = self.beat.time.sample_at(self.beat.time.tick_at(end) + bars);
            // A grid that follows somebody moves a little meanwhile: the line must not slip through.
            let slack = match self.guided {
                Some(_) => (0.5 * f64::from(TICKS_PER_QUARTER) / self.rate()) as u64,
                None => 0,
            };
            let lead = self.lead(at_host) + slack;
            self.begins_at = Some(starts.saturating_sub(lead).max(at_host));
        }
        self.leave(&piece, at_host, ending)
    }

    /// Tells the worker, and whoever plays it, where a piece ends.
    pub(super) fn leave(&mut self, piece: &Piece, at_host: u64, ending: Ending) -> Option<Next> {
        if piece.source == Source::Sound {
            return Some(self.leave_sound(piece, at_host, ending));
        }
        self.send(Cue::End {
            piece: piece.number,
            tick: piece.tick_after(at_host),
            ending,
        });
        None
    }

    /// Time between the asking for a piece and its earliest start.
    fn lead(&self, at_host: u64) -> u64 {
        match self.knobs.source {
            Source::Notes => self.lead_samples,
            Source::Sound => self.sound_lead(at_host),
        }
    }

    pub(super) fn begin(&mut self, at_host: u64) -> Option<Next> {
        self.begins_at = None;
        if let Some(end) = self.piece.as_ref().and_then(Piece::end) {
            self.begins_at = Some(end.max(at_host + 1)); // one that fades is heard out
            return None;
        }
        let grid = match self.knobs.quantise {
            Quantise::Now => None,
            Quantise::Beat => Some(f64::from(TICKS_PER_QUARTER)),
            Quantise::Bar => Some(self.beat.bar_ticks),
        };
        let earliest = at_host + self.lead(at_host);
        let (starts, tick) = match grid {
            None => (earliest, self.beat.time.tick_at(earliest)),
            Some(grid) => self.beat.next_line(earliest, grid),
        };
        self.pieces = self.pieces.wrapping_add(1);
        self.pending.clear();
        let bar_ticks = self.beat.bar_ticks.round() as u32;
        let bars = u32::from(self.knobs.bars);
        let by_seconds = self.bars_of_seconds();
        let bars = Some(bars).filter(|bars| *bars > 0);
        let bars = bars.into_iter().chain(by_seconds).min();
        let (fade, bars_to_cadence) = self.ends_well(self.knobs.source);
        self.harmony = Harmony::default();
        self.piece = Some(Piece {
            number: self.pieces,
            source: self.knobs.source,
            time: Metronome::new(starts, 0.0, self.rate()),
            asked_tick: 0,
            through_tick: 0,
            asked_sample: starts,
            end_tick: bars.map(|bars| bars * bar_ticks),
            end_sample: self.seconds_after(starts).filter(|_| by_seconds.is_none()),
            stopped: false,
            cut: false,
            fade,
            fades: false,
            bars_to_cadence,
        });
        let seed = self.knobs.seed.wrapping_add(self.exchanges);
        self.exchanges += 1;
        let place = self.place(starts, tick);
        match self.knobs.source {
            Source::Sound => Some(self.begin_sound(self.pieces, seed, place)),
            Source::Notes => {
                self.begin_notes(tick, seed, place);
                None
            }
        }
    }

    fn begin_notes(&mut self, tick: f64, seed: u64, place: TakePlace) {
        // A piece from nothing begins with its own bar.
        let phase = if self.knobs.follows_heard {
            self.beat.phase(tick)
        } else {
            0.0
        };
        let bar_ticks = self.beat.bar_ticks.round() as u32;
        self.send(Cue::Begin {
            piece: self.pieces,
            heard_origin: tick.round() as i64,
            follows_heard: self.knobs.follows_heard,
            start: PieceStart {
                seed,
                bar_ticks,
                bar_phase_ticks: (phase.round() as u32) % bar_ticks.max(1),
                style: self.knobs.style,
            },
            place,
        });
    }

    /// The sample at which a piece that starts at `starts` ends by its seconds.
    fn seconds_after(&self, starts: u64) -> Option<u64> {
        let samples = f64::from(self.knobs.seconds) * f64::from(self.rate_hz);
        (samples > 0.0).then(|| starts + samples.round() as u64)
    }

    /// Where a take lies that begins at a sample and a tick of the beat.
    fn place(&self, starts: u64, tick: f64) -> TakePlace {
        TakePlace {
            host_rate_hz: self.rate_hz,
            start_sample: starts,
            branch_sample: starts,
            position_quarters: self.beat.host_quarters(tick),
            tempo_bpm: self.tempo(starts).1,
        }
    }

    /// Ends the piece at a sample: what is held is let go there, what waits is forgotten.
    pub(super) fn end_at(&mut self, at_host: u64) {
        if let Some(piece) = self.piece.as_mut().filter(|piece| piece.fades) {
            piece.stopped = true; // the input comes back already
            return;
        }
        self.pending.clear();
        if let Some(piece) = &mut self.piece {
            piece.end_sample = piece.end().into_iter().chain([at_host]).min();
            (piece.stopped, piece.cut) = (true, true);
            (piece.fade, piece.bars_to_cadence) = (0, 0);
        }
    }
}
