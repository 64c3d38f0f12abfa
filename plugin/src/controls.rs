//! Parameters and note events become the engine's time-stamped events. Audio thread.
//!
//! The framework splits a block wherever automation moves a parameter, so a parameter's value is read
//! once at the start of each stretch and holds for all of it: that is its sample.

use afterimage_engine::continuation::ContinuationChange;
use afterimage_engine::contract::{MAX_CLASSES, MAX_DESCRIPTORS, MAX_LATENT};
use afterimage_engine::transform::TransformChange;
use afterimage_engine::{ControlChange, Event, EvolveChange, NoteMatch, PlayChange, TimedEvent};
use nice_plug::midi::{Channel, Key, VoiceID, control_change};
use nice_plug::prelude::NoteEvent;

use crate::continuation_params;
use crate::editor::keyboard_link::PlayedKey;
use crate::midi_clock::MidiClock;
use crate::params::InstrumentParams;
use crate::transform_params;

/// Events a stretch can carry; more are counted and dropped, never allocated for.
pub const EVENT_CAPACITY: usize = 32_768;
/// Latent units that full drift moves a held note by, one standard deviation of the movement.
const DRIFT_LIMIT: f32 = 1.0;
/// Gain that stands for silence: below the least bit of a 24-bit host.
const MUTED_DB: f32 = -200.0;
const MIDI_CHANNELS: u8 = 16;

/// Collects the events of one stretch, in a buffer that is allocated once.
pub struct Controls {
    events: Vec<TimedEvent>,
    /// Events of the next stretch that the framework already handed over.
    carried: Vec<TimedEvent>,
    stretch_samples: u32,
    last: Option<Snapshot>,
    /// The key that lets it play on while it is held.
    held_key: Option<u8>,
    /// The key that taps the tempo.
    tap_key: Option<u8>,
    dropped_events: u64,
}

/// Parameter values as the engine last heard them.
#[derive(Clone, Copy, PartialEq)]
struct Snapshot {
    latent: [f32; MAX_LATENT],
    class: [i32; MAX_CLASSES],
    descriptor: [f32; MAX_DESCRIPTORS],
    temperature: f32,
    seed: i32,
    attack_ms: f32,
    decay_ms: f32,
    sustain: f32,
    release_ms: f32,
    gain_db: f32,
    width: f32,
    drift: f32,
    mod_wheel: f32,
    tuning_semitones: f32,
    bend_range: f32,
    pressure: f32,
    sustain_pedal: bool,
    evolve: [EvolveChange; 2],
    play: [PlayChange; 9],
    continuation: [ContinuationChange; continuation_params::CHANGES],
    tap: bool,
    transform: [TransformChange; transform_params::CHANGES],
}

impl Snapshot {
    fn of(params: &InstrumentParams) -> Self {
        Self {
            latent: std::array::from_fn(|axis| params.latent[axis].value.value()),
            class: std::array::from_fn(|index| params.class[index].value.value()),
            descriptor: std::array::from_fn(|index| params.descriptor[index].value.value()),
            temperature: params.temperature.value(),
            seed: params.seed.value(),
            attack_ms: params.attack_ms.value(),
            decay_ms: params.decay_ms.value(),
            sustain: params.sustain.value(),
            release_ms: params.release_ms.value(),
            gain_db: if params.bypass.value() {
                MUTED_DB
            } else {
                params.gain_db.value()
            },
            width: params.width.value(),
            drift: params.drift.value() * DRIFT_LIMIT,
            mod_wheel: params.mod_wheel.value(),
            tuning_semitones: params.pitch_bend.value() * params.bend_range.value(),
            bend_range: params.bend_range.value(),
            pressure: params.pressure.value(),
            sustain_pedal: params.sustain_pedal.value(),
            evolve: params.evolve.changes(),
            play: params.play.changes(),
            continuation: params.continuation.changes(params.bypass.value()),
            tap: params.continuation.tempo.tap.value(),
            transform: params.transform.changes(params.bypass.value()),
        }
    }
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            events: Vec::with_capacity(EVENT_CAPACITY),
            carried: Vec::with_capacity(EVENT_CAPACITY),
            stretch_samples: 0,
            last: None,
            held_key: None,
            tap_key: None,
            dropped_events: 0,
        }
    }
}

impl Controls {
    /// Forgets what the engine heard, so that the next stretch states every value again.
    pub fn forget(&mut self) {
        self.last = None;
        self.carried.clear();
    }

    /// Starts a stretch of so many samples: states each parameter that moved since the last one,
    /// then the events that belong here but came with the stretch before. Real-time safe.
    pub fn begin(&mut self, params: &InstrumentParams, stretch_samples: usize) {
        self.stretch_samples = u32::try_from(stretch_samples).unwrap_or(u32::MAX);
        self.events.clear();
        let bypassed = params.bypass.value();
        self.held_key = params.continuation.held_key().filter(|_| !bypassed);
        self.tap_key = params.continuation.tempo.tap_key();
        let now = Snapshot::of(params);
        let before = self.last.replace(now);
        if before != Some(now) {
            self.state_conditions(&now, before.as_ref());
            self.state_sound(&now, before.as_ref());
            self.state_play(&now, before.as_ref());
            self.state_performance(&now, before.as_ref());
            self.state_continuation(&now, before.as_ref());
            self.state_transform(&now, before.as_ref());
        }
        self.take_carried();
    }

    /// Moves the carried events of this stretch in, and brings the others nearer.
    fn take_carried(&mut self) {
        let mut kept = 0;
        for index in 0..self.carried.len() {
            let TimedEvent {
                offset_samples,
                event,
            } = self.carried[index];
            if offset_samples < self.stretch_samples {
                self.push(offset_samples, event);
            } else {
                self.carried[kept] = TimedEvent::new(offset_samples - self.stretch_samples, event);
                kept += 1;
            }
        }
        self.carried.truncate(kept);
    }

    /// Adds a note or controller event. Real-time safe.
    ///
    /// The framework ends a stretch at a parameter's sample, but hands over every event that the host
    /// listed before that parameter: one on the same sample belongs to the next stretch, as it would
    /// if the host's block began there.
    pub fn note(&mut self, event: &NoteEvent<MidiClock>) {
        let offset = event.timing();
        let Some(event) = translate(event) else {
            return;
        };
        let event = self.held(event);
        if offset < self.stretch_samples {
            self.push(offset, event);
        } else if self.carried.len() < EVENT_CAPACITY {
            self.carried
                .push(TimedEvent::new(offset - self.stretch_samples, event));
        } else {
            self.dropped_events += 1;
        }
    }

    /// What an event means: the key that lets it play on starts and ends that, one taps the tempo, and
    /// neither plays anything.
    fn held(&self, event: Event) -> Event {
        let tapped = self.tap_key.is_some_and(|tap| {
            matches!(event, Event::NoteOn { key, velocity, .. } if key == tap && velocity > 0.0)
        });
        if tapped {
            return Event::Control(ControlChange::Continuation(ContinuationChange::Tap));
        }
        let runs = match event {
            Event::NoteOn { key, velocity, .. } => Some(key).zip(Some(velocity > 0.0)),
            Event::NoteOff(NoteMatch { key, .. }) => key.zip(Some(false)),
            _ => None,
        };
        match runs {
            Some((key, runs)) if self.held_key == Some(key) => {
                Event::Control(ControlChange::Continuation(ContinuationChange::Run(runs)))
            }
            _ => event,
        }
    }

    /// Adds a key of the window's keyboard. Real-time safe.
    pub fn played(&mut self, played: PlayedKey) {
        const WINDOW_CHANNEL: u8 = 0;
        let event = match played.velocity {
            Some(velocity) => Event::NoteOn {
                key: played.key,
                channel: WINDOW_CHANNEL,
                note_id: None,
                velocity,
            },
            None => Event::NoteOff(NoteMatch::key(played.key, WINDOW_CHANNEL)),
        };
        self.push(0, event);
    }

    /// Adds an event that the plugin itself makes. Real-time safe.
    pub fn add(&mut self, event: TimedEvent) {
        self.push(event.offset_samples, event.event);
    }

    /// The events of this stretch, in order.
    pub fn events(&self) -> &[TimedEvent] {
        &self.events
    }

    /// Events that found the buffer full since the plugin was made.
    pub fn dropped_events(&self) -> u64 {
        self.dropped_events
    }

    fn push(&mut self, offset: u32, event: Event) {
        if self.events.len() < EVENT_CAPACITY {
            self.events.push(TimedEvent::new(offset, event));
        } else {
            self.dropped_events += 1;
        }
    }

    fn control(&mut self, change: ControlChange) {
        self.push(0, Event::Control(change));
    }

    fn state_conditions(&mut self, now: &Snapshot, before: Option<&Snapshot>) {
        for axis in 0..MAX_LATENT {
            if before.is_none_or(|b| b.latent[axis] != now.latent[axis]) {
                self.control(ControlChange::Latent {
                    axis: axis as u8,
                    value: now.latent[axis],
                });
            }
        }
        for index in 0..MAX_CLASSES {
            if before.is_none_or(|b| b.class[index] != now.class[index]) {
                let label = now.class[index].clamp(0, i32::from(u16::MAX)) as u16;
                self.control(ControlChange::Class {
                    index: index as u8,
                    label,
                });
            }
        }
        for index in 0..MAX_DESCRIPTORS {
            if before.is_none_or(|b| b.descriptor[index] != now.descriptor[index]) {
                let value = now.descriptor[index];
                self.control(ControlChange::Descriptor {
                    index: index as u8,
                    value,
                });
            }
        }
    }

    fn state_sound(&mut self, now: &Snapshot, before: Option<&Snapshot>) {
        let mut moved = |value: fn(&Snapshot) -> f32, change: fn(f32) -> ControlChange| {
            if before.is_none_or(|b| value(b) != value(now)) {
                self.control(change(value(now)));
            }
        };
        moved(|s| s.temperature, ControlChange::Temperature);
        moved(|s| s.attack_ms, ControlChange::AttackMs);
        moved(|s| s.decay_ms, ControlChange::DecayMs);
        moved(|s| s.sustain, ControlChange::SustainLevel);
        moved(|s| s.release_ms, ControlChange::ReleaseMs);
        moved(|s| s.gain_db, ControlChange::GainDb);
        moved(|s| s.width, ControlChange::Width);
        moved(|s| s.drift, ControlChange::Drift);
        moved(|s| s.bend_range, ControlChange::BendRangeSemitones);
        moved(|s| s.tuning_semitones, ControlChange::TuningSemitones);
        if before.is_none_or(|b| b.seed != now.seed) {
            self.control(ControlChange::Seed(now.seed.max(0) as u64));
        }
    }

    fn state_play(&mut self, now: &Snapshot, before: Option<&Snapshot>) {
        for (index, change) in now.evolve.into_iter().enumerate() {
            if before.is_none_or(|b| b.evolve[index] != change) {
                self.control(ControlChange::Evolve(change));
            }
        }
        for (index, change) in now.play.into_iter().enumerate() {
            if before.is_none_or(|b| b.play[index] != change) {
                self.control(ControlChange::Play(change));
            }
        }
    }

    fn state_continuation(&mut self, now: &Snapshot, before: Option<&Snapshot>) {
        for (index, change) in now.continuation.into_iter().enumerate() {
            if before.is_none_or(|b| b.continuation[index] != change) {
                self.control(ControlChange::Continuation(change));
            }
        }
        // A press that a session was saved with is none.
        if now.tap && before.is_some_and(|b| !b.tap) {
            self.control(ControlChange::Continuation(ContinuationChange::Tap));
        }
    }

    fn state_transform(&mut self, now: &Snapshot, before: Option<&Snapshot>) {
        for (index, change) in now.transform.into_iter().enumerate() {
            if before.is_none_or(|b| b.transform[index] != change) {
                self.control(ControlChange::Transform(change));
            }
        }
    }

    // A wheel, pedal or pressure that the host plays through MIDI must not be undone by a parameter
    // that stands still: only a parameter that moved speaks.
    fn state_performance(&mut self, now: &Snapshot, before: Option<&Snapshot>) {
        if before.is_none_or(|b| b.mod_wheel != now.mod_wheel) {
            self.push(
                0,
                Event::ModWheel {
                    position: now.mod_wheel,
                },
            );
        }
        if before.is_none_or(|b| b.pressure != now.pressure) {
            self.push(
                0,
                Event::Pressure {
                    notes: NoteMatch::default(),
                    pressure: now.pressure,
                },
            );
        }
        if before.is_none_or(|b| b.sustain_pedal != now.sustain_pedal) {
            for channel in 0..MIDI_CHANNELS {
                self.push(
                    0,
                    Event::Sustain {
                        channel,
                        down: now.sustain_pedal,
                    },
                );
            }
        }
    }
}

fn note_match(voice_id: VoiceID, channel: Channel, key: Key) -> NoteMatch {
    NoteMatch {
        key: key.number(),
        channel: channel.number(),
        note_id: id_of(voice_id),
    }
}

fn id_of(voice_id: VoiceID) -> Option<i32> {
    match voice_id {
        VoiceID::ID(id) => Some(id),
        VoiceID::Wildcard => None,
    }
}

fn translate(event: &NoteEvent<MidiClock>) -> Option<Event> {
    Some(match *event {
        NoteEvent::NoteOn {
            voice_id,
            channel,
            key,
            velocity,
            ..
        } => Event::NoteOn {
            key: key.number_or_middle_c(),
            channel: channel.number().unwrap_or(0),
            note_id: id_of(voice_id),
            velocity,
        },
        NoteEvent::NoteOff {
            voice_id,
            channel,
            key,
            ..
        } => Event::NoteOff(note_match(voice_id, channel, key)),
        NoteEvent::Choke {
            voice_id,
            channel,
            key,
            ..
        } => Event::Choke(note_match(voice_id, channel, key)),
        NoteEvent::PolyPressure {
            voice_id,
            channel,
            key,
            pressure,
            ..
        } => Event::Pressure {
            notes: note_match(voice_id, channel, key),
            pressure,
        },
        NoteEvent::MidiChannelPressure {
            channel, pressure, ..
        } => Event::Pressure {
            notes: NoteMatch {
                key: None,
                channel: Some(channel),
                note_id: None,
            },
            pressure,
        },
        // The framework's bend is 0..1 with the rest position in the middle.
        NoteEvent::MidiPitchBend { channel, value, .. } => Event::PitchBend {
            channel,
            bend: value * 2.0 - 1.0,
        },
        NoteEvent::MidiCC {
            channel, cc, value, ..
        } => return controller(channel, cc, value),
        NoteEvent::MidiSysEx {
            message: MidiClock(message),
            ..
        } => Event::Control(ControlChange::Continuation(ContinuationChange::Clock(
            message,
        ))),
        _ => return None,
    })
}

fn controller(channel: u8, cc: u8, value: f32) -> Option<Event> {
    const PEDAL_DOWN: f32 = 64.0 / 127.0; // MIDI 1.0: 64 and above is down
    Some(match cc {
        control_change::MODULATION_MSB => Event::ModWheel { position: value },
        control_change::DAMPER_PEDAL => Event::Sustain {
            channel,
            down: value >= PEDAL_DOWN,
        },
        control_change::ALL_SOUND_OFF => Event::Choke(NoteMatch {
            key: None,
            channel: Some(channel),
            note_id: None,
        }),
        control_change::ALL_NOTES_OFF => Event::NoteOff(NoteMatch {
            key: None,
            channel: Some(channel),
            note_id: None,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
