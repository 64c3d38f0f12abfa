//! Short-time Fourier transform, offline and streaming, and its inverse for complex frames.
//!
//! Frame `n` is centred on sample `n * hop`; what lies outside the sound is zero. Spectra are raw,
//! `sum of window * sample * exp(-2 pi i bin k / N)` with `k` counted from the frame's centre.
//! Source: Allen, Rabiner 1977, "A unified approach to short-time Fourier analysis and synthesis".

use crate::error::SpecError;
use crate::overlap_add::{OverlapAdd, WindowSums};
use crate::spec::StftSpec;
use crate::window::hann_periodic;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Streaming analysis: samples in, spectra out. Any thread; preallocated.
pub struct Analysis {
    spec: StftSpec,
    window: Vec<f32>,
    ring: Vec<f32>,
    samples_in: u64,
    frames_out: u64,
    frame: Vec<f32>,
    scratch: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    forward: Arc<dyn RealToComplex<f32>>,
}

impl Analysis {
    /// Allocates.
    pub fn new(spec: &StftSpec) -> Self {
        let forward = RealFftPlanner::new().plan_fft_forward(spec.fft_size());
        Self {
            spec: *spec,
            window: hann_periodic(spec.fft_size()),
            ring: vec![0.0; spec.fft_size()],
            samples_in: 0,
            frames_out: 0,
            frame: forward.make_input_vec(),
            scratch: forward.make_scratch_vec(),
            spectrum: forward.make_output_vec(),
            forward,
        }
    }

    /// Forgets the past; the next sample is sample 0. Real-time safe.
    pub fn reset(&mut self) {
        self.ring.fill(0.0);
        self.samples_in = 0;
        self.frames_out = 0;
    }

    /// Samples of latency: frame `n` comes out once sample `n * hop + fft_size / 2 - 1` went in.
    pub fn delay_samples(&self) -> usize {
        self.spec.fft_size() / 2
    }

    /// Takes samples; gives each frame that is complete, as its index and `[bins]` values.
    /// Real-time safe if `frame` is.
    pub fn push(&mut self, mut samples: &[f32], mut frame: impl FnMut(u64, &[Complex32])) {
        let half = self.spec.fft_size() as u64 / 2;
        while !samples.is_empty() {
            let due = self.frames_out * self.spec.hop() as u64 + half;
            let count = (samples.len() as u64).min(due - self.samples_in) as usize;
            let (now, later) = samples.split_at(count);
            self.store(now);
            samples = later;
            if self.samples_in == due {
                self.transform();
                frame(self.frames_out, &self.spectrum);
                self.frames_out += 1;
            }
        }
    }

    fn store(&mut self, samples: &[f32]) {
        let size = self.ring.len() as u64;
        for sample in samples {
            self.ring[(self.samples_in % size) as usize] = *sample;
            self.samples_in += 1;
        }
    }

    fn transform(&mut self) {
        let size = self.ring.len();
        // The oldest sample in the ring is the frame's first; the frame is rotated to its centre.
        let oldest = (self.samples_in % size as u64) as usize;
        for (place, sample) in self.frame.iter_mut().enumerate() {
            let tap = (place + size / 2) % size;
            *sample = self.ring[(oldest + tap) % size] * self.window[tap];
        }
        // Lengths come from the plan itself, so this cannot fail.
        let _ = self.forward.process_with_scratch(
            &mut self.frame,
            &mut self.spectrum,
            &mut self.scratch,
        );
    }
}

/// Spectra of a whole sound: `[frames * bins]`, frames `0 ..= samples / hop`. Allocates.
pub fn stft(spec: &StftSpec, samples: &[f32]) -> Vec<Complex32> {
    let frames = samples.len() / spec.hop() + 1;
    let mut spectra = Vec::with_capacity(frames * spec.bins());
    let mut analysis = Analysis::new(spec);
    let mut keep = |index: u64, spectrum: &[Complex32]| {
        if index < frames as u64 {
            spectra.extend_from_slice(spectrum);
        }
    };
    analysis.push(samples, &mut keep);
    analysis.push(&vec![0.0; spec.fft_size()], &mut keep);
    spectra
}

/// Magnitudes of [`stft`]: `[frames * bins]`. Allocates.
pub fn magnitudes(spec: &StftSpec, samples: &[f32]) -> Vec<f32> {
    stft(spec, samples)
        .iter()
        .map(|value| value.norm())
        .collect()
}

/// Streaming inverse of [`stft`]: spectra in, hops out. Any thread; preallocated.
pub struct Synthesis {
    sums: WindowSums,
    overlap: OverlapAdd,
    inverse: Arc<dyn ComplexToReal<f32>>,
    scratch: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    samples: Vec<f32>,
}

impl Synthesis {
    /// Allocates.
    pub fn new(spec: &StftSpec) -> Self {
        let inverse = RealFftPlanner::new().plan_fft_inverse(spec.fft_size());
        Self {
            sums: WindowSums::new(spec, 1.0 / spec.fft_size() as f32),
            overlap: OverlapAdd::new(spec),
            scratch: inverse.make_scratch_vec(),
            spectrum: inverse.make_input_vec(),
            samples: inverse.make_output_vec(),
            inverse,
        }
    }

    /// Forgets the past; the next frame is frame 0. Real-time safe.
    pub fn reset(&mut self) {
        self.overlap.clear();
    }

    /// Adds the next frame, `[bins]`, phases about the frame's centre; missing bins are zero.
    /// Real-time safe.
    pub fn push(&mut self, spectrum: &[Complex32]) {
        let given = spectrum.len().min(self.spectrum.len());
        self.spectrum[..given].copy_from_slice(&spectrum[..given]);
        self.spectrum[given..].fill(Complex32::ZERO);
        if let [first, .., last] = self.spectrum.as_mut_slice() {
            (first.im, last.im) = (0.0, 0.0);
        }
        // Lengths come from the plan itself, so this cannot fail.
        let _ = self.inverse.process_with_scratch(
            &mut self.spectrum,
            &mut self.samples,
            &mut self.scratch,
        );
        self.overlap.add(&self.sums, &self.samples);
    }

    /// Gives the next hop, `[hop]` samples; hop `n` is complete once frames
    /// `0 ..= n + pre_centre_frames` were pushed. Real-time safe.
    pub fn pull_hop(&mut self, out: &mut [f32]) {
        self.overlap.take_hop(&self.sums, out);
    }
}

/// A whole sound of `samples` values from `[frames * bins]` spectra; missing frames are silent. Allocates.
///
/// # Errors
/// When `spectra` does not hold whole frames.
pub fn istft(
    spec: &StftSpec,
    spectra: &[Complex32],
    samples: usize,
) -> Result<Vec<f32>, SpecError> {
    let bins = spec.bins();
    if !spectra.len().is_multiple_of(bins) {
        let expected = spectra.len() / bins * bins;
        return Err(SpecError::Length {
            what: "spectra",
            given: spectra.len(),
            expected,
        });
    }
    let mut synthesis = Synthesis::new(spec);
    let mut frames = spectra.chunks(bins);
    let mut out = vec![0.0; samples.next_multiple_of(spec.hop())];
    for _ in 0..spec.pre_centre_frames() {
        synthesis.push(frames.next().unwrap_or(&[]));
    }
    for hop in out.chunks_mut(spec.hop()) {
        synthesis.push(frames.next().unwrap_or(&[]));
        synthesis.pull_hop(hop);
    }
    out.truncate(samples);
    Ok(out)
}
