//! The audio thread's half of continuation: musical time, what is asked for and when, notes on their
//! sample. Real-time safe after construction.

mod gate;
mod piece;
mod sound;
mod wishes;

use std::collections::VecDeque;

use rtrb::Producer;

use super::metronome::{Beat, ticks_per_sample};
use super::sound::{Ear, SoundCue};
use super::{
    ComposedNote, ConductorEnds, Cue, Ending, PASSAGE_TICKS, Reply, Source, TICKS_PER_QUARTER,
    Transport,
};
use crate::event::{Event, NoteMatch};
use crate::monitor::MusicalTime;
use crate::touched;
use gate::Gate;
use piece::{Knobs, Piece};

/// Time between the asking for a piece and its earliest first note, in milliseconds: long enough to
/// read some hundred tokens of what was heard into a net, at half a millisecond each, and to write
/// the first passage.
const START_LEAD_MS: f64 = 200.0;
/// Notes that wait for their sample.
const PENDING: usize = 1024;
/// Composed notes that are held at once; the oldest gives way.
const SOUNDING: usize = 64;
/// The MIDI channel that composed notes play on, so that they never end a player's note.
pub(crate) const COMPOSED_CHANNEL: u8 = 15;

/// A note that is held.
#[derive(Clone, Copy, Debug)]
struct Sounding {
    key: u8,
    off_tick: u32,
}

/// What happens next, before a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    /// A composed event on its host sample.
    Event { at_host: u64, event: Event },
    /// A piece of sound will start.
    Starts { piece: u32, starts: u64 },
    /// The switch back from a piece of sound begins.
    Leaves { piece: u32, from: u64 },
    /// Nothing any more.
    Nothing,
}

/// The order in which things on one sample happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Level,
    End,
    Off(usize),
    Begin,
    On,
    Ask,
}

/// The conductor of one instance.
pub(crate) struct Conductor {
    ends: ConductorEnds,
    sound_cues: Producer<SoundCue>,
    pub(crate) ear: Ear,
    gate: Gate,
    /// No piece of sound will branch before this sample: the worker may hear up to it.
    horizon: u64,
    /// Timelines so far: each reset begins another.
    listening: u32,
    restarts: bool,
    rate_hz: u32,
    lead_samples: u64,
    sound_lead_samples: u64,
    /// The part of it after the comparison.
    sound_gap_samples: u64,
    transport: Transport,
    beat: Beat,
    knobs: Knobs,
    piece: Option<Piece>,
    pieces: u32,
    /// The sample at which the next piece is wished for, without the player's doing.
    begins_at: Option<u64>,
    /// Pieces since it was run: each has a seed of its own.
    exchanges: u64,
    /// Keys that the player holds, a bit each.
    held: u128,
    pending: VecDeque<ComposedNote>,
    sounding: [Option<Sounding>; SOUNDING],
    /// Everything before this host sample has happened.
    passed: u64,
    /// The worker remembers something of what was heard.
    told: bool,
    sent: bool,
    /// Notes that came too late, and cues that found no room, since they were last asked for.
    late_notes: u64,
    dropped_cues: u64,
}

impl Conductor {
    /// A conductor that nobody answers yet. Allocates.
    pub(crate) fn new(ends: ConductorEnds, sound_cues: Producer<SoundCue>, ear: Ear) -> Self {
        let rest = || ComposedNote {
            tick: 0,
            duration_ticks: 0,
            key: 0,
            velocity: 0.0,
        };
        Self {
            ends,
            sound_cues,
            ear,
            gate: Gate::default(),
            horizon: 0,
            listening: 0,
            restarts: false,
            rate_hz: 48_000,
            lead_samples: 0,
            sound_lead_samples: 0,
            sound_gap_samples: 0,
            transport: Transport::default(),
            beat: Beat::new(1.0),
            knobs: Knobs::default(),
            piece: None,
            pieces: 0,
            begins_at: None,
            exchanges: 0,
            held: 0,
            pending: touched::queue(PENDING, rest),
            sounding: [None; SOUNDING],
            passed: 0,
            told: false,
            sent: false,
            late_notes: 0,
            dropped_cues: 0,
        }
    }

    /// Takes other ends; what was on its way is lost, so reset afterwards. Not real-time safe.
    pub(crate) fn connect(&mut self, ends: ConductorEnds, sound_cues: Producer<SoundCue>) {
        (self.ends, self.sound_cues) = (ends, sound_cues);
        self.told = false;
    }

    /// Takes the host's rate and its longest block, within which no piece may begin.
    pub(crate) fn set_host(&mut self, rate_hz: u32, max_block_samples: u32) {
        self.rate_hz = rate_hz;
        let lead = (START_LEAD_MS * f64::from(rate_hz) / 1000.0).ceil() as u64;
        self.lead_samples = lead.max(u64::from(max_block_samples));
        self.set_sound_host(max_block_samples);
    }

    /// Forgets piece, notes and time; controls stay, but a piece begins only when it is run anew.
    pub(crate) fn reset(&mut self) {
        if let Some(piece) = self.piece.take() {
            self.leave(&piece, self.passed, Ending::Reset);
        }
        (self.begins_at, self.held) = (None, 0);
        self.pending.clear();
        self.sounding = [None; SOUNDING];
        self.knobs.run = false;
        self.passed = 0;
        self.transport = Transport::default();
        self.beat = Beat::new(self.rate());
        if std::mem::take(&mut self.told) {
            self.send(Cue::Forget);
        }
        self.restart_sound();
        self.sent = false; // nobody waits for it
    }

    fn rate(&self) -> f64 {
        let own = f64::from(self.knobs.tempo_bpm);
        ticks_per_sample(self.transport.tempo_bpm.unwrap_or(own), self.rate_hz)
    }

    /// Takes what the host says of musical time at a block's first sample.
    pub(crate) fn set_transport(&mut self, at_host: u64, transport: &Transport) {
        self.transport = transport.finite();
        self.keep_time(at_host);
    }

    fn keep_time(&mut self, at_host: u64) {
        let rate = self.rate();
        let transport = self.transport;
        self.beat.follow(at_host, &transport, rate);
        if let Some(piece) = &mut self.piece {
            piece.time.set_rate(at_host, rate);
        }
    }

    /// Whether a control of the plugin's own voices should follow the composed notes.
    pub(crate) fn sounds(&self) -> bool {
        self.knobs.sounds
    }

    /// Whether a piece runs.
    pub(crate) fn is_running(&self) -> bool {
        self.piece.is_some()
    }

    /// Where it stands at a host sample, for the window.
    pub(crate) fn musical_time(&self, at_host: u64) -> MusicalTime {
        let piece = self.piece.as_ref();
        MusicalTime {
            piece_tick: piece.map(|piece| piece.time.tick_at(at_host).floor() as i64),
            bar_ticks: self.beat.bar_ticks.round() as u32,
            tempo_bpm: self.tempo_bpm() as f32,
        }
    }

    fn tempo_bpm(&self) -> f64 {
        self.rate() / ticks_per_sample(60.0, self.rate_hz) * 60.0
    }

    /// Whether cues were sent since this was last asked.
    pub(crate) fn take_sent(&mut self) -> bool {
        std::mem::take(&mut self.sent)
    }

    /// Late notes and lost cues since this was last asked.
    pub(crate) fn take_faults(&mut self) -> (u64, u64) {
        (
            std::mem::take(&mut self.late_notes),
            std::mem::take(&mut self.dropped_cues),
        )
    }

    /// Takes what the worker sent, as far as there is room for it.
    pub(crate) fn take_replies(&mut self) {
        while self.pending.len() < PENDING {
            let Ok(reply) = self.ends.replies.pop() else {
                break;
            };
            let Some(piece) = &mut self.piece else {
                continue;
            };
            match reply {
                Reply::Note { piece: of, note } if of == piece.number => {
                    self.pending.push_back(note);
                }
                Reply::Through { piece: of, tick } if of == piece.number => {
                    piece.through_tick = tick;
                }
                Reply::Note { .. } | Reply::Through { .. } => {}
            }
        }
    }

    /// Whether all that was asked for and begins before a host sample is there.
    pub(crate) fn is_ready(&mut self, until_host: u64) -> bool {
        self.take_replies();
        let notes = |piece: &&Piece| piece.source == Source::Notes;
        self.piece.as_ref().filter(notes).is_none_or(|piece| {
            let needed = piece.time.tick_at(until_host).ceil().max(0.0) as u32;
            piece.through_tick >= needed.min(piece.asked_tick)
        })
    }

    /// The next thing that composed music does before `until_host`. Call until there is nothing.
    pub(crate) fn next_before(&mut self, until_host: u64) -> Next {
        self.take_replies();
        while let Some((at_host, act)) = self.next_act() {
            if at_host >= until_host {
                break;
            }
            let at_host = at_host.max(self.passed);
            match act {
                Act::Off(slot) => {
                    if let Some(sounding) = self.sounding[slot].take() {
                        return Next::Event {
                            at_host,
                            event: off(sounding.key),
                        };
                    }
                }
                Act::Level => self.hear_level(),
                Act::End => {
                    if let Some(next) = self.finish(at_host) {
                        return next;
                    }
                }
                Act::Begin => {
                    if let Some(next) = self.begin(at_host) {
                        return next;
                    }
                }
                Act::Ask => self.ask(),
                Act::On => {
                    if let Some(event) = self.strike() {
                        return Next::Event { at_host, event };
                    }
                }
            }
        }
        self.passed = self.passed.max(until_host);
        Next::Nothing
    }

    fn next_act(&self) -> Option<(u64, Act)> {
        let begins = self.begins_at.map(|at| (at, Act::Begin));
        let level = self.ear.first_level().map(|at| (at, Act::Level));
        let piece = self.piece.as_ref().and_then(|piece| match piece.source {
            Source::Notes => self.next_of_notes(piece),
            Source::Sound => self.next_of_sound(piece),
        });
        begins.into_iter().chain(level).chain(piece).min()
    }

    fn next_of_notes(&self, piece: &Piece) -> Option<(u64, Act)> {
        let end = piece.end();
        let off = (0..SOUNDING).filter_map(|slot| {
            let let_go = piece.at(self.sounding[slot]?.off_tick);
            Some((let_go.min(end.unwrap_or(u64::MAX)), Act::Off(slot)))
        });
        // Held notes are let go before the piece is over, although both are on one sample.
        let silent = self.sounding.iter().all(Option::is_none);
        let end = end.filter(|_| silent).map(|end| (end, Act::End));
        let on = self
            .pending
            .front()
            .map(|note| (piece.at(note.tick), Act::On))
            .filter(|(sample, _)| piece.ends_after(*sample));
        let wanted = piece.ends_after(piece.at(piece.asked_tick));
        let ask = wanted.then(|| (self.asking_sample(piece), Act::Ask));
        off.chain(end).chain(on).chain(ask).min()
    }

    /// A passage is asked for a quarter note before it begins, or a lead where that is longer.
    fn asking_sample(&self, piece: &Piece) -> u64 {
        let begins = piece.at(piece.asked_tick);
        let quarter = piece
            .time
            .sample_at(f64::from(piece.asked_tick) - f64::from(TICKS_PER_QUARTER));
        quarter.min(begins.saturating_sub(self.lead_samples))
    }

    fn ask(&mut self) {
        let Some(mut piece) = self.piece else {
            return;
        };
        if piece.source == Source::Sound {
            return self.ask_for_sound();
        }
        piece.asked_tick += PASSAGE_TICKS;
        self.piece = Some(piece);
        self.send(Cue::Passage {
            piece: piece.number,
            until_tick: piece.asked_tick,
            style: self.knobs.style,
        });
    }

    /// Starts the first note that waits, once an older one of its key was let go; a note that is too
    /// late is counted and left out.
    fn strike(&mut self) -> Option<Event> {
        let note = *self.pending.front()?;
        let piece = self.piece.as_ref()?;
        if piece.at(note.tick) < self.passed {
            self.late_notes += 1;
            self.pending.pop_front();
            return None;
        }
        // Two notes on one key have one note-off in MIDI: the older gives way first.
        if let Some(older) = self.to_let_go(note.key) {
            return self.sounding[older].take().map(|s| off(s.key));
        }
        self.pending.pop_front();
        let off_tick = note.tick.saturating_add(note.duration_ticks.max(1));
        let free = self.sounding.iter_mut().find(|slot| slot.is_none())?;
        *free = Some(Sounding {
            key: note.key,
            off_tick,
        });
        Some(Event::NoteOn {
            key: note.key,
            channel: COMPOSED_CHANNEL,
            note_id: None,
            velocity: note.velocity.clamp(0.01, 1.0),
        })
    }

    /// The slot that a new note of `key` needs: the key's own, or one when none is free.
    fn to_let_go(&self, key: u8) -> Option<usize> {
        let same = |slot: &Option<Sounding>| slot.is_some_and(|sounding| sounding.key == key);
        let own = self.sounding.iter().position(same);
        own.or_else(|| self.sounding.iter().all(Option::is_some).then_some(0))
    }

    fn send(&mut self, cue: Cue) {
        if self.ends.cues.push(cue).is_ok() {
            self.sent = true;
        } else {
            self.dropped_cues += 1;
        }
    }
}

fn off(key: u8) -> Event {
    Event::NoteOff(NoteMatch::key(key, COMPOSED_CHANNEL))
}
