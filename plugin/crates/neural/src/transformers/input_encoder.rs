//! From samples to a latent: frames of the input go through a pack's encoder. Worker and loader threads only.

use afterimage_engine::contract::MAX_LATENT;
use afterimage_spectral::StftSpec;
use afterimage_spectral::play::loudness::Loudness;
use afterimage_spectral::representation::{Forward, PartialSeries};
use afterimage_spectral::stft::Analysis;

use super::encode_plan::EncodePlan;
use super::heard::Heard;
use super::pitch::{PitchTracker, note_of};
use super::{Refusal, VELOCITY};
use crate::backend::BackendKind;
use crate::error::PackError;
use crate::manifest::LatentAxis;
use crate::pack::Pack;
use crate::runtime::Runtime;
use crate::steps::{States, StepModel, StepValues};

/// The latent is encoded anew at least so often, in seconds: what it says changes more slowly.
const ENCODED_S: f64 = 0.02;
/// In the first frames of a note it is encoded at each.
const FIRST_FRAMES: u64 = 6;
/// Pitch before the first that is heard.
pub(super) const FIRST_PITCH: f32 = 60.0;

/// The hearing half of a pack with an encoder.
pub(super) struct InputEncoder {
    analysis: Analysis,
    /// The newest samples, as many as the transform takes.
    window: Vec<f32>,
    pub(super) magnitudes: Vec<f32>,
    forward: Forward,
    frame: Vec<f32>,
    pub(super) loudness: Loudness,
    /// From a weighted sum over bins to a mean square.
    pub(super) square: f64,
    pub(super) heard: Heard,
    pitch: Option<PitchTracker>,
    pub(super) pitch_hz: Option<f32>,
    encoder: StepModel,
    states: States,
    axes: Vec<LatentAxis>,
    seen: Vec<f32>,
    /// Whether it follows the newest frames; otherwise it knows notes by their moments.
    pub(super) follows: bool,
    encode_every: u64,
    frames: u64,
    /// Where the newest frames put each axis, in knob units.
    pub(super) knobs: [f32; MAX_LATENT],
}

impl InputEncoder {
    /// `pitched`: whether the input's pitch is followed. Allocates.
    pub(super) fn open(
        pack: &Pack,
        plan: &EncodePlan,
        (runtime, kind): (&Runtime, BackendKind),
        (stft, pitched): (&StftSpec, bool),
    ) -> Result<Self, Refusal> {
        let encoder = StepModel::open(pack, &plan.step, runtime, kind)?;
        let representation = &pack.manifest().representation;
        let unsupported = |error: afterimage_spectral::SpecError| PackError::Unsupported {
            pack: pack.name().to_owned(),
            what: "'representation'".into(),
            expected: "one that sound can be analysed by".into(),
            found: format!("one where {error}"),
            advice: "correct it and export the pack again",
        };
        let stages = representation.stages().map_err(unsupported)?;
        let rate_hz = representation.sample_rate;
        let frame_s = stft.hop() as f64 / f64::from(rate_hz);
        let bins = stft.bins();
        let latent = pack.manifest().latent.iter();
        Ok(Self {
            analysis: Analysis::new(stft),
            window: vec![0.0; stft.fft_size()],
            magnitudes: vec![0.0; bins],
            forward: Forward::new(&stages).map_err(unsupported)?,
            frame: vec![0.0; representation.bins],
            loudness: Loudness::new(bins, rate_hz as f32 / stft.fft_size() as f32),
            // Both sides of the spectrum, and the mean square of a Hann window.
            square: 2.0 / (stft.fft_size() as f64).powi(2) / 0.375,
            heard: Heard::new(plan, representation),
            pitch: pitched.then(|| PitchTracker::new(rate_hz, stft.fft_size())),
            pitch_hz: None,
            states: encoder.initial().clone(),
            encoder,
            axes: latent.flat_map(|latent| latent.axes.clone()).collect(),
            seen: Vec::new(),
            follows: plan.moments.is_none(),
            encode_every: (ENCODED_S / frame_s).ceil().max(1.0) as u64,
            frames: 0,
            knobs: [0.0; MAX_LATENT],
        })
    }

    pub(super) fn reset(&mut self) {
        self.analysis.reset();
        self.window.fill(0.0);
        self.heard.reset();
        if let Some(tracker) = &mut self.pitch {
            tracker.reset();
        }
        self.states = self.encoder.initial().clone();
        self.knobs = [0.0; MAX_LATENT];
        (self.frames, self.pitch_hz) = (0, None);
    }

    /// Takes a hop; whether a frame is complete by it.
    pub(super) fn analyse(&mut self, input: &[f32]) -> bool {
        self.window.rotate_left(input.len());
        let kept = self.window.len() - input.len();
        self.window[kept..].copy_from_slice(input);
        let (magnitudes, mut complete) = (&mut self.magnitudes, false);
        self.analysis.push(input, |_, spectrum| {
            complete = true;
            for (magnitude, value) in magnitudes.iter_mut().zip(spectrum) {
                *magnitude = value.norm();
            }
        });
        complete
    }

    /// Weighted mean square of the newest frame.
    pub(super) fn mean_square(&self) -> f64 {
        self.square * self.loudness.power(&self.magnitudes)
    }

    /// Hears the newest frame, without encoding it.
    pub(super) fn hear(&mut self) {
        self.forward
            .apply(&self.magnitudes, PartialSeries::default(), &mut self.frame);
        let mean_square = self.mean_square();
        self.heard.push(&self.frame, mean_square);
        if let Some(tracker) = &mut self.pitch {
            self.pitch_hz = tracker.follow(&self.window, &self.magnitudes);
        }
        self.frames += 1;
    }

    /// Hears the newest frame, and moves the knobs to where it puts them, as often as that is worth its time.
    ///
    /// # Errors
    /// The runtime's own words.
    pub(super) fn follow(&mut self) -> Result<(), String> {
        let turn = self.frames.is_multiple_of(self.encode_every);
        self.hear();
        let early = !self.follows && self.heard.frames_on() < FIRST_FRAMES;
        if early || turn { self.encode() } else { Ok(()) }
    }

    /// Moves the knobs to where what was heard puts them.
    ///
    /// # Errors
    /// The runtime's own words.
    pub(super) fn encode(&mut self) -> Result<(), String> {
        self.heard.write(&mut self.seen);
        let values = StepValues {
            frame: &self.seen,
            pitch: self.pitch(),
            velocity: VELOCITY,
            ..StepValues::default()
        };
        self.encoder.run(&values, &mut self.states)?;
        let latent = self.encoder.output();
        for ((knob, value), axis) in self.knobs.iter_mut().zip(latent).zip(&self.axes) {
            let place = (value - axis.mean) / axis.std;
            if place.is_finite() {
                *knob = place;
            }
        }
        Ok(())
    }

    /// The input's pitch as a MIDI note, fractional.
    pub(super) fn pitch(&self) -> f32 {
        self.pitch_hz.map_or(FIRST_PITCH, note_of)
    }
}
