//! Which moment of a note a frame shows, and whether phases can be taken over from it. Audio thread.

use crate::contract::{Conditions, FrameRequest};

/// Share of a hop that a note's own time may be off, beside the rounding of the times themselves.
const TOLERANCE: f32 = 1e-3;

/// What the phases of a frame hang on beside the sound itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    index: u32,
    time_on_s: f32,
    pitch: f32,
    conditions: Conditions,
    seed: u64,
}

impl Moment {
    pub(crate) fn of(request: &FrameRequest) -> Self {
        Self {
            index: request.frame_index,
            time_on_s: request.time_on_s,
            pitch: request.pitch,
            conditions: request.conditions,
            seed: request.seed,
        }
    }

    /// Whether a decoder's phases advance from `newest` to here as those of a sound would: not where the
    /// note's time is frozen, stretched or scrubbed, nor while its pitch or a knob moves. Real-time safe.
    pub(crate) fn goes_on_from(&self, newest: &Self, hop_s: f32) -> bool {
        let hops = self.index.wrapping_sub(newest.index) as f32;
        let off_s = self.time_on_s - newest.time_on_s - hops * hop_s;
        let (here, there) = (&self.conditions, &newest.conditions);
        let is_same_sound = self.pitch == newest.pitch
            && here.latent == there.latent
            && here.class == there.class
            && here.descriptor == there.descriptor
            && here.temperature == there.temperature
            && self.seed == newest.seed;
        let rounding_s = 2.0 * f32::EPSILON * self.time_on_s.abs();
        is_same_sound && off_s.abs() <= TOLERANCE * hop_s + rounding_s
    }
}
