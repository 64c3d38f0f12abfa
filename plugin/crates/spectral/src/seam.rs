//! From sound that was heard to sound that is made of frames, without a step between. Worker thread; allocates.
//!
//! [`Heard`] analyses what comes in and keeps the last frames with their phases. [`SeamInverse`] goes on from
//! there: gradient integration begins at the phases that were heard, overlap-add at the frames that were heard,
//! and what was heard goes on by linear prediction for a hop, while the new sound fades in.

use crate::approx::{TURN, cos_sin_turns};
use crate::extrapolation::extrapolate;
use crate::phase::lookahead::RtpghiLookahead;
use crate::spec::StftSpec;
use crate::stft::{Analysis, Synthesis};
use crate::tables::VoiceTables;
use realfft::num_complex::Complex32;

/// Order of the prediction across the seam: two for each of some thirty partials.
const PREDICTION_ORDER: usize = 64;

/// Frames of sound as it comes in, and what a seam needs of it.
pub struct Heard {
    spec: StftSpec,
    analysis: Analysis,
    magnitudes: Vec<f32>,
    /// The newest spectra, oldest first, at most one window of them.
    spectra: Vec<Vec<Complex32>>,
    /// The newest samples, a window of them, oldest first.
    tail: Vec<f32>,
    frames: u64,
    samples: u64,
}

impl Heard {
    /// Allocates.
    pub fn new(spec: &StftSpec) -> Self {
        Self {
            spec: *spec,
            analysis: Analysis::new(spec),
            magnitudes: vec![0.0; spec.bins()],
            spectra: Vec::new(),
            tail: vec![0.0; spec.fft_size()],
            frames: 0,
            samples: 0,
        }
    }

    /// Forgets everything; the next sample is sample 0.
    pub fn forget(&mut self) {
        self.analysis.reset();
        self.spectra.clear();
        self.tail.fill(0.0);
        (self.frames, self.samples) = (0, 0);
    }

    /// Samples heard since it forgot.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Takes samples, of any number; gives the magnitudes `[bins]` of each frame that is complete.
    ///
    /// Frame `n` is centred on sample `n * hop` and complete half a transform later.
    pub fn push(&mut self, samples: &[f32], mut frame: impl FnMut(&[f32])) {
        let Self {
            analysis,
            magnitudes,
            spectra,
            frames,
            ..
        } = self;
        let most = self.spec.redundancy();
        analysis.push(samples, |_, spectrum| {
            for (magnitude, value) in magnitudes.iter_mut().zip(spectrum) {
                *magnitude = value.norm();
            }
            if spectra.len() == most {
                spectra.rotate_left(1);
                spectra[most - 1].copy_from_slice(spectrum);
            } else {
                spectra.push(spectrum.to_vec());
            }
            *frames += 1;
            frame(magnitudes);
        });
        let newest = &samples[samples.len().saturating_sub(self.tail.len())..];
        self.tail.rotate_left(newest.len());
        let kept = self.tail.len() - newest.len();
        self.tail[kept..].copy_from_slice(newest);
        self.samples += samples.len() as u64;
    }
}

/// Sound of frames that go on from what was [`Heard`].
pub struct SeamInverse {
    spec: StftSpec,
    phases: RtpghiLookahead,
    synthesis: Synthesis,
    spectrum: Vec<Complex32>,
    /// The newest frame: it gets its phases when the one after it is there.
    pending: Option<Vec<f32>>,
    hop: Vec<f32>,
    pushed: usize,
    pulled: usize,
    /// Of the samples that overlap-add gives, the first that is new.
    switch: usize,
    /// How what was heard would go on, `[hop]`; silent where nothing was.
    predicted: Vec<f32>,
    /// Share of it, from all to nothing; nothing at all where nothing was heard.
    fade: Vec<f32>,
    follows: bool,
}

impl SeamInverse {
    /// Allocates.
    pub fn new(spec: &StftSpec) -> Self {
        let hop = spec.hop();
        let turn = |sample: usize| std::f32::consts::PI * (sample as f32 + 0.5) / hop as f32;
        Self {
            spec: *spec,
            phases: RtpghiLookahead::new(&VoiceTables::new(spec)),
            synthesis: Synthesis::new(spec),
            spectrum: vec![Complex32::ZERO; spec.bins()],
            pending: None,
            hop: vec![0.0; hop],
            pushed: 0,
            pulled: 0,
            switch: 0,
            predicted: vec![0.0; hop],
            follows: false,
            fade: (0..hop).map(|n| 0.5 + 0.5 * turn(n).cos()).collect(),
        }
    }

    /// Begins right after the newest sample of `heard`, or from nothing. `seed` keys phases that nothing decides.
    ///
    /// The frame that comes next is the one after the last that was complete in `heard`.
    pub fn begin(&mut self, heard: Option<&Heard>, seed: u64) {
        self.phases.start(seed);
        self.synthesis.reset();
        (self.pushed, self.pulled, self.switch) = (0, 0, 0);
        self.pending = None;
        self.follows = false;
        let Some(heard) = heard.filter(|heard| heard.frames > 0) else {
            return;
        };
        let mut turns = vec![0; self.spec.bins()];
        for spectrum in &heard.spectra {
            let magnitudes: Vec<f32> = spectrum.iter().map(|value| value.norm()).collect();
            self.phases.advance(&magnitudes, None);
            for (turn, value) in turns.iter_mut().zip(spectrum) {
                *turn = turns_of(value);
            }
            self.phases.set_phases(&turns);
            self.synthesis.push(spectrum);
        }
        self.pushed = heard.spectra.len();
        let first = (heard.frames - self.pushed as u64) * self.spec.hop() as u64;
        self.switch = (heard.samples - first) as usize;
        let known = (heard.samples as usize).min(heard.tail.len());
        let newest = &heard.tail[heard.tail.len() - known..];
        extrapolate(newest, PREDICTION_ORDER, &mut self.predicted);
        self.follows = true;
    }

    /// Adds the next frame, `[bins]` linear magnitudes, and appends the samples that are complete by it to
    /// `out`: a hop, or none right after [`Self::begin`].
    ///
    /// Source: Prusa & Sondergaard 2016, sec. 3, with one frame of look-ahead.
    pub fn push(&mut self, magnitudes: &[f32], out: &mut Vec<f32>) {
        let Some(mut pending) = self.pending.take() else {
            self.pending = Some(magnitudes.to_vec());
            return;
        };
        let phases = self.phases.advance(&pending, Some(magnitudes));
        for ((value, magnitude), phase) in self.spectrum.iter_mut().zip(&pending).zip(phases) {
            let (cos, sin) = cos_sin_turns(*phase);
            *value = Complex32::new(magnitude * cos, magnitude * sin);
        }
        self.synthesis.push(&self.spectrum);
        self.pushed += 1;
        while self.pushed > self.pulled + self.spec.pre_centre_frames() {
            self.pull(out);
        }
        pending.copy_from_slice(magnitudes);
        self.pending = Some(pending);
    }

    fn pull(&mut self, out: &mut Vec<f32>) {
        self.synthesis.pull_hop(&mut self.hop);
        let first = self.pulled * self.hop.len();
        for (place, sample) in (first..).zip(&self.hop) {
            let Some(after) = place.checked_sub(self.switch) else {
                continue;
            };
            let share = match self.fade.get(after) {
                Some(share) if self.follows => *share,
                _ => 0.0,
            };
            let predicted = self.predicted.get(after).copied().unwrap_or_default();
            out.push(sample + share * (predicted - sample));
        }
        self.pulled += 1;
    }
}

fn turns_of(value: &Complex32) -> u32 {
    let turns = f64::from(value.im).atan2(f64::from(value.re)) / std::f64::consts::TAU;
    (turns.rem_euclid(1.0) * TURN) as u64 as u32
}
