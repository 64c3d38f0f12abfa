//! What the engine must know about a pack: plain data that the pack loader fills.

use crate::contract::MAX_LATENT;
use afterimage_spectral::{PhaseMethod, StftSpec};

/// Keys that MIDI knows.
const KEYS: usize = 128;

/// How keys become sound.
#[derive(Clone, Debug, Default)]
pub enum PlayStyle {
    /// The decoder hears the pitch.
    #[default]
    Pitched,
    /// The decoder knows one pitch: frames are moved from there along frequency.
    Shifted {
        /// That pitch, in MIDI note numbers.
        root: f32,
    },
    /// Keys only open it; the pitch is its own.
    Drone,
    /// Keys choose a hit, which plays to its end.
    OneShot(HitMap),
}

/// A hit that a key plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Index into the first class condition's labels.
    pub label: u16,
    /// A hit ends those of its own group that still sound; 0 is no group.
    pub choke_group: u8,
}

/// Which hit each key plays.
#[derive(Clone, Debug)]
pub struct HitMap {
    keys: Box<[Option<Hit>; KEYS]>,
    frames: u32,
}

impl HitMap {
    /// A map in which no key plays; hits last `frames` frames. Allocates.
    pub fn new(frames: u32) -> Self {
        Self {
            keys: Box::new([None; KEYS]),
            frames: frames.max(1),
        }
    }

    /// Gives a key its hit; keys beyond 127 are ignored.
    pub fn set(&mut self, key: u8, hit: Hit) {
        if let Some(place) = self.keys.get_mut(usize::from(key)) {
            *place = Some(hit);
        }
    }

    /// The hit of a key. Real-time safe.
    pub fn hit(&self, key: u8) -> Option<Hit> {
        self.keys.get(usize::from(key)).copied().flatten()
    }

    /// Frames that a hit lasts. Real-time safe.
    pub fn frames(&self) -> u32 {
        self.frames
    }
}

impl PlayStyle {
    /// Whether the key's pitch is the sound's. Real-time safe.
    pub fn has_pitch(&self) -> bool {
        matches!(self, Self::Pitched | Self::Shifted { .. })
    }

    /// Whether a key plays anything. Real-time safe.
    pub(crate) fn plays(&self, key: u8) -> bool {
        match self {
            Self::OneShot(map) => map.hit(key).is_some(),
            _ => true,
        }
    }

    /// Frames that a hit lasts, where keys choose hits. Real-time safe.
    pub(crate) fn hit_frames(&self) -> Option<u32> {
        match self {
            Self::OneShot(map) => Some(map.frames()),
            _ => None,
        }
    }

    /// The hit of a key, with the frames it lasts. Real-time safe.
    pub(crate) fn hit(&self, key: u8) -> Option<(Hit, u32)> {
        match self {
            Self::OneShot(map) => map.hit(key).map(|hit| (hit, map.frames())),
            _ => None,
        }
    }
}

/// Whether a decoder's frames come with phases, and what those hang on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GivenPhases {
    /// The inverse finds them.
    #[default]
    No,
    /// They are those of the note's moment, pitch and knobs: they go on from frame to frame while time runs and
    /// nothing else moves.
    OfMoment,
    /// The decoder carries them on itself, whatever moves.
    Carried,
}

/// A playable pack, described for the engine.
#[derive(Clone, Debug)]
pub struct InstrumentSpec {
    /// Name, as the window shows it.
    pub name: String,
    /// The pack's id, as its manifest states it.
    pub id: String,
    /// Hash of the pack's content, as hexadecimal text.
    pub hash: String,
    /// Model rate in hertz.
    pub sample_rate_hz: u32,
    /// Size and hop of the pack's frames, in samples at the model rate.
    pub stft: StftSpec,
    /// How phases are found for the pack's magnitudes.
    pub phase: PhaseMethod,
    /// Whether frames come with phases; `phase` then serves those that do not, or were changed on the way.
    pub given_phases: GivenPhases,
    /// How keys become sound.
    pub play: PlayStyle,
    /// Latent axes that the pack has; the first [`MAX_LATENT`] have a knob.
    pub latent_size: usize,
    /// Where the latent knobs stand until a control moves them.
    pub default_latent: [f32; MAX_LATENT],
    /// Lowest and highest pitch that the pack was trained on, in MIDI note numbers.
    pub pitch_range: (f32, f32),
    /// Latent positions that the mod wheel passes through, from 0 to 1 in equal steps. The offset
    /// from the first position is added to the latent knobs. Empty: the wheel does nothing.
    pub mod_wheel_path: Vec<[f32; MAX_LATENT]>,
    /// Latent positions that a morph may go to, in the pack's order.
    pub presets: Vec<[f32; MAX_LATENT]>,
    /// Latent offset at full pressure, if pressure plays the pack.
    pub pressure_direction: Option<[f32; MAX_LATENT]>,
    /// Per-pack loudness normalisation, linear.
    pub gain_linear: f32,
    /// How far the softest velocity lies below the loudest, in decibels. The model hears the
    /// velocity too; this is the engine's own share.
    pub velocity_range_db: f32,
    /// Release that suits the pack, in seconds, until a control sets it.
    pub release_s: f32,
    /// One call of the decoder gives a whole hit: what moves after its start does not change it. In Instant
    /// mode such hits are made ahead from beginning to end.
    pub whole_hits: bool,
    /// Least lead in milliseconds, where the pack's calls need more time than the session's gives them.
    pub lead_ms: f32,
    /// The decoder hears the velocity.
    pub hears_velocity: bool,
    /// Stereo spread of the phases, 0 to 1, as `SynthesisFrame` takes it.
    pub spread: f32,
}

impl InstrumentSpec {
    /// A description with neutral values for all that a pack need not state. Allocates.
    pub fn new(name: &str, sample_rate_hz: u32, stft: StftSpec, phase: PhaseMethod) -> Self {
        Self {
            name: name.to_owned(),
            id: String::new(),
            hash: String::new(),
            sample_rate_hz,
            stft,
            phase,
            given_phases: GivenPhases::No,
            play: PlayStyle::Pitched,
            latent_size: MAX_LATENT,
            default_latent: [0.0; MAX_LATENT],
            pitch_range: (0.0, 127.0),
            mod_wheel_path: Vec::new(),
            presets: Vec::new(),
            pressure_direction: None,
            gain_linear: 1.0,
            velocity_range_db: 24.0,
            release_s: 0.2,
            whole_hits: false,
            lead_ms: 0.0,
            hears_velocity: true,
            spread: 0.5,
        }
    }

    /// Latent offset of the mod wheel at `position` (0 to 1). Real-time safe.
    pub fn mod_wheel_offset(&self, position: f32) -> [f32; MAX_LATENT] {
        let path = &self.mod_wheel_path;
        let mut offset = [0.0; MAX_LATENT];
        if path.len() < 2 {
            return offset;
        }
        let along = position.clamp(0.0, 1.0) * (path.len() - 1) as f32;
        let segment = (along as usize).min(path.len() - 2);
        let part = along - segment as f32;
        for (axis, value) in offset.iter_mut().enumerate() {
            let (from, to) = (path[segment][axis], path[segment + 1][axis]);
            *value = from + (to - from) * part - path[0][axis];
        }
        offset
    }
}
