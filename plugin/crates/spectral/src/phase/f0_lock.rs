//! Phases from a known pitch. Audio thread, preallocated.
//!
//! Builds what the note's partials would look like through the window, and gives each bin the phase
//! of that model; bins that stand well above the model are noise, and are filled from the spectrum of
//! a real noise; peaks among those are tones that the pitch does not explain, and run free.
//! Partials so close that their lobes overlap take the model's magnitude too: there the decoder's
//! magnitudes depend on relative phases that nobody knows, and would beat.
//! Source of the idea of drawing partials into a spectrum: Rodet, Depalle 1992, "Spectral envelopes
//! and inverse FFT synthesis"; the rest is our own.

use super::floor::NoiseFloor;
use super::free_peaks::FreePeaks;
use super::noise::NoiseSpectrum;
use super::pan::PanField;
use super::partials::{Partials, PartialsState};
use crate::approx::cos_sin_turns;
use crate::spec::StftSpec;
use crate::tables::VoiceTables;
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
/// Width of one pan of the noise.
const NOISE_BAND_BINS: usize = 16;
/// Below this frequency partials stay near the middle.
const CENTRED_HZ: f32 = 150.0;

const PAD: usize = LobeTable::REACH;

/// Phases of one voice that knows its pitch.
pub(crate) struct F0Lock {
    spec: StftSpec,
    bin_hz: f32,
    partials: Partials,
    // The model of the partials and its power, and the pan of each bin times that power; padded.
    real: Vec<f32>,
    imaginary: Vec<f32>,
    power: Vec<f32>,
    pan_power: Vec<f32>,
    // First the tonality of the slot, then the share of the bin that belongs to its partial.
    own: Vec<f32>,
    tone_gain: Vec<f32>,
    noise_gain: Vec<f32>,
    noise: NoiseSpectrum,
    floor: NoiseFloor,
    peaks: FreePeaks,
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

/// Where a voice stands between two frames.
#[derive(Clone, Debug)]
pub(crate) struct F0LockState {
    partials: PartialsState,
    peaks: Vec<u32>,
    frames: u64,
}

impl F0LockState {
    pub(crate) fn size_bytes(&self) -> usize {
        self.partials.size_bytes() + size_of_val(self.peaks.as_slice())
    }
}

impl F0Lock {
    /// Allocates.
    pub(crate) fn new(tables: &VoiceTables, sample_rate_hz: f32) -> Self {
        let spec = &tables.spec;
        let bins = spec.bins();
        let padded = bins + 2 * PAD;
        Self {
            spec: *spec,
            bin_hz: sample_rate_hz / spec.fft_size() as f32,
            partials: Partials::new(tables),
            real: vec![0.0; padded],
            imaginary: vec![0.0; padded],
            power: vec![0.0; padded],
            pan_power: vec![0.0; padded],
            own: vec![0.0; bins],
            tone_gain: vec![0.0; bins],
            noise_gain: vec![0.0; bins],
            noise: NoiseSpectrum::new(tables),
            floor: NoiseFloor::new(bins),
            peaks: FreePeaks::new(spec),
            pan: PanField::new(bins, spec.hop(), sample_rate_hz),
            frames: 0,
        }
    }

    /// Starts a note. Real-time safe.
    pub(crate) fn start(&mut self, seed: u64) {
        self.partials.start(seed);
        self.noise.start(seed);
        self.peaks.start(seed);
        self.pan.start(seed);
        self.frames = 0;
    }

    /// Keeps where the voice stands; its noise and pans follow from the seed. Allocates.
    pub(crate) fn keep(&self) -> F0LockState {
        F0LockState {
            partials: self.partials.keep(),
            peaks: self.peaks.phases().to_vec(),
            frames: self.frames,
        }
    }

    /// Goes on from there, after [`Self::start`] with the same seed. Real-time safe.
    pub(crate) fn restore(&mut self, state: &F0LockState) {
        self.partials.restore(&state.partials);
        self.peaks.set_phases(&state.peaks);
        self.frames = state.frames;
    }

    /// Fills the zero-phase spectrum of the next frame. Real-time safe.
    pub(crate) fn render(&mut self, mut frame: LockFrame<'_>) {
        let spacing = (frame.pitch_hz / self.bin_hz).clamp(0.25, self.spec.bins() as f32);
        let span = FREE_SPACING_BINS - MERGED_SPACING_BINS;
        let merged = ((FREE_SPACING_BINS - spacing) / span).clamp(0.0, 1.0);
        self.partials.advance(frame.magnitudes, spacing);
        self.draw_partials(frame.spread);
        self.partials
            .judge(frame.magnitudes, &self.power[PAD..], spacing);
        self.fill_slots(spacing);
        self.share_bins(frame.magnitudes, merged);
        self.floor.measure(frame.magnitudes, &self.own);
        self.mix(&mut frame, merged);
        if frame.spread > 0.0 {
            self.widen(&mut frame);
        }
        self.frames += 1;
    }

    // Arrays are padded by the lobe's reach, so that every lobe is drawn whole.
    fn draw_partials(&mut self, spread: f32) {
        for values in [
            &mut self.real,
            &mut self.imaginary,
            &mut self.power,
            &mut self.pan_power,
        ] {
            values.fill(0.0);
        }
        for (index, partial) in self.partials.active().iter().enumerate() {
            let (cos, sin) = cos_sin_turns(partial.phase);
            let (re, im) = (cos * partial.magnitude, sin * partial.magnitude);
            let power = partial.magnitude * partial.magnitude;
            let nearest = (partial.bins + 0.5) as usize;
            let row = self.partials.lobes().row(partial.bins - nearest as f32);
            let bins = nearest..nearest + LobeTable::WIDTH;
            let reals = self.real[bins.clone()]
                .iter_mut()
                .zip(&mut self.imaginary[bins.clone()]);
            let lobes = row.real.iter().zip(row.imaginary);
            for ((real, imaginary), (lobe_re, lobe_im)) in reals.zip(lobes) {
                *real += re * lobe_re - im * lobe_im;
                *imaginary += re * lobe_im + im * lobe_re;
            }
            for (bin, size) in self.power[bins.clone()].iter_mut().zip(row.sizes) {
                *bin += power * size * size;
            }
            if spread > 0.0 {
                let centred = (partial.bins * self.bin_hz / CENTRED_HZ).min(1.0);
                let pan = spread * centred * self.pan.partial(index, self.frames);
                for (bin, size) in self.pan_power[bins].iter_mut().zip(row.sizes) {
                    *bin += pan * power * size * size;
                }
            }
        }
    }

    // Gives each bin the tonality of the nearest partial.
    fn fill_slots(&mut self, spacing: f32) {
        self.own.fill(0.0);
        let end = self.own.len();
        for partial in self.partials.active() {
            let from = (partial.bins - 0.5 * spacing + 1.0).max(0.0) as usize;
            let to = ((partial.bins + 0.5 * spacing + 1.0) as usize).min(end);
            self.own[from.min(to)..to].fill(partial.tonality);
        }
    }

    // Turns the tonality of each slot into the share of each bin that belongs to the partials.
    fn share_bins(&mut self, magnitudes: &[f32], merged: f32) {
        const SPAN: f32 = FOREIGN_POWER_RATIO - OWN_POWER_RATIO;
        for ((own, model), magnitude) in self.own.iter_mut().zip(&self.power[PAD..]).zip(magnitudes)
        {
            let room = FOREIGN_POWER_RATIO * model - magnitude * magnitude;
            let near = (room / (SPAN * model + 1e-30)).clamp(0.0, 1.0);
            *own *= near + merged * (1.0 - near);
        }
    }

    fn mix(&mut self, frame: &mut LockFrame<'_>, merged: f32) {
        let noise = self.noise.frame(self.frames);
        let floor = self.floor.levels();
        // Gains first, in plain arrays, so that the compiler can take four bins at a time.
        let gains = self.tone_gain.iter_mut().zip(self.noise_gain.iter_mut());
        let model = || self.real[PAD..].iter().zip(&self.imaginary[PAD..]);
        let values = model()
            .zip(&self.own)
            .zip(frame.magnitudes.iter().zip(floor));
        for ((tone_gain, noise_gain), (((re, im), own), (magnitude, floor))) in gains.zip(values) {
            let model_magnitude = (re * re + im * im).sqrt() + 1e-20;
            let level = magnitude + merged * (model_magnitude - magnitude);
            *tone_gain = own.sqrt() * level / model_magnitude;
            *noise_gain = (1.0 - own).sqrt() * floor;
        }
        let tones = model().zip(&self.tone_gain);
        let parts = tones.zip(noise.iter().zip(&self.noise_gain));
        for (mid, (((re, im), tone_gain), (noise, noise_gain))) in frame.mid.iter_mut().zip(parts) {
            mid.re = re * tone_gain + noise.re * noise_gain;
            mid.im = im * tone_gain + noise.im * noise_gain;
        }
        self.peaks
            .draw(frame.magnitudes, floor, &self.own, |bin, value| {
                frame.mid[bin] = value
            });
    }

    // Every bin of the side is a share of the same bin of the middle, so that their sum is untouched.
    fn widen(&mut self, frame: &mut LockFrame<'_>) {
        let shares = self
            .own
            .iter()
            .zip(self.pan_power[PAD..].iter().zip(&self.power[PAD..]));
        let bins = frame
            .side
            .iter_mut()
            .zip(frame.mid.iter())
            .zip(shares)
            .enumerate();
        let mut band_pan = 0.0;
        for (bin, ((side, mid), (own, (pan_power, power)))) in bins {
            if bin % NOISE_BAND_BINS == 0 {
                let band = bin / NOISE_BAND_BINS;
                band_pan = frame.spread * self.pan.noise_band(band, self.frames);
            }
            let partial_pan = pan_power / (power + 1e-30);
            *side = mid * (own * partial_pan + (1.0 - own) * band_pan);
        }
    }
}
