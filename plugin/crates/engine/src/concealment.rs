//! Lets samples that are missing fade, and come back, without a click. Audio thread; real-time safe.

use crate::output::share_of;

/// What is missing fades away, and comes back, in about this time.
const CONCEALED_MS: f32 = 4.0;
/// What is held below this is gone: 120 dB under full scale.
const GONE: f32 = 1e-6;

/// The concealment of one stream of samples.
pub(crate) struct Concealment {
    /// Share of the new sound, and what is left of the old one, after samples were missing.
    presence: f32,
    held: [f32; 2],
    share: f32,
    last: [f32; 2],
}

impl Concealment {
    pub(crate) fn new() -> Self {
        Self {
            presence: 1.0,
            held: [0.0; 2],
            share: 1.0,
            last: [0.0; 2],
        }
    }

    /// Sets the host rate.
    pub(crate) fn set_rate(&mut self, rate_hz: u32) {
        self.share = share_of(CONCEALED_MS, rate_hz);
    }

    /// Forgets the past.
    pub(crate) fn reset(&mut self) {
        (self.presence, self.held, self.last) = (1.0, [0.0; 2], [0.0; 2]);
    }

    /// The stream ends where it was meant to: what comes next begins at its own level.
    pub(crate) fn end(&mut self) {
        (self.presence, self.held) = (1.0, [0.0; 2]);
    }

    /// The stream goes on as another, which fades in under what is left of it.
    pub(crate) fn change(&mut self) {
        (self.held, self.presence) = (self.last, 0.0);
    }

    /// A sample of the stream, or none where it is missing, as it is to sound.
    pub(crate) fn next(&mut self, sample: Option<[f32; 2]>) -> [f32; 2] {
        self.held = self.held.map(|value| {
            let left = value * (1.0 - self.share);
            if left.abs() < GONE { 0.0 } else { left }
        });
        match sample {
            Some(sample) => {
                self.presence = (self.presence + self.share).min(1.0);
                self.last = [0, 1].map(|side| sample[side] * self.presence + self.held[side]);
            }
            None => {
                if self.presence > 0.0 {
                    (self.held, self.presence) = (self.last, 0.0);
                }
                self.last = self.held;
            }
        }
        self.last
    }
}
