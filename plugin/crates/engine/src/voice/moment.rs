//! Which moment of a note a frame shows, and whether phases can be taken over from it. Audio thread.

use crate::contract::{Conditions, FrameRequest};

/// Share of a hop that a note's own time may be off: rounding of long notes, and no more.
const TOLERANCE: f32 = 0.05;

/// What the phases of a frame hang on beside the sound itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    index: u32,
    time_on_s: f32,
    pitch: f32,
    conditions: Conditions,
}

impl Moment {
    pub(super) fn of(request: &FrameRequest) -> Self {
        Self {
            index: request.frame_index,
            time_on_s: request.time_on_s,
            pitch: request.pitch,
            conditions: request.conditions,
        }
    }

    /// Whether a decoder's phases advance from `newest` to here as those of a sound would: not where the
    /// note's time is frozen, stretched or scrubbed, nor while its pitch or a knob moves. Real-time safe.
    pub(super) fn goes_on_from(&self, newest: &Self, hop_s: f32) -> bool {
        let hops = self.index.wrapping_sub(newest.index) as f32;
        let off_s = self.time_on_s - newest.time_on_s - hops * hop_s;
        let (here, there) = (&self.conditions, &newest.conditions);
        let is_same_sound = self.pitch == newest.pitch
            && here.latent == there.latent
            && here.class == there.class
            && here.descriptor == there.descriptor;
        is_same_sound && off_s.abs() < TOLERANCE * hop_s
    }
}
