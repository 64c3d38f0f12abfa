//! Single-pass spectrogram inversion. Audio thread.
//!
//! Source: Beauregard, Harish, Wyse 2015, "Single pass spectrogram inversion", sec. 3.

use crate::counter_rng::{Purpose, Stream};

/// Phases of one voice by peak picking.
#[derive(Clone, Debug)]
pub struct Spsi {
    hop_over_size: f64,
    phases: Vec<u32>,
}

impl Spsi {
    /// For frames of `bins` values, `hop` samples apart. Allocates.
    pub fn new(bins: usize, fft_size: usize, hop: usize) -> Self {
        Self {
            hop_over_size: hop as f64 / fft_size as f64,
            phases: vec![0; bins],
        }
    }

    /// Starts a note: random phases from `seed`. Real-time safe.
    pub fn start(&mut self, seed: u64) {
        let stream = Stream::new(seed, Purpose::START_PHASE, 0, 1);
        for (bin, phase) in self.phases.iter_mut().enumerate() {
            *phase = stream.u32_at(bin as u64);
        }
    }

    /// Phases `[bins]` in turns / 2^32 of the next frame. Real-time safe.
    ///
    /// `magnitudes`: `[bins]`, linear. Each bin advances with the peak whose region it lies in; a
    /// region ends at the lowest bin between two peaks. Here, where phases are told about a frame's
    /// centre, all bins of a region take the peak's own phase.
    pub fn advance(&mut self, magnitudes: &[f32]) -> &[u32] {
        let last = self.phases.len().min(magnitudes.len()).saturating_sub(1);
        let mut region_start = 0;
        let mut peak = next_peak(magnitudes, 0, last);
        while let Some(bin) = peak {
            let following = next_peak(magnitudes, bin + 1, last);
            let region_end = following.map_or(last, |next| valley(magnitudes, bin, next));
            let frequency_bins = bin as f64 + f64::from(parabolic_offset(magnitudes, bin));
            let advance = (frequency_bins * self.hop_over_size).fract() * crate::approx::TURN;
            let phase = self.phases[bin].wrapping_add(advance as u64 as u32);
            self.phases[region_start..=region_end].fill(phase);
            region_start = region_end + 1;
            peak = following;
        }
        &self.phases
    }
}

impl Spsi {
    /// Phases of the frame before, `[bins]`.
    pub(crate) fn phases(&self) -> &[u32] {
        &self.phases
    }

    /// Goes on from phases of the frame before. Real-time safe.
    pub(crate) fn set_phases(&mut self, phases: &[u32]) {
        super::copy_common(&mut self.phases, phases);
    }
}

fn next_peak(magnitudes: &[f32], from: usize, last: usize) -> Option<usize> {
    (from.max(1)..last).find(|&bin| {
        magnitudes[bin] > magnitudes[bin - 1] && magnitudes[bin] >= magnitudes[bin + 1]
    })
}

fn valley(magnitudes: &[f32], left: usize, right: usize) -> usize {
    let mut lowest = left;
    for bin in left..right {
        if magnitudes[bin] < magnitudes[lowest] {
            lowest = bin;
        }
    }
    lowest
}

fn parabolic_offset(magnitudes: &[f32], bin: usize) -> f32 {
    let (a, b, c) = (magnitudes[bin - 1], magnitudes[bin], magnitudes[bin + 1]);
    let curvature = a - 2.0 * b + c;
    if curvature < 0.0 {
        (0.5 * (a - c) / curvature).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}
