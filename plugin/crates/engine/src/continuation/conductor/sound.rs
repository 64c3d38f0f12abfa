//! The conductor's part in sound: when it is asked for, how far the worker may hear, what the level of
//! the input does. Real-time safe.

use super::{Act, Conductor, Next, Piece};
use crate::continuation::conductor::gate::Turn;
use crate::continuation::sound::{
    COMPARED_MS, GAP_MS, LOOK_AHEAD_MS, PASSAGE_MS, SoundBegin, SoundCue, half_switch,
};
use crate::continuation::{Ending, Quantise, SoundStart, Source, TICKS_PER_QUARTER, TakePlace};
use crate::timeline::ms_to_samples;

/// What was missed in a rest is made up at least so many times faster than it would sound.
const REST_SPEED: u64 = 6;

impl Conductor {
    /// The lead of sound: the comparison and the gap after it, which holds two of the longest blocks,
    /// since a host in real time comes only once a block.
    pub(super) fn set_sound_host(&mut self, max_block_samples: u32) {
        self.sound_lead_samples = self.gap(max_block_samples) + self.ms(COMPARED_MS);
        self.sound_gap_samples = self.gap(max_block_samples);
    }

    fn gap(&self, max_block_samples: u32) -> u64 {
        let blocks = 2 * u64::from(max_block_samples) + self.ms(LOOK_AHEAD_MS);
        blocks.max(self.ms(GAP_MS))
    }

    fn ms(&self, ms: f32) -> u64 {
        u64::from(ms_to_samples(ms, self.rate_hz, 1))
    }

    /// Begins another timeline for what is heard.
    pub(super) fn restart_sound(&mut self) {
        self.gate = Default::default();
        self.horizon = 0;
        self.listening = self.listening.wrapping_add(1);
        self.ear.restart(self.listening);
        self.restarts = true;
        self.send_restart();
    }

    /// Tells the worker, as soon as there is room, that the timeline began again.
    pub(super) fn send_restart(&mut self) {
        if self.restarts {
            let restart = SoundCue::Restart {
                listening: self.listening,
                host_rate_hz: self.rate_hz,
            };
            self.restarts = self.sound_cues.push(restart).is_err();
        }
    }

    /// The lead of a piece of sound that is asked for at a sample. After a rest it has to be made from
    /// where the input was left.
    pub(super) fn sound_lead(&self, at_host: u64) -> u64 {
        let rest = self
            .rest_before()
            .map_or(0, |left| at_host - left.min(at_host));
        self.sound_lead_samples + rest / REST_SPEED
    }

    /// Where the input was left, if its rest begins pieces.
    fn rest_before(&self) -> Option<u64> {
        let follows = self.waits_for_rest() && self.knobs.follows_heard;
        self.gate.left().filter(|_| follows)
    }

    /// Whether sound is continued, or would be.
    pub(crate) fn continues_sound(&self) -> bool {
        let sounds = |piece: &Piece| piece.source == Source::Sound;
        self.knobs.source == Source::Sound || self.piece.as_ref().is_some_and(sounds)
    }

    /// Sends what was heard before a host sample; everything before it must have happened.
    pub(crate) fn send_heard(&mut self, until_host: u64) {
        self.send_restart();
        // Whatever is wished for next: where the input may already rest, a piece may branch.
        let waits = self.waits_for_rest() && self.piece.is_none() && self.begins_at.is_some();
        let held_back = if waits {
            self.gate.left()
        } else {
            self.gate.may_rest_from()
        };
        let horizon = held_back.unwrap_or(until_host).min(until_host);
        self.horizon = self.horizon.max(horizon);
        self.ear.send(self.horizon);
    }

    /// The newest level of the input, in decibels.
    pub(crate) fn input_db(&self) -> Option<f32> {
        self.gate.level_db()
    }

    /// Whether a rest of the input begins a piece.
    fn waits_for_rest(&self) -> bool {
        self.knobs.run && self.knobs.when_stopped && self.knobs.source == Source::Sound
    }

    /// The sample a quarter note after another.
    pub(super) fn quarter_after(&self, at_host: u64) -> u64 {
        let quarter = self.beat.time.tick_at(at_host) + f64::from(TICKS_PER_QUARTER);
        self.beat.time.sample_at(quarter)
    }

    /// Takes the oldest level of the input that was not taken.
    pub(super) fn hear_level(&mut self) {
        let Some(level) = self.ear.next_level() else {
            return;
        };
        let samples = self.ear.level_samples();
        match self.gate.follow(level, samples, self.knobs.gate_db) {
            Turn::None => {}
            Turn::CameIn { rested_since } => self.come_in(level.at_host, rested_since),
            Turn::Left { since } => {
                if self.waits_for_rest() && self.piece.is_none() {
                    self.begins_at = Some(self.quarter_after(since).max(level.at_host));
                }
            }
        }
    }

    fn come_in(&mut self, at_host: u64, rested_since: Option<u64>) {
        if self.waits_for_rest() {
            self.begins_at = None;
        }
        // A rest within a phrase is no end of it.
        let returns = rested_since.is_none_or(|since| self.quarter_after(since) <= at_host);
        let of_sound = self
            .piece
            .is_some_and(|piece| piece.source == Source::Sound);
        if of_sound && returns && self.knobs.until_played && self.piece_sounds(at_host) {
            self.end_at(at_host);
        }
    }

    /// Asks for a piece of sound that starts at a sample, and says so.
    pub(super) fn begin_sound(&mut self, number: u32, seed: u64, place: TakePlace) -> Next {
        let starts = place.start_sample;
        let follows_heard = self.knobs.follows_heard;
        // After a rest it goes on from where the input was left, as if it had played on since.
        let rest = self.rest_before();
        let branch = rest.unwrap_or(starts.saturating_sub(self.sound_lead_samples));
        let compared = follows_heard && rest.is_none();
        // Free time, where nobody named a tempo and no grid was wished for.
        let keeps_time = self.keeps_time() || self.knobs.quantise != Quantise::Now;
        let quarter_samples = if keeps_time {
            60.0 * f64::from(self.rate_hz) / place.tempo_bpm
        } else {
            0.0
        };
        let begin = SoundBegin {
            piece: number,
            place: TakePlace {
                branch_sample: branch.max(self.horizon),
                ..place
            },
            compare_until: compared.then(|| starts.saturating_sub(self.sound_gap_samples)),
            stream_from: starts.saturating_sub(half_switch(self.rate_hz)),
            start: SoundStart {
                seed,
                follows_heard,
                quarter_samples: quarter_samples as f32,
                style: self.knobs.style,
            },
        };
        self.send_sound(SoundCue::Begin(begin));
        self.ask_for_sound();
        Next::Starts {
            piece: number,
            starts,
        }
    }

    /// What a piece of sound does next.
    pub(super) fn next_of_sound(&self, piece: &Piece) -> Option<(u64, Act)> {
        let switch = 2 * half_switch(self.rate_hz);
        let end = piece.end().map(|end| (self.leaves(piece, end), Act::End));
        let fades = piece.end().filter(|_| piece.fade > 0 && !piece.fades);
        let fade = fades.map(|end| (end.saturating_sub(piece.fade), Act::Fade));
        let wanted = |end: u64| piece.asked_sample < end.saturating_add(switch);
        let asks = piece.end().is_none_or(wanted);
        let at = piece.asked_sample.saturating_sub(self.sound_lead_samples);
        let ask = asks.then_some((at, Act::Ask));
        end.into_iter().chain(fade).chain(ask).min()
    }

    /// Where the switch back begins: half of it lies before an end that is known in advance, and all of a
    /// fade.
    fn leaves(&self, piece: &Piece, end: u64) -> u64 {
        if piece.cut || piece.fade > 0 {
            end
        } else {
            end.saturating_sub(half_switch(self.rate_hz))
        }
    }

    pub(super) fn ask_for_sound(&mut self) {
        let passage = self.ms(PASSAGE_MS);
        let Some(mut piece) = self.piece else {
            return;
        };
        let style = self.style_at(piece.time.tick_at(piece.asked_sample).max(0.0));
        piece.asked_sample += passage;
        self.piece = Some(piece);
        let cue = SoundCue::Passage {
            piece: piece.number,
            until_host: piece.asked_sample,
            style,
        };
        self.send_sound(cue);
    }

    /// Says that a piece of sound is over.
    pub(super) fn leave_sound(&mut self, piece: &Piece, at_host: u64, ending: Ending) -> Next {
        let end = match ending {
            Ending::Reset => at_host,
            _ => piece.end().unwrap_or(at_host),
        };
        self.send_sound(SoundCue::End {
            piece: piece.number,
            at_host: end,
            ending,
        });
        Next::Leaves {
            piece: piece.number,
            from: at_host,
        }
    }

    fn send_sound(&mut self, cue: SoundCue) {
        if self.sound_cues.push(cue).is_ok() {
            self.sent = true;
        } else {
            self.dropped_cues += 1;
        }
    }
}
