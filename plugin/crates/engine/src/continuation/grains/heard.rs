//! What was heard: the samples of the last minute, and what each of its frames is like.

use afterimage_spectral::representation::{
    Axis, BandSpec, Forward, PartialSeries, RepresentationSpec,
};
use afterimage_spectral::stft::Analysis;
use afterimage_spectral::{LogUnit, Scale, SpecError, StftSpec};

use super::{HOP, RATE_HZ};

const FFT_SIZE: usize = 4096; // semitones are told apart from 130 Hz on
/// Bands of a frame: semitones of seven octaves.
pub(super) const BANDS: usize = 84;
const LOWEST_HZ: f64 = 65.4; // C2
const BANDS_PER_OCTAVE: u32 = 12;
/// The floor of a band in dB under a full-scale sine.
const FLOOR_DB: f32 = -60.0;
/// What is remembered: a minute, in frames.
const MEMORY_FRAMES: usize = 60 * RATE_HZ as usize / HOP;
/// How far memory may grow before what is too old is dropped; dropping moves the rest.
const SLACK_FRAMES: usize = MEMORY_FRAMES / 4;

/// A frame's bands in dB over the floor, 0 and more.
pub(super) type Bands = [f32; BANDS];

/// Samples and frames; frame `n` of the timeline is centred on its sample `n * HOP`.
pub(super) struct Heard {
    analysis: Analysis,
    forward: Forward,
    magnitudes: Vec<f32>,
    values: Vec<f32>,
    samples: Vec<f32>,
    frames: Vec<Bands>,
}

/// A copy of the last minute, to read from while listening goes on.
#[derive(Default)]
pub(super) struct Recollection {
    /// `frames.len() * HOP` samples and a rest that no frame is centred on.
    pub(super) samples: Vec<f32>,
    /// Frame `n` is centred on sample `n * HOP`.
    pub(super) frames: Vec<Bands>,
}

impl Heard {
    /// Allocates.
    pub(super) fn new() -> Result<Self, SpecError> {
        let spec = StftSpec::new(FFT_SIZE, HOP)?;
        let bands = BandSpec::per_octave(
            BANDS_PER_OCTAVE,
            LOWEST_HZ,
            LOWEST_HZ * 2f64.powf((BANDS - 1) as f64 / 12.0),
        );
        // The Hann window's sum is half its length, and a sine's amplitude half its peak in the spectrum.
        let reference = FFT_SIZE as f32 / 4.0;
        let scale = Scale::log_amplitude(LogUnit::Decibel, reference, FLOOR_DB, FLOOR_DB)?;
        let forward = Forward::new(&RepresentationSpec {
            rate_hz: f64::from(RATE_HZ),
            fft_size: FFT_SIZE,
            axis: Axis::Bands(bands),
            scale,
        })?;
        Ok(Self {
            analysis: Analysis::new(&spec),
            magnitudes: vec![0.0; spec.bins()],
            values: vec![0.0; forward.values()],
            forward,
            samples: Vec::new(),
            frames: Vec::new(),
        })
    }

    pub(super) fn forget(&mut self) {
        self.analysis.reset();
        self.samples.clear();
        self.frames.clear();
    }

    pub(super) fn hear(&mut self, samples: &[f32]) {
        self.samples.extend_from_slice(samples);
        let (forward, frames) = (&mut self.forward, &mut self.frames);
        let (magnitudes, values) = (&mut self.magnitudes, &mut self.values);
        self.analysis.push(samples, |_, spectrum| {
            for (magnitude, value) in magnitudes.iter_mut().zip(spectrum) {
                *magnitude = value.norm();
            }
            let none = PartialSeries::default();
            forward.apply(magnitudes, none, values);
            let mut bands = [0.0; BANDS];
            for (band, value) in bands.iter_mut().zip(&*values) {
                *band = (value - FLOOR_DB).max(0.0);
            }
            frames.push(bands);
        });
        if self.frames.len() > MEMORY_FRAMES + SLACK_FRAMES {
            let old = self.frames.len() - MEMORY_FRAMES;
            self.frames.drain(..old);
            self.samples.drain(..old * HOP);
        }
    }

    /// The last minute, or what there is of it; the same however it was cut into calls.
    pub(super) fn recollect(&self, into: &mut Recollection) {
        let from = self.frames.len().saturating_sub(MEMORY_FRAMES);
        into.frames.clear();
        into.frames.extend_from_slice(&self.frames[from..]);
        into.samples.clear();
        into.samples.extend_from_slice(&self.samples[from * HOP..]);
    }
}
