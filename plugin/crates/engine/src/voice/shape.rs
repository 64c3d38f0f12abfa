//! What all voices of a program share: sizes and constants, counted once when it is built.

use crate::spec::{GivenPhases, InstrumentSpec};
use crate::timeline::ms_to_samples;

/// A held last frame fades to silence within this time, in milliseconds: long enough to bridge a
/// scheduling fault, too short to be heard as a stuck note.
pub(crate) const CONCEAL_FADE_MS: f32 = 60.0;

/// Sizes and constants that all voices of a program share.
#[derive(Clone, Debug)]
pub(crate) struct VoiceShape {
    pub(crate) hop: usize,
    /// Frames needed beyond frame `n` before hop `n` may be pulled.
    pub(crate) frames_ahead: u32,
    /// Silent frames in a row after which nothing of a released note can sound.
    pub(crate) silent_frames_to_end: u32,
    /// Samples of [`CONCEAL_FADE_MS`].
    pub(crate) conceal_fade: u32,
    pub(crate) spread: f32,
    /// The key's pitch is the sound's.
    has_pitch: bool,
    /// Phases that frames bring go on whatever moves.
    pub(crate) phases_carried: bool,
    /// Seconds from frame to frame.
    pub(crate) hop_s: f32,
    /// Hops that begin after a note was cut take no new frames: what is there fades by itself, faster
    /// than the note does. Only where a cut is known before such a hop could be prepared.
    pub(crate) drops_cut_frames: bool,
    /// Frames that may wait for one voice.
    pub(crate) frames: usize,
    /// Notes that may wait on one voice.
    pub(crate) notes: usize,
}

impl VoiceShape {
    /// Sizes for notes and frames that `in_flight` model samples can hold.
    pub(crate) fn new(spec: &InstrumentSpec, in_flight: u64, shortest_note: u32) -> Self {
        let hop = spec.stft.hop();
        let frames_ahead = (spec.stft.pre_centre_frames() + spec.phase.lookahead_frames()) as u32;
        Self {
            hop,
            frames_ahead,
            silent_frames_to_end: spec.stft.redundancy() as u32 + 1,
            conceal_fade: ms_to_samples(CONCEAL_FADE_MS, spec.sample_rate_hz, 1),
            spread: spec.spread,
            has_pitch: spec.play.has_pitch(),
            phases_carried: spec.given_phases == GivenPhases::Carried,
            hop_s: hop as f32 / spec.sample_rate_hz as f32,
            drops_cut_frames: false,
            // What a voice asks for while the rest is in flight, and two fresh notes beside it.
            frames: in_flight.div_ceil(hop as u64) as usize + 3 * (frames_ahead as usize + 1),
            notes: in_flight.div_ceil(u64::from(shortest_note)) as usize + 3,
        }
    }

    /// Hertz of a MIDI note number for the inverse: 0, unknown, where keys are no pitches.
    pub(crate) fn pitch_hz(&self, pitch: f32) -> f32 {
        if self.has_pitch {
            super::mix::pitch_hz(pitch)
        } else {
            0.0
        }
    }
}
