//! Continues sound without a model: reads on in what was heard, from places whose past is like the present.
//!
//! The honest rival of every net, and what continues when no pack is chosen. The last half second of what
//! sounds is compared with every place of the last minute; now and then, a whole number of beats away where
//! there is a beat, reading jumps to one of the most alike, aligned by correlation and crossfaded. This is
//! the suffix walk of a factor oracle over spectra in place of symbols.
//! Source: Assayag, Dubnov 2004, "Using factor oracles for machine improvisation"; Schwarz 2007,
//! "Corpus-based concatenative synthesis".

mod beat;
mod heard;
mod walk;

use afterimage_spectral::SpecError;

use super::{Continuer, ContinuerSpec, SoundStart, Style};
use crate::contract::DecodeError;
use heard::{Heard, Recollection};
use walk::Walk;

/// Its rate in hertz.
const RATE_HZ: u32 = 44_100;
/// Samples from frame to frame.
const HOP: usize = 512;
/// Most samples of one step.
const STEP_SAMPLES: usize = 2048;

/// The model-free continuer. Without anything heard it is silent.
pub struct Grains {
    spec: ContinuerSpec,
    heard: Heard,
    walk: Option<Walk>,
    /// The last walk's memory, to be filled again.
    spare: Recollection,
}

impl Grains {
    /// Allocates.
    ///
    /// # Errors
    /// When its analysis cannot be made: its sizes are constants, so only a fault of ours.
    pub fn new() -> Result<Self, SpecError> {
        let spec = ContinuerSpec {
            name: "Memory".to_owned(),
            sample_rate_hz: RATE_HZ,
            context_samples: walk::SHORTEST_FRAMES * HOP,
            speed: 100.0,
        };
        Ok(Self {
            spec,
            heard: Heard::new()?,
            walk: None,
            spare: Recollection::default(),
        })
    }
}

impl Continuer for Grains {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.heard.forget();
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        self.heard.hear(samples);
        Ok(())
    }

    fn begin(&mut self, start: &SoundStart) {
        let mut memory = self
            .walk
            .take()
            .map_or_else(|| std::mem::take(&mut self.spare), Walk::into_memory);
        if start.follows_heard {
            self.heard.recollect(&mut memory);
        } else {
            memory = Recollection::default();
        }
        match Walk::new(memory, start) {
            Ok(walk) => self.walk = Some(walk),
            Err(memory) => self.spare = memory,
        }
    }

    fn go_on(&mut self, style: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
        let count = samples.len().min(STEP_SAMPLES);
        match &mut self.walk {
            Some(walk) => walk.read(style, &mut samples[..count]),
            None => samples[..count].fill(0.0),
        }
        Ok(count)
    }
}
