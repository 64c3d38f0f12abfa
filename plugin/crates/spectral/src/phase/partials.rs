//! Follows the partials of one note: where each lies, how strong and how tonal it is, its phase.
//! Audio thread, preallocated. Leaves the spectrum to `f0_lock`.

use super::place::{Expected, Place};
use crate::approx::{nearest_whole, wrapped_turns};
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;
use crate::tables::VoiceTables;
use crate::window::{GROUP, Group, LobeTable, NEAR_GROUPS};
use std::sync::Arc;

/// Stiffness is read from the partials up to this one; above, peaks are crowded or gone.
const STIFFNESS_PARTIALS: usize = 48;
/// Share of the new measurement in a partial's noise: about six frames.
const NOISE_SMOOTHING: f32 = 0.16;
/// Below this spacing neighbours pull peaks aside, and no valley shows which of them are real.
const MEASURABLE_SPACING_BINS: f32 = 4.5;
/// Partials that must agree on a stiffness before others follow it.
const STIFFNESS_WITNESSES: f32 = 2.5;
/// How far, relatively, a partial may lie from what those below it say.
const STIFFNESS_DISAGREEMENT: f32 = 0.3;
/// The lowest partials hardly deviate on a string: what moves them is something else.
const STIFFNESS_FROM: usize = 3;
/// Partials 60 dB below the loudest have no say in it either.
const FAINT_PARTIAL: f32 = 1e-3;
/// Partials that decide whether a frame's lobes are those of a note that just began.
const ONSET_WITNESSES: usize = 16;
/// From this spacing on, neighbours no longer leak into a partial's three bins.
const SEPARATE_SPACING_BINS: f32 = 4.0;
/// A valley is looked for no further away than this, so that it tells about the partial's surroundings.
const VALLEY_BINS: f32 = 6.0;
/// Power of the noise beside a partial, relative to the partial's, in plain noise.
const PLAIN_NOISE: f32 = 0.65;
/// Shares of that up to which a partial is a tone, and from which it is noise.
const TONE_SHARE: f32 = 0.15;
const NOISE_SHARE: f32 = 0.5;

/// One partial of the note.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Partial {
    /// Place in bins at this frame.
    pub(crate) bins: f32,
    /// Magnitude a bin at its exact place would have.
    pub(crate) magnitude: f32,
    /// Phase about the frame's centre, turns / 2^32.
    pub(crate) phase: u32,
    /// 0 is noise, 1 is a tone.
    pub(crate) tonality: f32,
    /// The bin nearest to it, and the row of its lobe.
    pub(crate) nearest: u32,
    pub(crate) row: u32,
    place: Place,
    // Smoothed powers: of the partial, and of the noise beside it (may dip below 0 by chance).
    power: f32,
    noise_power: f32,
}

/// All partials of one note.
#[derive(Clone, Debug)]
pub(crate) struct Partials {
    spec: StftSpec,
    lobes: Arc<[LobeTable]>,
    stage: usize,
    partials: Vec<Partial>,
    // Powers of the frame, `[bins]`; what of them each partial sees, and what is modelled there; and what
    // partials add up to about each bin, padded.
    powers: Vec<f32>,
    seen: Vec<f32>,
    modelled: Vec<f32>,
    drawn: Vec<Group>,
    // Powers of two neighbouring bins that the partials do not explain: `[bins - 1]`.
    excess: Vec<f32>,
    used: usize,
    // Of those, how many were there in the frame before.
    known: usize,
    // Relative deviation of partial k, divided by k^2, as a stiff string has it for all k.
    stiffness: f32,
    frames: u64,
    seed: u64,
}

/// Where all partials of a voice stand between two frames.
#[derive(Clone, Debug)]
pub(crate) struct PartialsState {
    active: Vec<Partial>,
    known: usize,
    stiffness: f32,
    frames: u64,
}

impl PartialsState {
    pub(crate) fn size_bytes(&self) -> usize {
        size_of_val(self.active.as_slice())
    }
}

impl Partials {
    /// Allocates room for as many partials as there are bins.
    pub(crate) fn new(tables: &VoiceTables) -> Self {
        let spec = &tables.spec;
        Self {
            spec: *spec,
            lobes: Arc::clone(&tables.lobes),
            stage: spec.analysis_half_hops(),
            partials: vec![Partial::default(); spec.bins()],
            powers: vec![0.0; spec.bins()],
            seen: vec![0.0; spec.bins()],
            modelled: vec![0.0; spec.bins()],
            drawn: vec![[0.0; GROUP]; spec.bins() / GROUP + 1 + NEAR_GROUPS],
            excess: vec![0.0; spec.bins() - 1],
            used: 0,
            known: 0,
            stiffness: 0.0,
            frames: 0,
            seed: 0,
        }
    }

    /// Starts a note. Real-time safe.
    ///
    /// Partials start at sine phase of random sign: the sum starts from zero, without a step, and its
    /// crest is that of a plucked string rather than of a pulse train.
    pub(crate) fn start(&mut self, seed: u64) {
        self.seed = seed;
        self.used = 0;
        self.stiffness = 0.0;
        self.frames = 0;
    }

    /// Keeps where the partials stand. Allocates.
    pub(crate) fn keep(&self) -> PartialsState {
        PartialsState {
            active: self.active().to_vec(),
            known: self.known,
            stiffness: self.stiffness,
            frames: self.frames,
        }
    }

    /// Goes on from there, after [`Self::start`] with the same seed. Real-time safe.
    pub(crate) fn restore(&mut self, state: &PartialsState) {
        self.used = super::copy_common(&mut self.partials, &state.active);
        self.known = state.known.min(self.used);
        (self.stiffness, self.frames) = (state.stiffness, state.frames);
    }

    /// Partials in use at this frame, from the fundamental upward.
    pub(crate) fn active(&self) -> &[Partial] {
        &self.partials[..self.used]
    }

    /// The transform of the window, or the part of it, that this frame's partials are seen through.
    pub(crate) fn lobes(&self) -> &LobeTable {
        &self.lobes[self.stage]
    }

    /// Moves on by one frame; [`Self::judge`] ends it. Real-time safe.
    ///
    /// `magnitudes`: `[bins]`. `spacing_bins`: the note's pitch in bins, at least 0.25.
    pub(crate) fn advance(&mut self, magnitudes: &[f32], spacing_bins: f32) {
        for (power, magnitude) in self.powers.iter_mut().zip(magnitudes) {
            *power = magnitude * magnitude;
        }
        let known = self.used;
        let highest = (self.spec.bins() - 2) as f32;
        self.used = ((highest / spacing_bins) as usize).min(self.partials.len());
        for index in known..self.used {
            self.partials[index] = self.fresh(index);
        }
        self.follow_places(magnitudes, spacing_bins, known);
        self.choose_stage(magnitudes, spacing_bins);
        self.measure_magnitudes(magnitudes, spacing_bins);
        self.known = known;
    }

    fn fresh(&self, index: usize) -> Partial {
        let stream = Stream::new(self.seed, Purpose::START_PHASE, index as u64, 0);
        let sign = stream.u32_at(0) & (1 << 31);
        Partial {
            phase: (1 << 30) ^ sign,
            ..Partial::default()
        }
    }

    fn follow_places(&mut self, magnitudes: &[f32], spacing: f32, known: usize) {
        let turns_per_bin = self.spec.hop() as f64 / self.spec.fft_size() as f64;
        let last = (magnitudes.len() - 1) as f32;
        let measurable = spacing >= MEASURABLE_SPACING_BINS;
        let known = if self.frames > 0 { known } else { 0 };
        let mut below = 0.0; // deviation of the partial below, in bins
        for (index, partial) in self.partials[..self.used].iter_mut().enumerate() {
            let number = (index + 1) as f32;
            let previous_bins = partial.bins;
            let nominal = number * spacing;
            if measurable {
                // Stiffness makes the deviation in bins grow with the cube of the number.
                let growth = if index > 0 {
                    (number / index as f32).powi(3).min(2.0)
                } else {
                    0.0
                };
                let expected = Expected {
                    nominal,
                    spacing,
                    stiff_bins: self.stiffness * number * number * nominal,
                    neighbour_bins: below * growth,
                };
                partial.place.follow_peak(magnitudes, &expected);
            }
            partial.bins = (nominal * (1.0 + partial.place.stretch)).clamp(0.5, last - 0.5);
            below = partial.bins - nominal;
            partial.nearest = nearest_whole(partial.bins);
            partial.row = LobeTable::row(partial.bins - partial.nearest as f32) as u32;
            if index < known {
                let mean_bins = 0.5 * (f64::from(previous_bins) + f64::from(partial.bins));
                let step = wrapped_turns(mean_bins * turns_per_bin);
                partial.phase = partial.phase.wrapping_add(step);
            }
        }
    }

    // Least squares over the stretched partials, deviation = stiffness * number^2, from below; one that
    // disagrees with those below it is not one of the string's.
    fn read_stiffness(&mut self) {
        let end = self.used.min(STIFFNESS_PARTIALS);
        let magnitudes = self.partials[..end].iter().map(|partial| partial.magnitude);
        let faintest = FAINT_PARTIAL * magnitudes.fold(0.0, f32::max);
        let (mut product, mut square, mut witnesses) = (0.0, 0.0, 0.0_f32);
        for (index, partial) in self.partials[..end].iter().enumerate().skip(STIFFNESS_FROM) {
            if !partial.place.stretched || partial.magnitude <= faintest {
                continue;
            }
            let squared = ((index + 1) as f32).powi(2);
            let predicted = if square > 0.0 {
                product / square * squared
            } else {
                partial.place.stretch
            };
            if (partial.place.stretch - predicted).abs() <= STIFFNESS_DISAGREEMENT * predicted.abs()
            {
                product += partial.place.stretch * squared;
                square += squared * squared;
                witnesses += partial.tonality;
            }
        }
        self.stiffness = if witnesses > STIFFNESS_WITNESSES {
            product / square
        } else {
            0.0
        };
    }

    // A note that began inside the frame shows the lobes of a part of the window; one that sounded
    // before frame 0 (or a decoder that knows no onsets) shows whole ones. Whichever fits.
    fn choose_stage(&mut self, magnitudes: &[f32], spacing: f32) {
        let steady = self.lobes.len() - 1;
        self.stage = steady;
        if self.frames >= steady as u64 {
            return;
        }
        let begun = self.frames as usize;
        let reach = ((0.5 * spacing) as usize).clamp(1, 4);
        let mut misfit = [0.0; 2];
        for partial in &self.partials[..self.used.min(ONSET_WITNESSES)] {
            for (misfit, stage) in misfit.iter_mut().zip([begun, steady]) {
                *misfit += lobe_misfit(partial, magnitudes, &self.lobes[stage], reach);
            }
        }
        if misfit[0] < misfit[1] {
            self.stage = begun;
        }
    }

    // Free partials: the main lobe fitted to three bins. Overlapping ones: powers that would add up
    // to what is there, by two multiplicative steps.
    fn measure_magnitudes(&mut self, magnitudes: &[f32], spacing: f32) {
        let last = magnitudes.len() - 1;
        let lobes = &self.lobes[self.stage];
        for partial in &mut self.partials[..self.used] {
            let nearest = partial.nearest as usize;
            let ([left, centre, right], reciprocal) = lobes.core(partial.row as usize);
            let after = magnitudes[(nearest + 1).min(last)];
            let product = left * magnitudes[nearest.saturating_sub(1)]
                + centre * magnitudes[nearest]
                + right * after;
            partial.magnitude = product * reciprocal;
        }
        if spacing < SEPARATE_SPACING_BINS {
            self.see_powers();
            for _ in 0..2 {
                self.share_power();
            }
        }
    }

    // Power about each partial, weighted by its own lobe: its centre tells more about it than its flanks.
    fn see_powers(&mut self) {
        let lobes = &self.lobes[self.stage];
        let last = self.powers.len() - 1;
        for (seen, partial) in self.seen.iter_mut().zip(&self.partials[..self.used]) {
            let nearest = partial.nearest as usize;
            let (core, _) = lobes.core(partial.row as usize);
            let [left, centre, right] = core.map(|size| size * size);
            *seen = left * self.powers[nearest.saturating_sub(1)]
                + centre * self.powers[nearest]
                + right * self.powers[(nearest + 1).min(last)];
        }
    }

    fn share_power(&mut self) {
        let lobes = &self.lobes[self.stage];
        self.drawn.fill([0.0; GROUP]);
        for partial in &self.partials[..self.used] {
            // `drawn` has room for LobeTable::NEAR bins before bin 0.
            let (group, shift) = place(partial.nearest);
            let lobe = lobes.near_powers(partial.row as usize, shift);
            let drawn = self.drawn[group..].first_chunk_mut::<NEAR_GROUPS>();
            if let (Some(drawn), Some(lobe)) = (drawn, lobe) {
                add_scaled(drawn, lobe, partial.magnitude * partial.magnitude);
            }
        }
        let drawn = self.drawn.as_flattened();
        for (modelled, partial) in self.modelled.iter_mut().zip(&self.partials[..self.used]) {
            let nearest = partial.nearest as usize;
            let (core, _) = lobes.core(partial.row as usize);
            let [left, centre, right] = core.map(|size| size * size);
            let about = &drawn[nearest + LobeTable::NEAR - 1..][..3];
            *modelled = 1e-30 + left * about[0] + centre * about[1] + right * about[2];
        }
        let used = self.used;
        for (modelled, seen) in self.modelled[..used].iter_mut().zip(&self.seen[..used]) {
            *modelled = (seen / *modelled).min(16.0).sqrt();
        }
        for (partial, gain) in self.partials[..used].iter_mut().zip(&self.modelled) {
            partial.magnitude *= gain;
        }
    }

    /// Ends a frame: compares the valleys beside each partial with what pure tones leave there.
    ///
    /// `model_power`: `[bins]`, the summed power of all partials as drawn. Real-time safe.
    pub(crate) fn judge(&mut self, model_power: &[f32], spacing_bins: f32) {
        self.find_excess(model_power);
        let plain = PLAIN_NOISE * (1.0 - self.flat_leak(spacing_bins)).max(0.0);
        let (tone, noise) = (TONE_SHARE * plain, NOISE_SHARE * plain);
        let reach = (0.5 * spacing_bins).min(VALLEY_BINS);
        let peak_power = self.lobes().power(0.0);
        let settling = NOISE_SMOOTHING.max(1.0 / (self.frames + 1) as f32);
        let (told_apart, per_share) = (plain >= 0.1, 1.0 / (noise - tone).max(f32::MIN_POSITIVE));
        let excess = |place: f32| {
            // The two bins around the place.
            let bin = nearest_whole((place - 0.5).max(0.0)) as usize;
            self.excess[bin.min(self.excess.len() - 1)]
        };
        for (index, partial) in self.partials[..self.used].iter_mut().enumerate() {
            let beside = excess(partial.bins - reach) + excess(partial.bins + reach);
            let share = if index < self.known { settling } else { 1.0 };
            let power = partial.magnitude * partial.magnitude * peak_power;
            partial.power += share * (power - partial.power);
            partial.noise_power += share * (0.25 * beside - partial.noise_power);
            let ratio = partial.noise_power / (partial.power + 1e-30);
            partial.tonality = if told_apart {
                ((noise - ratio) * per_share).clamp(0.0, 1.0)
            } else {
                1.0
            };
        }
        self.read_stiffness();
        self.frames += 1;
    }

    // Of every two neighbouring bins, what the partials leave unexplained.
    fn find_excess(&mut self, model_power: &[f32]) {
        let powers = self.powers.iter().zip(&self.powers[1..]);
        let models = model_power.iter().zip(&model_power[1..]);
        let pairs = powers.zip(models);
        for (excess, ((low, high), (model_low, model_high))) in self.excess.iter_mut().zip(pairs) {
            *excess = low + high - model_low - model_high;
        }
    }

    // What equal partials at this spacing leave in the valley between them, relative to their power.
    fn flat_leak(&self, spacing: f32) -> f32 {
        let reach = (0.5 * spacing).min(VALLEY_BINS);
        let lobes = self.lobes();
        let pair = lobes.power(reach) + lobes.power(spacing - reach);
        1.78 * pair / lobes.power(0.0) // the lobe fit reads a flat floor 2.5 dB high
    }
}

/// The group that a bin lies in, and its place there.
#[inline(always)]
pub(crate) fn place(bin: u32) -> (usize, usize) {
    (bin as usize / GROUP, bin as usize % GROUP)
}

/// Adds a lobe, so many times, to what was drawn.
#[inline(always)]
pub(crate) fn add_scaled<const N: usize>(sum: &mut [Group; N], lobe: &[Group; N], scale: f32) {
    for (sum, lobe) in sum.iter_mut().zip(lobe) {
        for (sum, lobe) in sum.iter_mut().zip(lobe) {
            *sum += scale * lobe;
        }
    }
}

// How badly a lobe fits what is seen around a partial: 0 is exactly, 1 not at all.
fn lobe_misfit(partial: &Partial, magnitudes: &[f32], lobes: &LobeTable, reach: usize) -> f32 {
    let nearest = partial.nearest as usize;
    let from = nearest.saturating_sub(reach);
    let to = (nearest + reach).min(magnitudes.len() - 1);
    let lobe = &lobes.sizes(partial.row as usize)[LobeTable::REACH + from - nearest..];
    let (mut product, mut square, mut energy) = (0.0, 0.0, 1e-30);
    for (magnitude, lobe) in magnitudes[from..=to].iter().zip(lobe) {
        product += magnitude * lobe;
        square += lobe * lobe;
        energy += magnitude * magnitude;
    }
    1.0 - product * product / (square * energy)
}
