//! What the real-time core asks of a model, in plain data: the request, the frame, the decoder.
//!
//! A frame is a pure function of its request. Arrival time never decides sound: a request carries
//! everything that shapes the frame, and says when the frame is due.

use thiserror::Error;

/// Latent axes that have a parameter of their own.
pub const MAX_LATENT: usize = 16;
/// Class conditions that have a parameter of their own.
pub const MAX_CLASSES: usize = 4;
/// Continuous descriptors that have a parameter of their own.
pub const MAX_DESCRIPTORS: usize = 8;

pub use crate::play::SpectralPlay;

/// The voice of requests that are made ahead of any note.
pub const ATTACK_VOICE: u16 = u16::MAX;

/// The conditions a player controls, latched by each request at its hop boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Latent position in the pack's knob units (0 is the mean, 1 a standard deviation).
    pub latent: [f32; MAX_LATENT],
    /// Index into each class condition's labels.
    pub class: [u16; MAX_CLASSES],
    /// Continuous descriptors: places in the range that the manifest states, 0 to 1.
    pub descriptor: [f32; MAX_DESCRIPTORS],
    /// Sampling temperature of stochastic packs.
    pub temperature: f32,
    /// What is done to the frame's spectrum; neutral by default.
    pub spectral: SpectralPlay,
}

impl Conditions {
    /// The mean of the latent, the first label of each class, the low end of each descriptor.
    pub const NEUTRAL: Self = Self {
        latent: [0.0; MAX_LATENT],
        class: [0; MAX_CLASSES],
        descriptor: [0.0; MAX_DESCRIPTORS],
        temperature: 1.0,
        spectral: SpectralPlay::NEUTRAL,
    };
}

impl Default for Conditions {
    fn default() -> Self {
        Self::NEUTRAL
    }
}

/// Asks for one spectrum column of one voice. Emitted by the Processor at a hop boundary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameRequest {
    /// Bumped by reset and model change; answers to older epochs are recycled unheard.
    pub epoch: u32,
    /// Slot of the voice that will sound the frame.
    pub voice: u16,
    /// Ordinal of the note since reset: tells two notes in one slot apart, and keys randomness.
    pub note: u32,
    /// Frame index within the note; frame `n` is centred `n * hop` samples after note-on.
    pub frame_index: u32,
    /// Model-rate sample on the output timeline at which the frame must be there.
    pub due_sample: u64,
    /// Pitch in MIDI note numbers, fractional (bend and tuning included).
    pub pitch: f32,
    /// Note-on velocity, 0 to 1.
    pub velocity: f32,
    /// Seconds from note-on to the frame's centre.
    pub time_on_s: f32,
    /// Seconds from note-off to the frame's centre, or -1 while the note is held.
    pub time_off_s: f32,
    /// Latent, classes and descriptors at the hop boundary.
    pub conditions: Conditions,
    /// Seed of the instance.
    pub seed: u64,
    /// Which draw of its noise a stochastic pack takes: notes of one seed and draw have the same.
    pub draw: u32,
}

/// One spectrum column on its way to the audio thread. The buffer is allocated once and recycled.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The request this frame answers.
    pub request: FrameRequest,
    /// Raw STFT magnitudes `[bins]`, linear, finite and not negative: what `|STFT|` of the wanted
    /// sound would be with the pack's own window and size.
    pub magnitudes: Box<[f32]>,
    /// Their phases `[bins]` in turns / 2^32 about the frame's centre; empty where the pack gives none.
    pub phases: Box<[u32]>,
    /// Whether `phases` are this frame's: where not, the inverse finds them.
    pub phases_known: bool,
    /// True when every bin lies under the pack's gate.
    pub silent: bool,
    /// Values that were not finite or negative and were set to zero.
    pub cleaned_values: u32,
}

impl FrameRequest {
    /// A request that nobody made: sample 0 of the first note, held, with neutral conditions.
    pub const NONE: Self = Self {
        epoch: 0,
        voice: 0,
        note: 0,
        frame_index: 0,
        due_sample: 0,
        pitch: 0.0,
        velocity: 0.0,
        time_on_s: 0.0,
        time_off_s: -1.0,
        conditions: Conditions::NEUTRAL,
        seed: 0,
        draw: 0,
    };
}

impl Frame {
    /// A silent frame of `bins` magnitudes, with room for as many phases if the pack gives them. Allocates
    /// unless `bins` is 0.
    pub fn silent(bins: usize, gives_phases: bool) -> Self {
        let phases = if gives_phases { bins } else { 0 };
        Self {
            request: FrameRequest::NONE,
            magnitudes: vec![0.0; bins].into_boxed_slice(),
            phases: vec![0; phases].into_boxed_slice(),
            phases_known: false,
            silent: true,
            cleaned_values: 0,
        }
    }

    /// The phases, if they are this frame's. Real-time safe.
    pub fn known_phases(&self) -> Option<&[u32]> {
        (self.phases_known && self.phases.len() == self.magnitudes.len()).then_some(&self.phases)
    }

    /// Made to answer another request: nothing is known of it yet.
    pub(crate) fn readdress(&mut self, request: &FrameRequest) {
        self.request = *request;
        (self.silent, self.phases_known, self.cleaned_values) = (false, false, 0);
    }
}

/// A loaded `decode` graph. Lives on the worker; `&mut` because a session has one owner.
pub trait Decoder: Send {
    /// Answers each request into the frame at the same index.
    ///
    /// `frames[i].magnitudes`: `[bins]` raw STFT magnitudes; `phases`, where there is room for them and the
    /// model gives them, with `phases_known` set. A row must not depend on the rows
    /// beside it, nor on how many there are. Not real-time safe: called on the worker only.
    ///
    /// # Errors
    /// When the backend fails; the caller then conceals the frames and reports the sentence.
    fn decode(
        &mut self,
        requests: &[FrameRequest],
        frames: &mut [Frame],
    ) -> Result<(), DecodeError>;

    /// The largest number of rows one call takes.
    fn max_rows(&self) -> usize;

    /// How many of the first `requests` are to be answered before their frames are sent, so that none
    /// waits for work that only its neighbours need. 1 or more; all, unless the decoder knows better.
    fn at_once(&self, requests: &[FrameRequest]) -> usize {
        requests.len()
    }
}

/// Why a decoder could not answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The backend's own words.
    #[error(
        "the decoder of '{pack}' failed: {reason}; the last sound is held, reload the pack to go on"
    )]
    Backend {
        /// Name of the pack.
        pack: String,
        /// What the backend said.
        reason: String,
    },
    /// A composer that cannot go on.
    #[error(
        "'{pack}' could not go on composing: {reason}; it is silent until it begins again, reload the pack if that does not help"
    )]
    Composer {
        /// Name of the pack.
        pack: String,
        /// What the backend said.
        reason: String,
    },
    /// A continuer that cannot go on.
    #[error(
        "'{pack}' could not go on with the sound: {reason}; it is silent until it begins again, reload the pack if that does not help"
    )]
    Continuer {
        /// Name of the pack.
        pack: String,
        /// What the backend said.
        reason: String,
    },
    /// A transformer that cannot go on.
    #[error(
        "'{pack}' could not transform the sound: {reason}; it is silent for a moment and tries again, reload the pack if that does not help"
    )]
    Transformer {
        /// Name of the pack.
        pack: String,
        /// What the backend said.
        reason: String,
    },
    /// A call with more rows than the decoder takes, or unequal lengths.
    #[error("the decoder of '{pack}' was given {given} rows, but takes 1 to {limit}")]
    Rows {
        /// Name of the pack.
        pack: String,
        /// Rows given.
        given: usize,
        /// Rows taken at most.
        limit: usize,
    },
}
