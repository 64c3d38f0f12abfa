//! The audio thread's half of continuation: musical time, what is asked for and when, notes on their
//! sample. Real-time safe after construction.

mod cadence;
mod evolve;
mod gate;
mod notes;
mod piece;
mod sound;
mod tempo;
mod wishes;

use std::collections::VecDeque;

use rtrb::Producer;

use super::metronome::Beat;
use super::sound::{Ear, SoundCue};
use super::tempo::{Guide, TempoFrom};
use super::{ComposedNote, ConductorEnds, Cue, Ending, Reply, Source, Transport};
use crate::event::{Event, NoteMatch};
use crate::evolve::Turn;
use crate::monitor::MusicalTime;
use crate::touched;
use cadence::Harmony;
use evolve::Evolving;
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
    /// A piece of sound gives way to the input over so many samples.
    Fades { piece: u32, from: u64, samples: u64 },
    /// The switch back from a piece of sound begins, unless it fades.
    Leaves { piece: u32, from: u64 },
    /// The latent goes on through the prior, or back to its knobs.
    Evolves { at_host: u64, turn: Option<Turn> },
    /// Nothing any more.
    Nothing,
}

/// The order in which things on one sample happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Evolve,
    Frame,
    Level,
    Cadence,
    Fade,
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
    guide: Guide,
    /// Who guides the grid instead of host and tempo control, and at how many ticks a sample.
    guided: Option<(TempoFrom, f64)>,
    knobs: Knobs,
    piece: Option<Piece>,
    harmony: Harmony,
    evolving: Evolving,
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
            guide: Guide::new(48_000),
            guided: None,
            knobs: Knobs::default(),
            piece: None,
            harmony: Harmony::default(),
            evolving: Evolving::default(),
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
        self.guide.set_rate(rate_hz);
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
        self.guide.restart();
        self.guided = None;
        self.beat = Beat::new(self.rate());
        self.restart_evolving();
        if std::mem::take(&mut self.told) {
            self.send(Cue::Forget);
        }
        self.restart_sound();
        self.sent = false; // nobody waits for it
    }

    /// Takes what the host says of musical time at a block's first sample.
    pub(crate) fn set_transport(&mut self, at_host: u64, transport: &Transport) {
        self.transport = transport.finite();
        if self.host_runs() {
            self.guided = None;
        }
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
        let (from, tempo_bpm) = self.tempo(at_host);
        MusicalTime {
            piece_tick: piece.map(|piece| piece.time.tick_at(at_host).floor() as i64),
            bar_ticks: self.beat.bar_ticks.round() as u32,
            bar_tick: self.beat.phase(self.beat.time.tick_at(at_host)) as f32,
            tempo_bpm: tempo_bpm as f32,
            tempo_from: from,
            confidence: self.confidence(),
        }
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
                Act::Evolve => return self.evolve(at_host),
                Act::Frame => self.hear_frame(),
                Act::Level => self.hear_level(),
                Act::Cadence => self.find_cadence(),
                Act::Fade => {
                    if let Some(next) = self.fade(at_host) {
                        return next;
                    }
                }
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
        let frame = (self.guide.next_frame(), Act::Frame);
        let evolve = self.evolving.next.map(|at| (at, Act::Evolve));
        [frame]
            .into_iter()
            .chain(evolve)
            .chain(begins)
            .chain(level)
            .chain(piece)
            .min()
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
