//! Gradient integration with one frame of look-ahead, made consistent once. Audio thread, preallocated.
//!
//! A look-ahead tells more than a better slope. The frames before have sounded, the frame after is known
//! but for its phases, and the three together say what the frame between can have been: the phases that
//! integration finds are sounded beside their neighbours, heard again, and kept as they come back.
//! Source: Zhu, Beauregard, Wyse 2007, "Real-time signal estimation from modified short-time Fourier
//! transform magnitude spectra", sec. III (RTISI-LA, here one frame ahead and one iteration, beginning
//! from integrated phases). That a share of the frame's own value is taken out is our own.

use super::rtpghi::{Rtpghi, RtpghiState};
use crate::approx::{cos_sin_turns, phase_of};
use crate::tables::VoiceTables;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealToComplex};
use std::sync::Arc;

/// Share of the frame's own value that is taken out of what is heard in its place: the neighbours
/// count for more. From 0.1 to 0.3 nothing changes by more than 0.2 dB (16 real clips).
const OWN: f32 = 0.2;

/// Phases of one voice, one frame late.
pub struct RtpghiLookahead {
    rtpghi: Rtpghi,
    // Goes one frame further, without look-ahead, and is then set back.
    ahead: Rtpghi,
    // The frame that got its phases last: it sounds once they are final.
    latest: Vec<f32>,
    phases: Vec<u32>,
    frames: u64,
    // Sum of the frames before, windowed, as far as the frame at hand reaches: `[fft_size]`.
    past: Vec<f32>,
    heard: Vec<f32>,
    guess: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    frame: Vec<f32>,
    scratch: Vec<Complex32>,
    projection: Arc<ProjectionTable>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

/// Where a voice stands between two frames.
#[derive(Clone, Debug)]
pub(crate) struct LookaheadState {
    rtpghi: RtpghiState,
    latest: Vec<f32>,
    phases: Vec<u32>,
    past: Vec<f32>,
    frames: u64,
}

impl LookaheadState {
    pub(crate) fn size_bytes(&self) -> usize {
        let own = self.latest.len() + self.phases.len() + self.past.len();
        self.rtpghi.size_bytes() + own * size_of::<f32>()
    }
}

impl RtpghiLookahead {
    /// Allocates.
    pub fn new(tables: &VoiceTables) -> Self {
        let (spec, bins) = (&tables.spec, tables.spec.bins());
        let (forward, inverse) = (Arc::clone(&tables.forward), Arc::clone(&tables.inverse));
        let longest_scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            rtpghi: Rtpghi::with_lookahead(spec),
            ahead: Rtpghi::new(spec),
            latest: vec![0.0; bins],
            phases: vec![0; bins],
            frames: 0,
            past: vec![0.0; spec.fft_size()],
            heard: vec![0.0; spec.fft_size()],
            guess: vec![Complex32::ZERO; bins],
            spectrum: inverse.make_input_vec(),
            frame: inverse.make_output_vec(),
            scratch: vec![Complex32::ZERO; longest_scratch],
            projection: Arc::clone(&tables.projection),
            forward,
            inverse,
        }
    }

    /// Starts a note; `seed` keys the phases of bins too quiet to integrate. Real-time safe.
    pub fn start(&mut self, seed: u64) {
        self.rtpghi.start(seed);
        self.ahead.start(seed);
        self.latest.fill(0.0);
        self.phases.fill(0);
        self.past.fill(0.0);
        self.frames = 0;
    }

    /// Phases `[bins]` in turns / 2^32 of the frame `magnitudes` `[bins]`, linear.
    ///
    /// `following`: the frame after it; without one the phases are those of the integration alone.
    /// Real-time safe; takes the same time for every spectrum.
    pub fn advance(&mut self, magnitudes: &[f32], following: Option<&[f32]>) -> &[u32] {
        self.settle();
        let phases = self.rtpghi.advance(magnitudes, following);
        super::copy_common(&mut self.phases, phases);
        super::copy_common(&mut self.latest, magnitudes);
        if let Some(following) = following {
            self.project(following);
            self.rtpghi.set_phases(&self.phases);
        }
        self.frames += 1;
        &self.phases
    }

    /// Says what phases the last frame took instead, `[bins]`: the next goes on from them. Real-time safe.
    pub fn set_phases(&mut self, phases: &[u32]) {
        super::copy_common(&mut self.phases, phases);
        self.rtpghi.set_phases(phases);
    }

    /// Keeps where the voice stands. Allocates.
    pub(crate) fn keep(&self) -> LookaheadState {
        LookaheadState {
            rtpghi: self.rtpghi.keep(),
            latest: self.latest.clone(),
            phases: self.phases.clone(),
            past: self.past.clone(),
            frames: self.frames,
        }
    }

    /// Goes on from there, after [`Self::start`] with the same seed. Real-time safe.
    pub(crate) fn restore(&mut self, state: &LookaheadState) {
        self.rtpghi.restore(&state.rtpghi);
        super::copy_common(&mut self.latest, &state.latest);
        super::copy_common(&mut self.phases, &state.phases);
        super::copy_common(&mut self.past, &state.past);
        self.frames = state.frames;
    }

    // The frame before joins the past, and the window moves on by a hop.
    fn settle(&mut self) {
        if self.frames == 0 {
            return;
        }
        polar(&self.latest, &self.phases, &mut self.guess);
        self.transform();
        let projection = &self.projection;
        projection.add(&self.frame, &mut self.past, 0);
        let kept = self.past.len() - projection.hop;
        self.past.copy_within(projection.hop.., 0);
        self.past[kept..].fill(0.0);
    }

    fn project(&mut self, following: &[f32]) {
        let projection = Arc::clone(&self.projection);
        self.ahead.follow(&self.rtpghi);
        let phases_after = self.ahead.advance(following, None);
        polar(following, phases_after, &mut self.guess);
        self.transform();
        self.heard.copy_from_slice(&self.past);
        projection.add(&self.frame, &mut self.heard, projection.hop);
        polar(&self.latest, &self.phases, &mut self.guess);
        self.transform();
        projection.add(&self.frame, &mut self.heard, 0);
        projection.weigh(&self.heard, self.frames, &mut self.frame);
        // Lengths come from the plans themselves, so neither transform can fail.
        let _ = self.forward.process_with_scratch(
            &mut self.frame,
            &mut self.spectrum,
            &mut self.scratch,
        );
        let found = self.spectrum.iter().zip(&self.guess);
        for (phase, (heard, own)) in self.phases.iter_mut().zip(found) {
            let value = heard - own * OWN;
            *phase = phase_of(value.re, value.im);
        }
    }

    // `guess` to `frame`, its centre at index 0.
    fn transform(&mut self) {
        self.spectrum.copy_from_slice(&self.guess);
        if let [first, .., last] = self.spectrum.as_mut_slice() {
            (first.im, last.im) = (0.0, 0.0);
        }
        let _ = self.inverse.process_with_scratch(
            &mut self.spectrum,
            &mut self.frame,
            &mut self.scratch,
        );
    }
}

fn polar(magnitudes: &[f32], phases: &[u32], spectrum: &mut [Complex32]) {
    for ((value, magnitude), phase) in spectrum.iter_mut().zip(magnitudes).zip(phases) {
        let (cos, sin) = cos_sin_turns(*phase);
        *value = Complex32::new(magnitude * cos, magnitude * sin);
    }
}

/// Windows of a projection: of the frame at hand, the one after it and those before it that exist.
#[derive(Debug)]
pub(crate) struct ProjectionTable {
    hop: usize,
    // Scaled by 1 / fft_size, because an inverse FFT is not.
    window: Vec<f32>,
    // Window over the sum of squared windows, 0 before the sound; a row for each of the first frames,
    // the last is the steady state: `[redundancy][fft_size]`.
    rows: Vec<f32>,
}

impl ProjectionTable {
    /// Allocates.
    pub(crate) fn new(spec: &crate::StftSpec) -> Self {
        let (size, hop, half) = (spec.fft_size(), spec.hop(), spec.fft_size() / 2);
        let window = crate::window::hann_periodic(size);
        let mut rows = Vec::with_capacity(spec.redundancy() * size);
        for frame in 0..spec.redundancy() {
            let sum_at = |sample: usize| -> f32 {
                let before = (0..=frame).map(|back| sample + back * hop);
                let squares = before
                    .chain(sample.checked_sub(hop))
                    .filter_map(|place| window.get(place));
                squares.map(|weight| weight * weight).sum()
            };
            rows.extend((0..size).map(|sample| {
                let exists = sample + frame * hop >= half && sum_at(sample) > LEAST_WINDOW_SUM;
                if exists {
                    window[sample] / sum_at(sample)
                } else {
                    0.0
                }
            }));
        }
        let scale = 1.0 / size as f32;
        Self {
            hop,
            window: window.iter().map(|weight| weight * scale).collect(),
            rows,
        }
    }

    // Adds a frame with its centre at index 0 to a sum, so many samples late.
    fn add(&self, frame: &[f32], sum: &mut [f32], late: usize) {
        let (after, before) = frame.split_at(frame.len() / 2);
        let (left, right) = self.window.split_at(frame.len() / 2);
        let (early, rest) = sum[late..].split_at_mut(left.len());
        for ((sum, sample), weight) in early.iter_mut().zip(before).zip(left) {
            *sum += sample * weight;
        }
        for ((sum, sample), weight) in rest.iter_mut().zip(after).zip(right) {
            *sum += sample * weight;
        }
    }

    // What an analysis at the frame sees, its centre at index 0.
    fn weigh(&self, sum: &[f32], frame: u64, out: &mut [f32]) {
        let size = sum.len();
        let last = self.rows.len() / size - 1;
        let row = &self.rows[frame.min(last as u64) as usize * size..][..size];
        let (after, before) = out.split_at_mut(size / 2);
        let outs = before.iter_mut().chain(after);
        for ((out, sum), weight) in outs.zip(sum).zip(row) {
            *out = sum * weight;
        }
    }
}

/// Samples that the windows hardly reach are left silent, instead of dividing by nothing.
const LEAST_WINDOW_SUM: f32 = 1e-6;
