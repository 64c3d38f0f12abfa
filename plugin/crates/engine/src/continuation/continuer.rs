//! What the engine asks of a model that continues sound: it listens, begins, and goes on.

use super::Style;
use crate::contract::{DecodeError, MAX_CLASSES};

/// What a continuer says of itself; fixed while it lives.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinuerSpec {
    /// Name of the pack.
    pub name: String,
    /// Rate of what it hears and of what it gives, in hertz, mono.
    pub sample_rate_hz: u32,
    /// Samples it has to hear before what it remembers is whole; more are welcome.
    pub context_samples: usize,
    /// Seconds of sound that it makes in a second, measured when it was loaded.
    pub speed: f32,
}

/// How a continuation of sound begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoundStart {
    /// Keys everything that is drawn.
    pub seed: u64,
    /// False begins from an empty prompt: what was heard is left aside.
    pub follows_heard: bool,
    /// Length of a quarter note in samples at its rate, or 0 where no tempo is known.
    pub quarter_samples: f32,
    /// Labels and freedom.
    pub style: Style,
}

impl SoundStart {
    /// One that follows what was heard, with labels 0 and the pack's own freedom.
    pub fn new(seed: u64) -> Self {
        let class = [0; MAX_CLASSES];
        Self {
            seed,
            follows_heard: true,
            quarter_samples: 0.0,
            style: Style {
                class,
                ..Style::default()
            },
        }
    }
}

/// Continues sound. Lives on the worker; not real-time safe.
///
/// It listens all the time, also while it plays: what is heard and what is played are two states, and
/// [`begin`](Self::begin) copies the first to the second. What it plays is a pure function of the samples
/// that were heard before `begin`, however they were cut into calls, of the start, and of the styles given.
pub trait Continuer: Send {
    /// What it is.
    fn spec(&self) -> &ContinuerSpec;

    /// Forgets what was heard, as after a jump in time. A continuation under way goes on.
    fn forget(&mut self);

    /// Hears the next samples: mono, at its rate, finite, of any number.
    ///
    /// # Errors
    /// When the backend fails; the caller then forgets and tries again.
    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError>;

    /// Ends the continuation before and begins one right after the newest sample that was heard.
    fn begin(&mut self, start: &SoundStart);

    /// Writes the next samples from the front and says how many: at least one of a slice that is not
    /// empty, as many as a few milliseconds of work give, the rest is asked for again.
    ///
    /// # Errors
    /// When the backend fails; the continuation then stays silent until another begins.
    fn go_on(&mut self, style: &Style, samples: &mut [f32]) -> Result<usize, DecodeError>;
}
