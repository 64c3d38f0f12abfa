//! The request head: notes in the order of the timeline, and a request for each frame they need.
//!
//! Audio thread. It runs at the host's block, one latency ahead of what is heard. Which slot a note
//! takes, when it is stolen and when it ends follow from the events alone: nothing here looks at
//! what has arrived or what was played, but to stop asking for what cannot be heard.

use crate::attack::attack_draw;
use crate::contract::FrameRequest;
use crate::desk::Desk;
use crate::envelope::cut_fade_samples;
use crate::event::NoteMatch;
use crate::play::NoteClock;
use crate::spec::Hit;
use crate::voice::note::{NEVER, Note};
use afterimage_spectral::counter_rng::{Purpose, Stream};

/// Notes that sound at once, released ones included.
pub(crate) const SOUNDING_VOICES: usize = 16;
/// Slots: as many again for stolen voices to fade in.
pub(crate) const SLOTS: usize = 2 * SOUNDING_VOICES;

/// Keys a note's phases, noise and width.
const NOTE: Purpose = Purpose(65);

/// What holds a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Key,
    Pedal,
    Nothing,
}

/// A note that may still need frames.
#[derive(Clone, Copy, Debug)]
struct Requesting {
    ordinal: u32,
    key: u8,
    channel: u8,
    note_id: Option<i32>,
    velocity: f32,
    pressure: f32,
    hold: Hold,
    /// What the key plays, where keys choose hits.
    hit: Option<Hit>,
    /// Sample of the event, at which the first frames' controls are read.
    asked: u64,
    /// First sample on the output's timeline.
    on: u64,
    off: u64,
    cut: bool,
    /// Frames for hops that begin from here on are not asked for.
    asks_until: u64,
    /// From here on the slot is free.
    end: u64,
    first_frame: u32,
    /// The last frame whose controls are read with the event.
    last_at_once: u32,
    /// From reading a frame's controls to the sample where it is due.
    lead: u64,
    /// From an event that ends the note to the sample where it counts: what sounds may be ahead of
    /// the host.
    delay: u64,
    next_frame: u32,
    clock: NoteClock,
}

/// A note that the host starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NewNote {
    pub(crate) key: u8,
    pub(crate) channel: u8,
    pub(crate) note_id: Option<i32>,
    pub(crate) velocity: f32,
    /// Ordinal since reset.
    pub(crate) ordinal: u32,
}

/// A note that goes on when another program takes over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HeldNote {
    pub(crate) note: NewNote,
    /// Its key is up already.
    pub(crate) by_pedal: bool,
}

/// What the request head counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u32,
    pub(crate) dropped_requests: u32,
    pub(crate) dropped_notes: u32,
    pub(crate) stolen_voices: u32,
    pub(crate) cold_attacks: u32,
}

/// The request half of all slots.
pub(crate) struct RequestHead {
    slots: [Option<Requesting>; SLOTS],
    /// When each slot was last free: the longest free slot is taken first.
    free_since: [u64; SLOTS],
}

impl RequestHead {
    pub(crate) fn new() -> Self {
        Self {
            slots: [None; SLOTS],
            free_since: [0; SLOTS],
        }
    }

    /// Notes that a key or a pedal holds now, oldest first.
    pub(crate) fn held_notes(&self) -> impl Iterator<Item = HeldNote> {
        let mut held = [None; SLOTS];
        for (place, slot) in held.iter_mut().zip(&self.slots) {
            *place = slot
                .as_ref()
                .filter(|slot| slot.hold != Hold::Nothing)
                .map(|slot| HeldNote {
                    note: NewNote {
                        key: slot.key,
                        channel: slot.channel,
                        note_id: slot.note_id,
                        velocity: slot.velocity,
                        ordinal: slot.ordinal,
                    },
                    by_pedal: slot.hold == Hold::Pedal,
                });
        }
        held.sort_unstable_by_key(|held| held.map(|held| held.note.ordinal));
        held.into_iter().flatten()
    }

    /// Emits every request whose controls are read before `until`, in the order of the timeline.
    pub(crate) fn advance(&mut self, until: u64, desk: &mut Desk<'_>) {
        let hop = desk.spec.stft.hop() as u64;
        if let Some(shelf) = &mut desk.shelf {
            while shelf.due_tick(until).is_some() {
                let conditions = desk.controls.conditions_ahead(desk.spec);
                let transpose = desk.controls.pitch(0, 0);
                let play = desk.controls.play;
                shelf.pass_tick(conditions, transpose, play, desk.controls.seed);
            }
        }
        self.forget_quiet_notes(desk);
        while let Some(slot) = self.earliest(until, hop) {
            self.emit(slot, hop, desk);
        }
    }

    /// Notes that fell silent ask for nothing more: not now, nor when the voice has forgotten them.
    fn forget_quiet_notes(&mut self, desk: &Desk<'_>) {
        for (slot, voice) in self.slots.iter_mut().zip(desk.voices.iter()) {
            if let Some(slot) = slot.as_mut()
                && voice.quiet_note() == Some(slot.ordinal)
            {
                slot.asks_until = 0;
            }
        }
    }

    fn earliest(&self, until: u64, hop: u64) -> Option<usize> {
        let latches = self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let slot = slot.as_ref()?;
            let latch = slot.latch(hop);
            let asks = latch < until.min(slot.end).min(slot.asks_until);
            asks.then_some((latch, index))
        });
        latches.min().map(|(_, index)| index)
    }

    fn emit(&mut self, index: usize, hop: u64, desk: &mut Desk<'_>) {
        let Some(slot) = self.slots[index].as_mut() else {
            return;
        };
        let latch = slot.latch(hop);
        let rate = f64::from(desk.spec.sample_rate_hz);
        let centre = slot.on + u64::from(slot.next_frame) * hop;
        let elapsed_s = ((centre - slot.on) as f64 / rate) as f32;
        let mut conditions =
            desk.controls
                .conditions_of(desk.spec, slot.ordinal, slot.pressure, elapsed_s);
        if let Some(hit) = slot.hit {
            conditions.class[0] = hit.label;
        }
        let request = FrameRequest {
            epoch: desk.epoch,
            voice: index as u16,
            note: slot.ordinal,
            frame_index: slot.next_frame,
            due_sample: latch + slot.lead,
            pitch: desk.controls.pitch(slot.key, slot.channel),
            velocity: slot.velocity,
            time_on_s: slot.clock.tick(&desk.controls.play, hop, rate),
            time_off_s: if slot.off <= latch + slot.delay {
                ((centre - slot.off) as f64 / rate) as f32
            } else {
                -1.0
            },
            conditions,
            seed: desk.controls.seed,
            draw: match desk.shelf {
                // As the attack had it that was made ahead of the note.
                Some(_) => attack_draw(slot.key),
                None => slot.ordinal,
            },
        };
        slot.next_frame += 1;
        match desk.link.requests.push(request) {
            Ok(()) => desk.tally.requests += 1,
            Err(_) => desk.tally.dropped_requests += 1,
        }
    }

    /// Starts a note at a model sample. Without a free slot it is dropped and counted.
    pub(crate) fn note_on(&mut self, at: u64, new: NewNote, desk: &mut Desk<'_>) {
        if !desk.spec.play.plays(new.key) {
            return;
        }
        self.free_ended(at);
        let hit = desk.spec.play.hit(new.key);
        match hit {
            // A hit rings on under the next of its key, unless its group says otherwise.
            Some((hit, _)) => self.choke_group(at, hit.choke_group, desk),
            None => self.release_where(at, desk, |slot| {
                slot.hold != Hold::Nothing && slot.key == new.key && slot.channel == new.channel
            }),
        }
        if self.slots.iter().flatten().filter(|slot| !slot.cut).count() >= SOUNDING_VOICES {
            self.steal(at, desk);
        }
        let free = (0..SLOTS)
            .filter(|&index| self.slots[index].is_none() && desk.voices[index].takes_note());
        let Some(index) = free.min_by_key(|&index| (self.free_since[index], index)) else {
            desk.tally.dropped_notes += 1;
            return;
        };
        let velocity = if new.velocity.is_finite() {
            new.velocity.clamp(0.0, 1.0)
        } else {
            1.0
        };
        let mut note = Note {
            ordinal: new.ordinal,
            on: at,
            live_from: at,
            blend: 0,
            first_frame: 0,
            off: NEVER,
            release: 1,
            cut: NEVER,
            cut_fade: cut_fade_samples(desk.spec.sample_rate_hz),
            envelope: desk.controls.envelope.held(desk.spec.sample_rate_hz),
            gain: velocity_gain(velocity, desk.spec.velocity_range_db),
            seed: Stream::new(desk.controls.seed, NOTE, u64::from(new.ordinal), 0).u64_at(0),
        };
        let opened = desk.open(index, &mut note, new.key, velocity);
        let (hop, rate) = (
            desk.spec.stft.hop() as u64,
            f64::from(desk.spec.sample_rate_hz),
        );
        let clock = NoteClock::start(&desk.controls.play, note.first_frame, hop, rate);
        self.slots[index] = Some(Requesting {
            ordinal: new.ordinal,
            key: new.key,
            channel: new.channel,
            note_id: new.note_id,
            velocity,
            pressure: 0.0,
            hold: Hold::Key,
            hit: hit.map(|(hit, _)| hit),
            asked: at,
            on: note.on,
            off: NEVER,
            cut: false,
            asks_until: if opened.asks { NEVER } else { 0 },
            end: NEVER,
            first_frame: note.first_frame,
            last_at_once: opened.last_at_once,
            lead: opened.lead,
            delay: opened.delay,
            next_frame: note.first_frame,
            clock,
        });
        desk.voices[index].notes.push_back(note);
        if let Some((_, frames)) = hit {
            self.let_ring(index, frames, desk);
        }
    }

    /// Lets go of a hit at once: it ends by itself after so many frames.
    fn let_ring(&mut self, index: usize, frames: u32, desk: &mut Desk<'_>) {
        let Some(slot) = self.slots[index].as_mut() else {
            return;
        };
        let hop = desk.spec.stft.hop() as u64;
        let off = slot.on + u64::from(frames) * hop;
        let release = hop as u32;
        (slot.hold, slot.off) = (Hold::Nothing, off);
        let end = desk.change_note(index, |note| (note.off, note.release) = (off, release));
        slot.end = end.unwrap_or(off);
    }

    /// Ends the hits of a group.
    fn choke_group(&mut self, at: u64, group: u8, desk: &mut Desk<'_>) {
        for index in 0..SLOTS {
            let member = self.slots[index].is_some_and(|slot| {
                !slot.cut && slot.hit.is_some_and(|hit| hit.choke_group == group)
            });
            if group != 0 && member {
                self.cut(at, index, desk);
            }
        }
    }

    /// Lets go of the keys of matching notes; the pedal may hold them.
    pub(crate) fn note_off(&mut self, at: u64, notes: NoteMatch, desk: &mut Desk<'_>) {
        for slot in self.slots.iter_mut().flatten() {
            let pedal_down = desk.controls.sustain[usize::from(slot.channel)];
            if slot.hold == Hold::Key && slot.is(notes) && pedal_down {
                slot.hold = Hold::Pedal;
            }
        }
        self.release_where(at, desk, |slot| slot.hold == Hold::Key && slot.is(notes));
    }

    /// The pedal of a channel comes up.
    pub(crate) fn pedal_up(&mut self, at: u64, channel: u8, desk: &mut Desk<'_>) {
        self.release_where(at, desk, |slot| {
            slot.hold == Hold::Pedal && slot.channel == channel
        });
    }

    /// Releases everything.
    pub(crate) fn all_notes_off(&mut self, at: u64, desk: &mut Desk<'_>) {
        self.release_where(at, desk, |slot| slot.hold != Hold::Nothing);
    }

    /// Cuts matching notes with a short fade.
    pub(crate) fn choke(&mut self, at: u64, notes: NoteMatch, desk: &mut Desk<'_>) {
        self.free_ended(at);
        for index in 0..SLOTS {
            if self.slots[index].is_some_and(|slot| !slot.cut && slot.is(notes)) {
                self.cut(at, index, desk);
            }
        }
    }

    /// Presses matching notes.
    pub(crate) fn press(&mut self, notes: NoteMatch, pressure: f32) {
        let pressure = if pressure.is_finite() {
            pressure.clamp(0.0, 1.0)
        } else {
            0.0
        };
        for slot in self
            .slots
            .iter_mut()
            .flatten()
            .filter(|slot| slot.is(notes))
        {
            slot.pressure = pressure;
        }
    }

    fn free_ended(&mut self, at: u64) {
        for (slot, free_since) in self.slots.iter_mut().zip(&mut self.free_since) {
            if let Some(ended) = slot.filter(|slot| slot.end <= at) {
                *free_since = ended.end;
                *slot = None;
            }
        }
    }

    fn release_where(
        &mut self,
        at: u64,
        desk: &mut Desk<'_>,
        wanted: impl Fn(&Requesting) -> bool,
    ) {
        let release = desk
            .controls
            .envelope
            .release_samples(desk.spec.sample_rate_hz);
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if let Some(slot) = slot.as_mut().filter(|slot| wanted(slot)) {
                slot.hold = Hold::Nothing;
                slot.off = at + slot.delay;
                let off = slot.off;
                let end = desk.change_note(index, |note| (note.off, note.release) = (off, release));
                slot.end = end.unwrap_or(slot.end);
            }
        }
    }

    /// Makes room: the note released longest ago, else the oldest, fades from its sample on.
    fn steal(&mut self, at: u64, desk: &mut Desk<'_>) {
        let sounding = self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let slot = slot.as_ref().filter(|slot| !slot.cut)?;
            Some((slot.off, slot.on, slot.ordinal, index))
        });
        // A held note's `off` is NEVER: it comes last.
        if let Some((_, _, _, index)) = sounding.min() {
            self.cut(at, index, desk);
            desk.tally.stolen_voices += 1;
        }
    }

    fn cut(&mut self, at: u64, index: usize, desk: &mut Desk<'_>) {
        let Some(slot) = self.slots[index].as_mut() else {
            return;
        };
        if slot.asked == at && slot.next_frame == slot.first_frame {
            // It ends on the sample on which it begins: nobody has asked for it, nobody hears it.
            desk.voices[index].notes.pop_back();
            if let Some(shelf) = &mut desk.shelf {
                shelf.stop(index);
            }
            self.slots[index] = None;
            return;
        }
        let cut = at + slot.delay;
        slot.end = desk
            .change_note(index, |note| note.cut = cut)
            .unwrap_or(slot.end);
        if desk.drops_cut_frames {
            slot.asks_until = cut;
        }
        slot.cut = true;
        slot.hold = Hold::Nothing;
    }
}

impl Requesting {
    /// The model sample at which the next frame's controls are read.
    fn latch(&self, hop: u64) -> u64 {
        self.asked + u64::from(self.next_frame.saturating_sub(self.last_at_once)) * hop
    }

    fn is(&self, notes: NoteMatch) -> bool {
        notes.matches(self.key, self.channel, self.note_id)
    }
}

/// Linear gain of a velocity: `range_db` below at 0, none at 1.
fn velocity_gain(velocity: f32, range_db: f32) -> f32 {
    afterimage_spectral::approx::db_to_linear((velocity - 1.0) * range_db.max(0.0))
}
