//! Tones that a note's pitch does not explain: bells, metal, a beating string. Audio thread.
//!
//! Each keeps the phase of the peak nearest to it in the frame before, as in single-pass inversion
//! (Beauregard, Harish, Wyse 2015, sec. 3).

use crate::approx::{TURN, cos_sin_turns};
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;
use realfft::num_complex::Complex32;

/// A peak this far (14 dB) above the noise's level is a tone; plain noise gets there in 1 bin of 10^11.
const TONE_OVER_NOISE: f32 = 5.0;
/// Bins of a tone on each side of its peak.
const REACH: usize = 2;
/// Bins that are looked at together.
const GROUP: usize = 8;

/// Phases of free tones, by bin.
#[derive(Clone, Debug)]
pub(crate) struct FreePeaks {
    hop_over_size: f64,
    phases: Vec<u32>,
    // 1 where a tone peaks: `[bins]`.
    marks: Vec<u32>,
}

impl FreePeaks {
    /// Allocates.
    pub(crate) fn new(spec: &StftSpec) -> Self {
        Self {
            hop_over_size: spec.hop() as f64 / spec.fft_size() as f64,
            phases: vec![0; spec.bins()],
            marks: vec![0; spec.bins()],
        }
    }

    /// Starts a note. Real-time safe.
    pub(crate) fn start(&mut self, seed: u64) {
        let stream = Stream::new(seed, Purpose::START_PHASE, 0, 1);
        for (bin, phase) in self.phases.iter_mut().enumerate() {
            // Sine phase of random sign: a bell starts from zero like the partials.
            *phase = (1 << 30) ^ (stream.u32_at(bin as u64) & (1 << 31));
        }
    }

    /// Phases of the frame before, `[bins]`.
    pub(crate) fn phases(&self) -> &[u32] {
        &self.phases
    }

    /// Goes on from phases of the frame before. Real-time safe.
    pub(crate) fn set_phases(&mut self, phases: &[u32]) {
        super::copy_common(&mut self.phases, phases);
    }

    /// Calls `draw` with each bin of a free tone and its value. Real-time safe.
    pub(crate) fn draw(
        &mut self,
        magnitudes: &[f32],
        floor: &[f32],
        own: &[f32],
        mut draw: impl FnMut(usize, Complex32),
    ) {
        self.mark(magnitudes, floor, own);
        let mut next = REACH;
        for group in 0..self.marks.len().div_ceil(GROUP) {
            let bins = group * GROUP..((group + 1) * GROUP).min(self.marks.len());
            // Hardly any bin is one: so many at a time are passed over.
            let any = self.marks[bins.clone()]
                .iter()
                .fold(0, |any, mark| any | mark);
            if any == 0 {
                continue;
            }
            for bin in bins {
                if self.marks[bin] == 1 {
                    let from = (bin - REACH).max(next);
                    self.draw_tone(magnitudes, bin, from, &mut draw);
                    next = bin + REACH + 1;
                }
            }
        }
    }

    // In a loop without branches, because where peaks lie is as unpredictable as a spectrum.
    fn mark(&mut self, magnitudes: &[f32], floor: &[f32], own: &[f32]) {
        let inner = REACH..self.marks.len().saturating_sub(REACH);
        let peaks = self.marks[inner.clone()]
            .iter_mut()
            .zip(magnitudes[REACH - 1..].windows(3));
        let levels = floor[inner.clone()].iter().zip(&own[inner]);
        for ((mark, three), (floor, own)) in peaks.zip(levels) {
            let peak = (three[1] > three[0]) & (three[1] >= three[2]);
            let tone = (three[1] >= TONE_OVER_NOISE * floor) & (*own <= 0.5);
            *mark = u32::from(peak & tone);
        }
    }

    fn draw_tone(
        &mut self,
        magnitudes: &[f32],
        bin: usize,
        from: usize,
        draw: &mut impl FnMut(usize, Complex32),
    ) {
        let (left, centre, right) = (magnitudes[bin - 1], magnitudes[bin], magnitudes[bin + 1]);
        let curvature = left - 2.0 * centre + right;
        let offset = (0.5 * (left - right) / curvature).clamp(-0.5, 0.5);
        let turns = (bin as f64 + f64::from(offset)) * self.hop_over_size;
        let phase = self.phases[bin].wrapping_add((turns * TURN) as u64 as u32);
        let (cos, sin) = cos_sin_turns(phase);
        let tone = from..=bin + REACH;
        self.phases[tone.clone()].fill(phase);
        for (offset, magnitude) in magnitudes[tone].iter().enumerate() {
            draw(from + offset, Complex32::new(cos, sin) * *magnitude);
        }
    }
}
