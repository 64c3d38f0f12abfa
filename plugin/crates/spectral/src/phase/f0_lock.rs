//! Phases from a known pitch. Audio thread, preallocated.
//!
//! Builds what the note's partials would look like through the window, and gives each bin the phase
//! of that model; bins that stand well above the model are noise, and get the phase of a real noise.
//! Partials so close that their lobes overlap take the model's magnitude too: there the decoder's
//! magnitudes depend on relative phases that nobody knows, and would beat.
//! Source of the idea of drawing partials into a spectrum: Rodet, Depalle 1992, "Spectral envelopes
//! and inverse FFT synthesis"; the rest is our own.

use super::noise::NoiseSpectrum;
use super::pan::PanField;
use super::partials::Partials;
use crate::approx::cos_sin_turns;
use crate::spec::StftSpec;
use crate::window::LobeTable;
use realfft::num_complex::Complex32;

/// A bin up to this power ratio above the model is the partial's, whatever its exact shape.
const OWN_POWER_RATIO: f32 = 8.0;
/// From this power ratio on a bin is noise.
const FOREIGN_POWER_RATIO: f32 = 32.0;
/// Spacing, in bins, from which partials stand free of each other's main lobes.
const FREE_SPACING_BINS: f32 = 4.0;
/// Spacing below which only the model is trusted.
const MERGED_SPACING_BINS: f32 = 3.0;
/// Makes up for the energy that noise loses when only its phases are kept.
const NOISE_GAIN: f32 = 1.0;
const NOISE_BAND_BINS: usize = 16;
/// Below this frequency partials stay near the middle.
const CENTRED_HZ: f32 = 150.0;

/// Phases of one voice that knows its pitch.
pub(crate) struct F0Lock {
    spec: StftSpec,
    bin_hz: f32,
    lobes: LobeTable,
    partials: Partials,
    model: Vec<Complex32>,
    side_model: Vec<Complex32>,
    tonal: Vec<f32>,
    noise_pan: Vec<f32>,
    noise: NoiseSpectrum,
    pan: PanField,
    frames: u64,
}

/// What [`F0Lock::render`] reads and writes.
pub(crate) struct LockFrame<'a> {
    pub(crate) magnitudes: &'a [f32],
    pub(crate) pitch_hz: f32,
    pub(crate) spread: f32,
    pub(crate) mid: &'a mut [Complex32],
    pub(crate) side: &'a mut [Complex32],
}

impl F0Lock {
    /// Allocates.
    pub(crate) fn new(spec: &StftSpec, sample_rate_hz: f32) -> Self {
        let bins = spec.bins();
        Self {
            spec: *spec,
            bin_hz: sample_rate_hz / spec.fft_size() as f32,
            lobes: LobeTable::new(),
            partials: Partials::new(spec),
            model: vec![Complex32::ZERO; bins],
            side_model: vec![Complex32::ZERO; bins],
            tonal: vec![0.0; bins],
            noise_pan: vec![0.0; bins.div_ceil(NOISE_BAND_BINS)],
            noise: NoiseSpectrum::new(spec),
            pan: PanField::new(spec.hop(), sample_rate_hz),
            frames: 0,
        }
    }

    /// Starts a note. Real-time safe.
    pub(crate) fn start(&mut self, seed: u64) {
        self.partials.start(seed);
        self.noise.start(seed);
        self.pan.start(seed);
        self.frames = 0;
    }

    /// Fills the zero-phase spectrum of the next frame. Real-time safe.
    pub(crate) fn render(&mut self, frame: LockFrame<'_>) {
        let spacing = (frame.pitch_hz / self.bin_hz).clamp(0.25, self.spec.bins() as f32);
        self.partials
            .advance(frame.magnitudes, spacing, &self.lobes);
        let wide = frame.spread > 0.0;
        self.draw_partials(spacing, wide.then_some(frame.spread));
        let merged = ((FREE_SPACING_BINS - spacing) / (FREE_SPACING_BINS - MERGED_SPACING_BINS))
            .clamp(0.0, 1.0);
        self.mix(frame, merged);
        self.frames += 1;
    }

    fn draw_partials(&mut self, spacing: f32, spread: Option<f32>) {
        self.model.fill(Complex32::ZERO);
        if spread.is_some() {
            self.side_model.fill(Complex32::ZERO);
        }
        self.tonal.fill(0.0);
        let reach = ((0.5 * spacing) as usize + 3).min(LobeTable::REACH);
        let last = self.spec.bins() - 1;
        let half_slot = 0.5 * spacing;
        for (index, partial) in self.partials.active().iter().enumerate() {
            let (cos, sin) = cos_sin_turns(partial.phase);
            let value = Complex32::new(cos * partial.magnitude, sin * partial.magnitude);
            let nearest = (partial.bins + 0.5) as usize;
            let row = self.lobes.row(partial.bins - nearest as f32);
            let from = nearest.saturating_sub(reach);
            let to = (nearest + reach).min(last);
            let row = &row[LobeTable::REACH + from - nearest.min(LobeTable::REACH + from)..];
            for (bin, lobe) in self.model[from..=to].iter_mut().zip(row) {
                bin.re += value.re * lobe;
                bin.im += value.im * lobe;
            }
            if let Some(spread) = spread {
                let centred = (partial.bins * self.bin_hz / CENTRED_HZ).min(1.0);
                let pan = spread * centred * self.pan.partial(index as u32, self.frames);
                for (bin, lobe) in self.side_model[from..=to].iter_mut().zip(row) {
                    bin.re += value.re * lobe * pan;
                    bin.im += value.im * lobe * pan;
                }
            }
            let slot_from = (partial.bins - half_slot).max(0.0).ceil() as usize;
            let slot_to = ((partial.bins + half_slot).ceil() as usize).min(last + 1);
            for tonal in &mut self.tonal[slot_from.min(slot_to)..slot_to] {
                *tonal = partial.tonality;
            }
        }
    }

    fn mix(&mut self, frame: LockFrame<'_>, merged: f32) {
        let wide = frame.spread > 0.0;
        if wide {
            for (band, pan) in self.noise_pan.iter_mut().enumerate() {
                *pan = frame.spread * self.pan.noise_band(band as u32, self.frames);
            }
        }
        let noise = self.noise.frame(self.frames);
        let bins = frame.magnitudes.len().min(self.model.len());
        for bin in 0..bins {
            let magnitude = frame.magnitudes[bin];
            let model = self.model[bin];
            let model_power = model.norm_sqr() + 1e-30;
            let noise_power = noise[bin].norm_sqr() + 1e-30;
            let power = magnitude * magnitude;
            let excess = (FOREIGN_POWER_RATIO * model_power - power)
                / ((FOREIGN_POWER_RATIO - OWN_POWER_RATIO) * model_power);
            let own = excess.clamp(0.0, 1.0).max(merged) * self.tonal[bin];
            let level = magnitude + merged * (model_power.sqrt() - magnitude);
            let tone_gain = own.sqrt() * level / model_power.sqrt();
            let noise_gain = (1.0 - own).sqrt() * magnitude * NOISE_GAIN / noise_power.sqrt();
            frame.mid[bin] = model * tone_gain + noise[bin] * noise_gain;
            if wide {
                let pan = self.noise_pan[bin / NOISE_BAND_BINS];
                frame.side[bin] =
                    self.side_model[bin] * tone_gain + noise[bin] * (noise_gain * pan);
            }
        }
    }
}
