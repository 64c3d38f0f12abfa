//! Events in the order of their samples, and the request head that follows them.
//!
//! Audio thread; real-time safe. However many events a block brings, each costs a bounded time.

use std::ops::Range;

use super::Processor;
use crate::continuation::{COMPOSED_CHANNEL, ContinuationChange, InputWhilePlaying, Next};
use crate::desk::Desk;
use crate::event::{ControlChange, Event, NoteMatch, TimedEvent};
use crate::monitor::count;
use crate::program::Program;
use crate::request::{NewNote, RequestHead, Tally};

/// Cuts a block into pieces of the length that was announced, with the events of each.
pub(super) struct Pieces<'a> {
    events: &'a [TimedEvent],
    length: usize,
    piece: usize,
    begins: usize,
    /// Offsets do not go back: the largest so far.
    reached: usize,
    finished: bool,
}

/// The events of one piece: offsets are from the start of the block.
pub(super) struct PieceEvents<'a> {
    events: &'a [TimedEvent],
    begins: usize,
    length: usize,
    reached: usize,
}

/// The offset that counts: within the block, not before that of the event before.
fn clamped(event: &TimedEvent, reached: usize, length: usize) -> usize {
    (event.offset_samples as usize)
        .min(length.saturating_sub(1))
        .max(reached)
}

impl<'a> Pieces<'a> {
    pub(super) fn new(events: &'a [TimedEvent], length: usize, piece: usize) -> Self {
        Self {
            events,
            length,
            piece: piece.max(1),
            begins: 0,
            reached: 0,
            finished: false,
        }
    }

    /// The samples of the next piece and its events. A block without samples is one empty piece.
    pub(super) fn next_piece(&mut self) -> Option<(Range<usize>, PieceEvents<'a>)> {
        if self.finished {
            return None;
        }
        let begins = self.begins;
        let ends = (begins + self.piece).min(self.length);
        self.finished = ends == self.length;
        let mut count = 0;
        let mut reached = self.reached;
        for event in self.events {
            let offset = clamped(event, reached, self.length);
            if offset >= ends && !self.finished {
                break;
            }
            reached = offset;
            count += 1;
        }
        let (now, later) = self.events.split_at(count);
        let piece = PieceEvents {
            events: now,
            begins,
            length: self.length,
            reached: self.reached,
        };
        (self.events, self.begins, self.reached) = (later, ends, reached);
        Some((begins..ends, piece))
    }
}

impl Processor {
    /// Lets the request heads read the events of a piece of `length` samples, and pass its end.
    pub(super) fn request(&mut self, length: usize, piece: PieceEvents<'_>, tally: &mut Tally) {
        let mut reached = piece.reached;
        for event in piece.events {
            reached = clamped(event, reached, piece.length);
            let at_host = self.position_host + (reached - piece.begins.min(reached)) as u64;
            self.play_composed(at_host, tally);
            self.conductor.hear(at_host, &event.event);
            self.handle(&event.event, at_host, tally);
        }
        let ends = self.position_host + length as u64;
        self.play_composed(ends, tally);
        self.advance(ends, tally);
        if let Some(outgoing) = &mut self.outgoing {
            outgoing
                .program
                .at(ends, &self.controls, tally, |_, _, _| {});
        }
    }

    /// Plays what the composer wrote before a host sample, and asks it, or the continuer, for more.
    fn play_composed(&mut self, until_host: u64, tally: &mut Tally) {
        loop {
            match self.conductor.next_before(until_host) {
                Next::Nothing => return,
                Next::Event { at_host, event } => {
                    // A note that already sounds must end, whatever was switched off meanwhile.
                    if self.conductor.sounds() || matches!(event, Event::NoteOff(_)) {
                        self.handle(&event, at_host, tally);
                    }
                    self.give_out(at_host, event);
                }
                Next::Evolves { at_host, turn } => {
                    self.advance(at_host, tally);
                    self.controls.evolve(turn);
                }
                Next::Starts { piece, starts } => {
                    let refused = self.player.begin(piece, starts);
                    count(&self.monitor.counters.dropped_cues, u64::from(refused));
                }
                Next::Fades {
                    piece,
                    from,
                    samples,
                } => self.player.fade(piece, from, samples),
                Next::Leaves { piece, from } => self.player.end(piece, from),
            }
        }
    }

    /// Sends a composed event on its way to the host: it leaves when it sounds.
    fn give_out(&mut self, at_host: u64, event: Event) {
        const HOST_CHANNEL: u8 = 0;
        let event = match event {
            Event::NoteOn {
                key,
                channel: COMPOSED_CHANNEL,
                note_id,
                velocity,
            } => Event::NoteOn {
                key,
                channel: HOST_CHANNEL,
                note_id,
                velocity,
            },
            Event::NoteOff(NoteMatch { key: Some(key), .. }) => {
                Event::NoteOff(NoteMatch::key(key, HOST_CHANNEL))
            }
            other => other,
        };
        let sounds_at = at_host + u64::from(self.latency().reported_samples);
        if self.leaving.len() < self.leaving.capacity() {
            self.leaving.push_back((sounds_at, event));
        } else {
            count(&self.monitor.counters.dropped_cues, 1);
        }
    }

    /// Forgets the events on their way out, but what the host holds is let go with the next block.
    pub(super) fn let_go_given(&mut self) {
        const HOST_CHANNEL: u8 = 0;
        self.leaving.clear();
        let given = self.given;
        for key in (0..128).filter(|key| given >> key & 1 == 1) {
            let off = Event::NoteOff(NoteMatch::key(key, HOST_CHANNEL));
            self.leaving.push_back((0, off));
        }
    }

    /// Lists the composed events that leave in the block that has just been rendered.
    pub(super) fn let_out(&mut self, block_begins: u64) {
        while let Some((at, event)) = self.leaving.front().copied() {
            if at >= self.position_host || self.composed.len() == self.composed.capacity() {
                break;
            }
            let offset = at.saturating_sub(block_begins) as u32;
            match event {
                Event::NoteOn { key, .. } => self.given |= 1 << key,
                Event::NoteOff(NoteMatch { key: Some(key), .. }) => self.given &= !(1 << key),
                _ => {}
            }
            self.composed.push(TimedEvent::new(offset, event));
            self.leaving.pop_front();
        }
    }

    /// Waits, offline, for the passages that the next samples need. Does nothing live.
    pub(super) fn wait_for_passages(&mut self, samples: u64) {
        let until_host = self.position_host + samples;
        let Self {
            conductor,
            rendering,
            worker,
            monitor,
            ..
        } = self;
        rendering.wait_for(|| conductor.is_ready(until_host), worker.as_ref(), monitor);
    }

    /// Lets the request head pass a host sample.
    fn advance(&mut self, until_host: u64, tally: &mut Tally) {
        self.head(until_host, tally, |_, _, _| {});
    }

    /// Lets the request head act at a host sample, if there is one.
    fn head(
        &mut self,
        at_host: u64,
        tally: &mut Tally,
        act: impl FnOnce(&mut RequestHead, u64, &mut Desk<'_>),
    ) {
        if let Some(program) = &mut self.program {
            program.at(at_host, &self.controls, tally, act);
        }
    }

    fn handle(&mut self, event: &Event, at: u64, tally: &mut Tally) {
        match *event {
            Event::Control(change) => self.control(change, at, tally),
            Event::PitchBend { channel, bend } => {
                self.advance(at, tally);
                self.controls.set_bend(channel, bend);
            }
            Event::ModWheel { position } => {
                self.advance(at, tally);
                self.controls.set_mod_wheel(position);
            }
            Event::Sustain { channel, down } => self.sustain(channel.min(15), down, at, tally),
            Event::NoteOn { .. } => self.note_on(event, at, tally),
            Event::NoteOff(notes) => {
                self.head(at, tally, |head, at, desk| head.note_off(at, notes, desk));
            }
            Event::Choke(notes) => {
                self.head(at, tally, |head, at, desk| head.choke(at, notes, desk));
            }
            Event::Pressure { notes, pressure } => {
                self.head(at, tally, |head, _, _| head.press(notes, pressure));
            }
            Event::AllNotesOff => {
                self.advance(at, tally);
                self.controls.lift_pedals();
                self.head(at, tally, |head, at, desk| head.all_notes_off(at, desk));
            }
        }
    }

    fn note_on(&mut self, event: &Event, at: u64, tally: &mut Tally) {
        let Event::NoteOn {
            key,
            channel,
            note_id,
            velocity,
        } = *event
        else {
            return;
        };
        let (key, channel) = (key.min(127), channel.min(15));
        if velocity == 0.0 {
            let notes = NoteMatch::key(key, channel);
            return self.head(at, tally, |head, at, desk| head.note_off(at, notes, desk));
        }
        let note = NewNote {
            key,
            channel,
            note_id,
            velocity,
            ordinal: self.next_ordinal(),
        };
        self.advance(at, tally);
        self.wait_for_attack(key, at);
        self.head(at, tally, |head, at, desk| head.note_on(at, note, desk));
    }

    /// Waits, offline, for the attack that a note opens with. Does nothing live.
    fn wait_for_attack(&mut self, key: u8, at_host: u64) {
        let Self {
            program: Some(program),
            rendering,
            worker,
            monitor,
            ..
        } = self
        else {
            return;
        };
        rendering.wait_for(
            || program.is_ready_for(key, at_host),
            worker.as_ref(),
            monitor,
        );
    }

    fn next_ordinal(&mut self) -> u32 {
        let ordinal = self.notes_started;
        self.notes_started = ordinal.wrapping_add(1);
        ordinal
    }

    fn sustain(&mut self, channel: u8, down: bool, at: u64, tally: &mut Tally) {
        self.advance(at, tally);
        self.controls.sustain[usize::from(channel)] = down;
        if !down {
            self.head(at, tally, |head, at, desk| head.pedal_up(at, channel, desk));
        }
    }

    fn control(&mut self, change: ControlChange, at_host: u64, tally: &mut Tally) {
        // What is held back after the output's own stage moves with it.
        let sounds_at = at_host + u64::from(self.own_latency().reported_samples);
        let merged = match change {
            ControlChange::Transform(change) => self.transforming.change(at_host, change),
            ControlChange::Continuation(ContinuationChange::InputWhilePlaying(input)) => {
                let muted = input == InputWhilePlaying::Muted;
                self.player.mute_input_at(at_host, muted)
            }
            ControlChange::Continuation(change) => {
                self.conductor.change(at_host, change);
                false
            }
            ControlChange::Evolve(evolve) => {
                self.advance(at_host, tally);
                self.controls.change(change);
                self.conductor.evolve_change(at_host, evolve);
                false
            }
            ControlChange::GainDb(gain_db) => self.output.gain_at(sounds_at, gain_db),
            ControlChange::Width(width) => self.output.width_at(sounds_at, width),
            _ => {
                self.advance(at_host, tally);
                self.controls.change(change);
                false
            }
        };
        count(&self.monitor.counters.merged_controls, u64::from(merged));
    }

    /// Strikes what was held under the old program again under the new one.
    pub(super) fn strike_held_notes(&mut self, old: &Program) {
        let mut tally = Tally::default();
        let at_host = self.position_host;
        for held in old.head().held_notes() {
            let note = NewNote {
                ordinal: self.next_ordinal(),
                ..held.note
            };
            self.head(at_host, &mut tally, |head, at, desk| {
                head.note_on(at, note, desk);
                if held.by_pedal {
                    head.note_off(at, NoteMatch::key(note.key, note.channel), desk);
                }
            });
        }
    }
}
