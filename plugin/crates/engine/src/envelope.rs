//! Attack, decay, sustain, release: closed forms of the time since a note began.
//!
//! No state runs from sample to sample, so that a block boundary cannot be heard, and a released
//! note reaches exactly zero. Audio thread; real-time safe.

use crate::timeline::ms_to_samples;

/// A stolen or choked voice fades this long, in milliseconds; a release is never shorter.
pub(crate) const CUT_FADE_MS: f32 = 5.0;
/// Longest time that a stage may be set to, in milliseconds.
const MAX_STAGE_MS: f32 = 60_000.0;

/// What the envelope knobs say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EnvelopeKnobs {
    pub(crate) attack_ms: f32,
    pub(crate) decay_ms: f32,
    pub(crate) sustain_level: f32,
    pub(crate) release_ms: f32,
}

impl Default for EnvelopeKnobs {
    fn default() -> Self {
        Self {
            attack_ms: 0.0,
            decay_ms: 0.0,
            sustain_level: 1.0,
            release_ms: 200.0,
        }
    }
}

impl EnvelopeKnobs {
    /// The held part in samples.
    pub(crate) fn held(&self, rate_hz: u32) -> HeldEnvelope {
        HeldEnvelope {
            attack: ms_to_samples(self.attack_ms.min(MAX_STAGE_MS), rate_hz, 0),
            decay: ms_to_samples(self.decay_ms.min(MAX_STAGE_MS), rate_hz, 0),
            sustain: self.sustain_level.clamp(0.0, 1.0),
        }
    }

    /// The release in samples.
    pub(crate) fn release_samples(&self, rate_hz: u32) -> u32 {
        ms_to_samples(
            self.release_ms.min(MAX_STAGE_MS),
            rate_hz,
            cut_fade_samples(rate_hz),
        )
    }
}

/// Length of the fade of a cut voice, in samples.
pub(crate) fn cut_fade_samples(rate_hz: u32) -> u32 {
    ms_to_samples(CUT_FADE_MS, rate_hz, 1)
}

/// The part of the envelope before release, in samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HeldEnvelope {
    pub(crate) attack: u32,
    pub(crate) decay: u32,
    pub(crate) sustain: f32,
}

impl HeldEnvelope {
    /// From here on the level is the sustain level.
    pub(crate) fn settled_after(&self) -> u64 {
        u64::from(self.attack) + u64::from(self.decay)
    }

    /// Level `elapsed` samples after note-on.
    pub(crate) fn level(&self, elapsed: u64) -> f32 {
        let attack = u64::from(self.attack);
        if elapsed < attack {
            return elapsed as f32 / attack as f32;
        }
        if elapsed >= self.settled_after() {
            return self.sustain;
        }
        let left = 1.0 - (elapsed - attack) as f32 / self.decay as f32;
        self.sustain + (1.0 - self.sustain) * left * left * left
    }
}

/// Falls from 1 to exactly 0 within `length` samples, fast first, as a decay does.
pub(crate) fn fall(elapsed: u64, length: u32) -> f32 {
    let left = (1.0 - elapsed as f32 / length as f32).max(0.0);
    left * left * left
}

/// Falls from 1 to exactly 0 within `length` samples, evenly.
pub(crate) fn fade(elapsed: u64, length: u32) -> f32 {
    (1.0 - elapsed as f32 / length as f32).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::{EnvelopeKnobs, fall};

    #[test]
    fn envelope_is_continuous_and_ends_at_zero() {
        let knobs = EnvelopeKnobs {
            attack_ms: 3.0,
            decay_ms: 20.0,
            sustain_level: 0.4,
            release_ms: 50.0,
        };
        let held = knobs.held(48_000);
        let mut before = held.level(0);
        assert_eq!(before, 0.0);
        for elapsed in 1..3_000 {
            let now = held.level(elapsed);
            assert!((now - before).abs() < 0.01, "step at {elapsed}");
            before = now;
        }
        assert_eq!(before, 0.4);
        let release = knobs.release_samples(48_000);
        assert_eq!(release, 2_400);
        assert_eq!(fall(0, release), 1.0);
        assert_eq!(fall(2_400, release), 0.0);
    }
}
