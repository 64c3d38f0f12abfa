//! What a block brings: notes, wheels, pedals and controls, each with its sample offset.
//!
//! Plain data, filled by the shell on the audio thread. Nothing here allocates.

use crate::continuation::ContinuationChange;
use crate::contract::{MAX_CLASSES, MAX_DESCRIPTORS, MAX_LATENT};
use crate::evolve::EvolveChange;
use crate::play::PlayChange;
use crate::transform::TransformChange;

/// Channels of a MIDI port.
pub const CHANNELS: usize = 16;

/// An event and the host sample of the block at which it takes effect.
///
/// Offsets are clamped into the block; an offset below that of the event before it is raised to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedEvent {
    /// Host samples from the start of the block.
    pub offset_samples: u32,
    /// What happens there.
    pub event: Event,
}

impl TimedEvent {
    /// An event at an offset in host samples. Real-time safe.
    pub fn new(offset_samples: u32, event: Event) -> Self {
        Self {
            offset_samples,
            event,
        }
    }
}

/// Names the notes that an event is meant for. `None` matches any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoteMatch {
    /// MIDI key, 0 to 127.
    pub key: Option<u8>,
    /// MIDI channel, 0 to 15.
    pub channel: Option<u8>,
    /// The host's note id (CLAP). A note started without an id is matched by key and channel.
    pub note_id: Option<i32>,
}

impl NoteMatch {
    /// Matches by key and channel alone, as MIDI does.
    pub fn key(key: u8, channel: u8) -> Self {
        Self {
            key: Some(key),
            channel: Some(channel),
            note_id: None,
        }
    }

    /// Whether a note with these names is meant. Real-time safe.
    pub fn matches(&self, key: u8, channel: u8, note_id: Option<i32>) -> bool {
        let id_differs =
            matches!((self.note_id, note_id), (Some(wanted), Some(id)) if wanted != id);
        !id_differs
            && self.key.is_none_or(|wanted| wanted == key)
            && self.channel.is_none_or(|wanted| wanted == channel)
    }
}

/// One thing that happens at one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// Starts a note. A note that is still held on the same key and channel is released first.
    NoteOn {
        /// MIDI key, 0 to 127; larger values are clamped.
        key: u8,
        /// MIDI channel, 0 to 15; larger values are clamped.
        channel: u8,
        /// The host's note id, if it gives one.
        note_id: Option<i32>,
        /// 0 to 1. Zero releases the key, as MIDI has it.
        velocity: f32,
    },
    /// Releases the matching notes, or marks them as held by the pedal.
    NoteOff(NoteMatch),
    /// Ends the matching notes at once, with a fade of 5 ms.
    Choke(NoteMatch),
    /// Bends a channel.
    PitchBend {
        /// MIDI channel, 0 to 15.
        channel: u8,
        /// -1 to 1; scaled by the bend range.
        bend: f32,
    },
    /// Moves along the pack's mod wheel path.
    ModWheel {
        /// 0 to 1.
        position: f32,
    },
    /// The sustain pedal of a channel.
    Sustain {
        /// MIDI channel, 0 to 15.
        channel: u8,
        /// Down holds released notes until it comes up.
        down: bool,
    },
    /// Channel pressure, or the pressure of one key when the match names it.
    Pressure {
        /// The notes that are pressed.
        notes: NoteMatch,
        /// 0 to 1.
        pressure: f32,
    },
    /// Releases every note and lifts every pedal.
    AllNotesOff,
    /// Moves a control.
    Control(ControlChange),
}

/// A control and its new value.
///
/// What shapes frames (latents, classes, descriptors, temperature, seed, drift, tuning) is latched
/// by each voice at its hops. Attack, decay and sustain are latched at note-on, release at note-off.
/// Gain and width are applied on their sample, with a short smoothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ControlChange {
    /// A latent axis, in the pack's knob units. Axes past [`MAX_LATENT`] are ignored.
    Latent {
        /// Axis, from 0.
        axis: u8,
        /// Position: 0 is the mean, 1 a standard deviation.
        value: f32,
    },
    /// A class condition. Indices past [`MAX_CLASSES`] are ignored.
    Class {
        /// Which condition, from 0.
        index: u8,
        /// Which of its labels.
        label: u16,
    },
    /// A descriptor. Indices past [`MAX_DESCRIPTORS`] are ignored.
    Descriptor {
        /// Which descriptor, from 0.
        index: u8,
        /// Place in the range that the manifest states, 0 to 1.
        value: f32,
    },
    /// Sampling temperature.
    Temperature(f32),
    /// Seed of the instance.
    Seed(u64),
    /// Attack in milliseconds.
    AttackMs(f32),
    /// Decay in milliseconds.
    DecayMs(f32),
    /// Sustain level, linear, 0 to 1.
    SustainLevel(f32),
    /// Release in milliseconds.
    ReleaseMs(f32),
    /// Output gain in decibels.
    GainDb(f32),
    /// Stereo width: 0 is mono, 1 as the pack has it, 2 at most.
    Width(f32),
    /// Depth of the slow latent movement of a held note, in the pack's knob units.
    Drift(f32),
    /// Pitch bend range in semitones.
    BendRangeSemitones(f32),
    /// Tuning in semitones.
    TuningSemitones(f32),
    /// Freeze, stretch, scrub, blur, tilt, shift, formant, morph.
    Play(PlayChange),
    /// Continuation of notes.
    Continuation(ContinuationChange),
    /// Wandering through the prior.
    Evolve(EvolveChange),
    /// Transforming of the input.
    Transform(TransformChange),
}

impl ControlChange {
    /// Whether the control exists. Real-time safe.
    pub(crate) fn in_range(&self) -> bool {
        match *self {
            Self::Latent { axis, .. } => usize::from(axis) < MAX_LATENT,
            Self::Class { index, .. } => usize::from(index) < MAX_CLASSES,
            Self::Descriptor { index, .. } => usize::from(index) < MAX_DESCRIPTORS,
            _ => true,
        }
    }
}
