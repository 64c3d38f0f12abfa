//! One note on the output timeline: when it begins, is released, is cut and ends, and how loud it
//! is at each sample. Written by the request head, read by the playback head one latency later.

use crate::envelope::{HeldEnvelope, fade, fall};

/// A sample that has not been set: the note is still held, or not cut.
pub(crate) const NEVER: u64 = u64::MAX;

/// Times are model samples since the program began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Note {
    /// Ordinal since reset.
    pub(crate) ordinal: u32,
    pub(crate) on: u64,
    /// First sample that the voice plays: `on`, or later where a cached attack comes before.
    pub(crate) live_from: u64,
    /// Samples over which the voice then enters; 0 without an attack before.
    pub(crate) blend: u32,
    /// The frame that the voice enters with.
    pub(crate) first_frame: u32,
    pub(crate) off: u64,
    /// Length of the release; meaningful once `off` is set.
    pub(crate) release: u32,
    /// Where the fade of a stolen or choked note begins.
    pub(crate) cut: u64,
    pub(crate) cut_fade: u32,
    pub(crate) envelope: HeldEnvelope,
    /// Velocity gain, linear.
    pub(crate) gain: f32,
    /// Keys start phases, noise and width.
    pub(crate) seed: u64,
}

impl Note {
    /// A note of no length that nobody plays.
    pub(crate) const EMPTY: Self = Self {
        ordinal: 0,
        on: 0,
        live_from: 0,
        blend: 0,
        first_frame: 0,
        off: 0,
        release: 1,
        cut: 0,
        cut_fade: 1,
        envelope: HeldEnvelope {
            attack: 0,
            decay: 0,
            sustain: 0.0,
        },
        gain: 0.0,
        seed: 0,
    };

    /// The first sample at which the note is silent for good.
    pub(crate) fn end(&self) -> u64 {
        let released = self.off.saturating_add(u64::from(self.release));
        released.min(self.cut.saturating_add(u64::from(self.cut_fade)))
    }

    /// Level at a sample that is not before `on`, linear.
    pub(crate) fn level(&self, at: u64) -> f32 {
        let mut level = self.envelope.level(at.min(self.off) - self.on);
        if at > self.off {
            level *= fall(at - self.off, self.release);
        }
        if at > self.cut {
            level *= fade(at - self.cut, self.cut_fade);
        }
        level * self.gain
    }

    /// Level of the voice, which may enter under a cached attack that fades, linear.
    pub(crate) fn live_level(&self, at: u64) -> f32 {
        let entered = at.saturating_sub(self.live_from);
        if entered >= u64::from(self.blend) {
            return self.level(at);
        }
        self.level(at) * (entered as f32 + 0.5) / self.blend as f32
    }

    /// The level of the voice, if it is the same for all samples from `from` to before `to`.
    pub(crate) fn steady_level(&self, from: u64, to: u64) -> Option<f32> {
        let entered = from >= self.live_from.saturating_add(u64::from(self.blend));
        self.held_level(from, to).filter(|_| entered)
    }

    /// The note's own level, if it is the same for all samples from `from` to before `to`.
    pub(crate) fn held_level(&self, from: u64, to: u64) -> Option<f32> {
        let settled = from >= self.on.saturating_add(self.envelope.settled_after());
        (settled && to <= self.off && to <= self.cut).then_some(self.envelope.sustain * self.gain)
    }
}
