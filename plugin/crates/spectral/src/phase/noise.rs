//! A white noise that begins with the note, seen through the voice's own STFT. Audio thread.
//!
//! Random phases drawn anew for each frame do not agree where frames overlap: noise then comes back
//! weaker by the redundancy (9 dB at 8) and smears over a whole window at the start. The spectra of
//! one real noise agree by construction, and before sample 0 that noise is silent.

use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;
use crate::tables::VoiceTables;
use crate::window::hann_periodic;
use realfft::RealToComplex;
use realfft::num_complex::Complex32;
use std::sync::Arc;

/// STFT of the noise of one voice.
pub(crate) struct NoiseSpectrum {
    spec: StftSpec,
    window: Arc<[f32]>,
    ring: Vec<f32>,
    stream: Stream,
    samples_made: u64,
    frame: Vec<f32>,
    scratch: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    forward: Arc<dyn RealToComplex<f32>>,
}

impl NoiseSpectrum {
    /// Allocates.
    pub(crate) fn new(tables: &VoiceTables) -> Self {
        let (spec, forward) = (&tables.spec, Arc::clone(&tables.forward));
        Self {
            spec: *spec,
            window: Arc::clone(&tables.noise_window),
            ring: vec![0.0; spec.fft_size()],
            stream: Stream::new(0, Purpose::NOISE, 0, 0),
            samples_made: 0,
            frame: forward.make_input_vec(),
            scratch: forward.make_scratch_vec(),
            spectrum: forward.make_output_vec(),
            forward,
        }
    }

    /// Starts the noise of another note. Real-time safe.
    pub(crate) fn start(&mut self, seed: u64) {
        self.stream = Stream::new(seed, Purpose::NOISE, 0, 0);
        self.ring.fill(0.0);
        self.samples_made = 0;
    }

    /// Spectrum `[bins]` of frame `index` about its centre; frames are asked for in order. Real-time safe.
    pub(crate) fn frame(&mut self, index: u64) -> &[Complex32] {
        let size = self.spec.fft_size();
        let half = size / 2;
        let centre = index * self.spec.hop() as u64;
        self.make_samples(centre + half as u64);
        // The rotated frame starts at its centre; samples before the centre wrap to its end.
        let start = (centre % size as u64) as usize;
        let (left, right) = self.window.split_at(half);
        let (after, before) = self.frame.split_at_mut(half);
        weigh(after, right, &self.ring, start);
        weigh(before, left, &self.ring, (start + half) % size);
        // Lengths come from the plan itself, so this cannot fail; a failure would leave old values.
        let _ = self.forward.process_with_scratch(
            &mut self.frame,
            &mut self.spectrum,
            &mut self.scratch,
        );
        &self.spectrum
    }

    fn make_samples(&mut self, end: u64) {
        let size = self.spec.fft_size() as u64;
        let from = self.samples_made.max(end.saturating_sub(size));
        let (wrapped, straight) = self.ring.split_at_mut((from % size) as usize);
        for (sample, position) in straight.iter_mut().chain(wrapped).zip(from..end) {
            *sample = near_gaussian(self.stream.u64_at(position));
        }
        self.samples_made = self.samples_made.max(end);
    }
}

/// Hann window `[fft_size]` through which a white noise of variance 1 has bins of expected power 1.
pub(crate) fn unit_power_window(spec: &StftSpec) -> Vec<f32> {
    let raw = hann_periodic(spec.fft_size());
    let power: f64 = raw.iter().map(|w| f64::from(*w).powi(2)).sum();
    let scale = (1.0 / power).sqrt() as f32;
    raw.iter().map(|w| w * scale).collect()
}

// Weighted samples of the ring from `start` on.
fn weigh(out: &mut [f32], window: &[f32], ring: &[f32], start: usize) {
    let (wrapped, straight) = ring.split_at(start);
    let until_wrap = out.len().min(straight.len());
    let (head, tail) = out.split_at_mut(until_wrap);
    for ((out, window), sample) in head.iter_mut().zip(window).zip(straight) {
        *out = window * sample;
    }
    for ((out, window), sample) in tail.iter_mut().zip(&window[until_wrap..]).zip(wrapped) {
        *out = window * sample;
    }
}

// Sum of four 16-bit uniform values, variance 1: white noise that is flat in loudness, without libm.
#[inline(always)]
fn near_gaussian(bits: u64) -> f32 {
    const SCALE: f32 = 1.732_050_8 / 65_536.0; // four uniform values over 65536 have the variance 65536^2 / 3
    let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    (sum as i32 - 131_070) as f32 * SCALE
}
