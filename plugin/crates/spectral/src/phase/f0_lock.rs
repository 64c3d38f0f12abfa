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
use super::partials::{Partials, PartialsState, add_scaled, place};
use crate::approx::{cos_sin_turns, nearest_whole};
use crate::spec::StftSpec;
use crate::tables::VoiceTables;
use crate::window::{GROUP, Group, LOBE_GROUPS, LobeTable};
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
    real: Vec<Group>,
    imaginary: Vec<Group>,
    power: Vec<Group>,
    pan_power: Vec<Group>,
    // Phases of the partials, then their values.
    phases: Vec<u32>,
    cosines: Vec<f32>,
    sines: Vec<f32>,
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
        let padded = vec![[0.0; GROUP]; (bins + PAD) / GROUP + 1 + LOBE_GROUPS];
        Self {
            spec: *spec,
            bin_hz: sample_rate_hz / spec.fft_size() as f32,
            partials: Partials::new(tables),
            real: padded.clone(),
            imaginary: padded.clone(),
            power: padded.clone(),
            pan_power: padded,
            phases: vec![0; bins],
            cosines: vec![0.0; bins],
            sines: vec![0.0; bins],
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
            .judge(&self.power.as_flattened()[PAD..], spacing);
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
            values.fill([0.0; GROUP]);
        }
        self.find_values();
        let lobes = self.partials.lobes();
        for (index, partial) in self.partials.active().iter().enumerate() {
            let (re, im) = (self.cosines[index], self.sines[index]);
            let power = partial.magnitude * partial.magnitude;
            // Arrays begin REACH bins before bin 0.
            let (group, shift) = place(partial.nearest);
            let Some(lobe) = lobes.groups(partial.row as usize, shift) else {
                continue;
            };
            if let Some(real) = self.real[group..].first_chunk_mut()
                && let Some(imaginary) = self.imaginary[group..].first_chunk_mut()
                && let Some(drawn_power) = self.power[group..].first_chunk_mut()
            {
                add_scaled(real, lobe.real, re);
                add_scaled(imaginary, lobe.real, im);
                if let Some(lobe_imaginary) = lobe.imaginary {
                    add_scaled(real, lobe_imaginary, -im);
                    add_scaled(imaginary, lobe_imaginary, re);
                }
                add_scaled(drawn_power, lobe.powers, power);
            }
            if spread > 0.0
                && let Some(pan_power) = self.pan_power[group..].first_chunk_mut()
            {
                let centred = (partial.bins * self.bin_hz / CENTRED_HZ).min(1.0);
                let pan = spread * centred * self.pan.partial(index, self.frames);
                add_scaled(pan_power, lobe.powers, pan * power);
            }
        }
    }

    // Value of each partial from its phase and magnitude: in arrays, so that four go at a time.
    fn find_values(&mut self) {
        let active = self.partials.active();
        for (phase, partial) in self.phases.iter_mut().zip(active) {
            *phase = partial.phase;
        }
        let values = self.cosines.iter_mut().zip(&mut self.sines);
        for ((cosine, sine), phase) in values.zip(&self.phases[..active.len()]) {
            (*cosine, *sine) = cos_sin_turns(*phase);
        }
        let values = self.cosines.iter_mut().zip(&mut self.sines);
        for ((cosine, sine), partial) in values.zip(active) {
            *cosine *= partial.magnitude;
            *sine *= partial.magnitude;
        }
    }

    // Gives each bin the tonality of the nearest partial.
    fn fill_slots(&mut self, spacing: f32) {
        self.own.fill(0.0);
        let end = self.own.len();
        for partial in self.partials.active() {
            // The first whole bins from half a spacing below and above on.
            let from = nearest_whole((partial.bins - 0.5 * spacing + 0.5).max(0.0)) as usize;
            let to = (nearest_whole(partial.bins + 0.5 * spacing + 0.5) as usize).min(end);
            for own in &mut self.own[from.min(to)..to] {
                *own = partial.tonality;
            }
        }
    }

    // Turns the tonality of each slot into the share of each bin that belongs to the partials.
    fn share_bins(&mut self, magnitudes: &[f32], merged: f32) {
        const SPAN: f32 = FOREIGN_POWER_RATIO - OWN_POWER_RATIO;
        let models = &self.power.as_flattened()[PAD..];
        for ((own, model), magnitude) in self.own.iter_mut().zip(models).zip(magnitudes) {
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
        let (real, imaginary) = (self.real.as_flattened(), self.imaginary.as_flattened());
        let model = || real[PAD..].iter().zip(&imaginary[PAD..]);
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
        let (pans, powers) = (self.pan_power.as_flattened(), self.power.as_flattened());
        let powers = pans[PAD..].iter().zip(&powers[PAD..]);
        let shares = self.own.iter().zip(powers);
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
