//! A WaveNet as the engine's continuer.

use afterimage_engine::continuation::{Continuer, ContinuerSpec, SoundStart, Style};
use afterimage_engine::contract::DecodeError;
use afterimage_spectral::counter_rng::{Purpose, Stream};

use super::mixture::{Freedom, Mixture};
use super::net::WaveNet;
use super::state::WaveState;
use crate::native::set_flush_denormals;

/// Label 0 stands for all: nobody has said yet what is heard.
const ANY: usize = 0;
/// Samples of one call: three milliseconds of work or less.
const MOST_SAMPLES: usize = 256;
/// One step of 16-bit sound, on which the net was trained.
const GRID: f32 = 1.0 / 32_768.0;

/// Continues sound sample by sample.
///
/// It hears all the time: a sample heard costs little more than half of one made, some tenth of the time there is, and a
/// beginning costs nothing. Heard after the fact, the context would hold the worker for tens of milliseconds.
pub(crate) struct WaveContinuer {
    spec: ContinuerSpec,
    net: WaveNet,
    heard: WaveState,
    played: WaveState,
    mixture: Mixture,
    stream: Stream,
    /// Samples of this continuation.
    made: u64,
    /// The temperature that a style's 1 stands for.
    own_temperature: f32,
}

impl WaveContinuer {
    /// One that has heard nothing. Allocates.
    pub(crate) fn new(net: WaveNet, spec: ContinuerSpec, own_temperature: f32) -> Self {
        let mut new = Self {
            heard: WaveState::new(net.shape()),
            played: WaveState::new(net.shape()),
            mixture: Mixture::new(net.shape().mixtures()),
            stream: Stream::new(0, Purpose::SAMPLING, 0, 0),
            made: 0,
            own_temperature,
            net,
            spec,
        };
        new.forget();
        new.begin(&SoundStart::new(0));
        new
    }

    /// Sets the speed that was measured.
    pub(crate) fn measured(&mut self, speed: f32) {
        self.spec.speed = speed;
    }

    fn label(&self, style: &Style) -> usize {
        usize::from(style.class[0]).min(self.net.shape().labels() - 1)
    }
}

impl Continuer for WaveContinuer {
    fn spec(&self) -> &ContinuerSpec {
        &self.spec
    }

    fn forget(&mut self) {
        self.heard.forget();
        // The net was trained to take one sample of silence before a sound's first.
        self.net.push(&mut self.heard, 0.0, ANY);
    }

    fn hear(&mut self, samples: &[f32]) -> Result<(), DecodeError> {
        let flags = set_flush_denormals();
        let mut heard = [0.0; MOST_SAMPLES];
        for samples in samples.chunks(MOST_SAMPLES) {
            let heard = &mut heard[..samples.len()];
            for (heard, sample) in heard.iter_mut().zip(samples) {
                *heard = on_grid(*sample);
            }
            self.net.hear(&mut self.heard, heard, ANY);
        }
        flags.restore();
        Ok(())
    }

    fn begin(&mut self, start: &SoundStart) {
        if start.follows_heard {
            self.played.take_after(&self.heard);
            self.played.play();
        } else {
            self.played.forget();
            let label = self.label(&start.style);
            self.net.push(&mut self.played, 0.0, label);
        }
        self.stream = Stream::new(start.seed, Purpose::SAMPLING, 0, 0);
        self.made = 0;
    }

    fn go_on(&mut self, style: &Style, samples: &mut [f32]) -> Result<usize, DecodeError> {
        let freedom = Freedom {
            temperature: style.temperature * self.own_temperature,
            top_p: style.top_p,
        };
        let (label, count) = (self.label(style), samples.len().min(MOST_SAMPLES));
        let flags = set_flush_denormals();
        for sample in &mut samples[..count] {
            self.net.foretell(&self.played, &mut self.mixture);
            let drawn = on_grid(self.mixture.draw(freedom, &self.stream, self.made));
            self.net.push(&mut self.played, drawn, label);
            *sample = (drawn * self.played.gain()).clamp(-1.0, 1.0);
            self.made += 1;
        }
        flags.restore();
        Ok(count)
    }
}

/// The nearest 16-bit value. What is no number is silence.
fn on_grid(sample: f32) -> f32 {
    if sample.is_nan() {
        return 0.0;
    }
    (sample.clamp(-1.0, 1.0 - GRID) / GRID).round() * GRID
}
