//! Follows the partials of one note: where each lies, how strong and how tonal it is, its phase.
//! Audio thread, preallocated. Leaves the spectrum to `f0_lock`.

use crate::approx::TURN;
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;
use crate::window::LobeTable;

/// Partials further than this from the expected harmonic are taken from their measured peak.
const STRETCHED_CENTS: f32 = 15.0;
/// And by at least this, because a peak between bins is not read more exactly from decoder output.
const STRETCHED_BINS: f32 = 0.12;
/// But by no more than this: further off, the peak would stand outside the partial's own lobe.
const STRETCHED_BINS_MOST: f32 = 0.5;
/// Share of the new measurement in a partial's place: about four frames.
const PLACE_SMOOTHING: f32 = 0.25;
/// Stiffness is read from the partials up to this one; above, peaks are crowded or gone.
const STIFFNESS_PARTIALS: usize = 48;
/// Share of the new measurement in a partial's noise: about six frames.
const NOISE_SMOOTHING: f32 = 0.16;
/// Peaks of overlapping partials are not where the partials are.
const MEASURABLE_SPACING_BINS: f32 = 3.0;
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
    // Relative deviation from k * f0, smoothed.
    stretch: f32,
    stretched: bool,
    // Smoothed powers: of the partial, and of the noise beside it (may dip below 0 by chance).
    power: f32,
    noise_power: f32,
}

/// All partials of one note.
#[derive(Clone, Debug)]
pub(crate) struct Partials {
    spec: StftSpec,
    lobes: LobeTable,
    partials: Vec<Partial>,
    used: usize,
    // Relative deviation of partial k, divided by k^2, as a stiff string has it for all k.
    stiffness: f32,
    frames: u64,
    seed: u64,
}

impl Partials {
    /// Allocates room for as many partials as there are bins.
    pub(crate) fn new(spec: &StftSpec) -> Self {
        let partials = vec![Partial::default(); spec.bins()];
        Self {
            spec: *spec,
            lobes: LobeTable::new(),
            partials,
            used: 0,
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

    /// Partials in use at this frame, from the fundamental upward.
    pub(crate) fn active(&self) -> &[Partial] {
        &self.partials[..self.used]
    }

    /// The transform of the window that the partials are seen through.
    pub(crate) fn lobes(&self) -> &LobeTable {
        &self.lobes
    }

    /// Moves on by one frame. Real-time safe.
    ///
    /// `magnitudes`: `[bins]`. `spacing_bins`: the note's pitch in bins, at least 0.25.
    pub(crate) fn advance(&mut self, magnitudes: &[f32], spacing_bins: f32) {
        let known = self.used;
        let highest = (self.spec.bins() - 2) as f32;
        self.used = ((highest / spacing_bins) as usize).min(self.partials.len());
        for index in known..self.used {
            self.partials[index] = self.fresh(index);
        }
        self.follow_places(magnitudes, spacing_bins, known);
        self.measure_magnitudes(magnitudes, spacing_bins);
        self.judge_tonality(magnitudes, spacing_bins, known);
        self.frames += 1;
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
        let mut below = 0.0; // relative deviation of the partial below
        for (index, partial) in self.partials[..self.used].iter_mut().enumerate() {
            let number = (index + 1) as f32;
            let previous_bins = partial.bins;
            let nominal = number * spacing;
            // Stiffness makes the deviation grow with the square of the number.
            let growth = if index > 0 {
                (number / index as f32).powi(2)
            } else {
                0.0
            };
            let expected = Expected {
                nominal,
                by_stiffness: self.stiffness * number * number,
                by_neighbour: below * growth,
                reach: (0.45 * spacing).min(1.6),
            };
            if spacing >= MEASURABLE_SPACING_BINS {
                partial.follow_peak(magnitudes, &expected);
            }
            let last = (magnitudes.len() - 1) as f32;
            partial.bins = (nominal * (1.0 + partial.stretch)).clamp(0.5, last - 0.5);
            below = partial.stretch;
            if self.frames > 0 && index < known {
                let mean_bins = 0.5 * (f64::from(previous_bins) + f64::from(partial.bins));
                let step = (mean_bins * turns_per_bin * TURN) as u64 as u32;
                partial.phase = partial.phase.wrapping_add(step);
            }
        }
        self.read_stiffness();
    }

    // Mean over the stretched partials of what each says about the string.
    fn read_stiffness(&mut self) {
        let (mut sum, mut count) = (0.0, 0.0);
        for (index, partial) in self.partials[..self.used.min(STIFFNESS_PARTIALS)]
            .iter()
            .enumerate()
        {
            if partial.stretched {
                sum += partial.stretch / ((index + 1) as f32).powi(2);
                count += 1.0;
            }
        }
        self.stiffness = if count > 0.0 { sum / count } else { 0.0 };
    }

    // Free partials: the main lobe fitted to three bins. Overlapping ones: powers that would add up
    // to what is there, by two multiplicative steps.
    fn measure_magnitudes(&mut self, magnitudes: &[f32], spacing: f32) {
        let last = magnitudes.len() - 1;
        for partial in &mut self.partials[..self.used] {
            let nearest = (partial.bins + 0.5) as usize;
            let row = self.lobes.row(partial.bins - nearest as f32);
            let lobe = &row[LobeTable::REACH - 1..=LobeTable::REACH + 1];
            let seen = [nearest - 1, nearest, (nearest + 1).min(last)].map(|bin| magnitudes[bin]);
            let product: f32 = lobe.iter().zip(seen).map(|(lobe, seen)| lobe * seen).sum();
            let square: f32 = lobe.iter().map(|lobe| lobe * lobe).sum();
            partial.magnitude = product / square;
        }
        if spacing < SEPARATE_SPACING_BINS {
            for _ in 0..2 {
                self.share_power(magnitudes);
            }
        }
    }

    fn share_power(&mut self, magnitudes: &[f32]) {
        let last = magnitudes.len() - 1;
        let mut left = None;
        for index in 0..self.used {
            let partial = self.partials[index];
            let right = self.partials[..self.used].get(index + 1).copied();
            let nearest = (partial.bins + 0.5) as usize;
            let (mut seen, mut modelled) = (0.0, 1e-30);
            for bin in nearest - 1..=(nearest + 1).min(last) {
                let lobe = self.lobes.power(bin as f32 - partial.bins);
                let around = [left, Some(partial), right].into_iter().flatten();
                let model: f32 = around.map(|near| self.power_at(&near, bin as f32)).sum();
                // Weighted by the partial's own lobe: its centre tells more about it than its flanks.
                seen += lobe * magnitudes[bin] * magnitudes[bin];
                modelled += lobe * model;
            }
            left = Some(partial);
            self.partials[index].magnitude *= (seen / modelled).min(16.0).sqrt();
        }
    }

    fn power_at(&self, partial: &Partial, bins: f32) -> f32 {
        partial.magnitude * partial.magnitude * self.lobes.power(bins - partial.bins)
    }

    // Compares the valleys beside a partial with what pure tones would leave there.
    fn judge_tonality(&mut self, magnitudes: &[f32], spacing: f32, known: usize) {
        let plain = PLAIN_NOISE * (1.0 - self.flat_leak(spacing)).max(0.0);
        for index in 0..self.used {
            let partial = self.partials[index];
            let reach = (0.5 * spacing).min(VALLEY_BINS);
            let below = self.excess(magnitudes, index, partial.bins - reach);
            let above = self.excess(magnitudes, index, partial.bins + reach);
            let share = if index < known { NOISE_SMOOTHING } else { 1.0 };
            let partial = &mut self.partials[index];
            partial.power += share * (partial.magnitude * partial.magnitude - partial.power);
            partial.noise_power += share * (0.5 * (below + above) - partial.noise_power);
            let ratio = partial.noise_power / (partial.power + 1e-30);
            let (tone, noise) = (TONE_SHARE * plain, NOISE_SHARE * plain);
            partial.tonality = if plain < 0.1 {
                1.0
            } else {
                ((noise - ratio) / (noise - tone)).clamp(0.0, 1.0)
            };
        }
    }

    // What equal partials at this spacing leave in the valley between them, relative to their power.
    fn flat_leak(&self, spacing: f32) -> f32 {
        let reach = (0.5 * spacing).min(VALLEY_BINS);
        let pair = self.lobes.power(reach) + self.lobes.power(spacing - reach);
        1.78 * pair // the lobe fit reads a flat floor 2.5 dB high
    }

    // Mean power of the two bins around a place, less what this partial and its neighbours leave there.
    fn excess(&self, magnitudes: &[f32], index: usize, place: f32) -> f32 {
        let last = magnitudes.len() - 1;
        let near = &self.partials[index.saturating_sub(1)..(index + 2).min(self.used)];
        let bin = (place.max(0.0) as usize).min(last - 1);
        let excess = |bin: usize| {
            let model: f32 = near
                .iter()
                .map(|partial| self.power_at(partial, bin as f32))
                .sum();
            magnitudes[bin] * magnitudes[bin] - model
        };
        0.5 * (excess(bin) + excess(bin + 1))
    }
}

/// Where a partial may lie.
struct Expected {
    nominal: f32,
    by_stiffness: f32,
    by_neighbour: f32,
    reach: f32,
}

impl Partial {
    // Looks for the peak near the expected place. Keeps to the harmonic unless the peak lies clearly
    // elsewhere, or where the string's stiffness puts it.
    fn follow_peak(&mut self, magnitudes: &[f32], expected: &Expected) {
        let last = magnitudes.len() - 1;
        let deviation = if self.stretched {
            self.stretch
        } else {
            expected.by_neighbour
        };
        let guess = expected.nominal * (1.0 + deviation);
        let from = ((guess - expected.reach).ceil() as usize).clamp(1, last - 1);
        let to = ((guess + expected.reach).floor() as usize).clamp(from, last - 1);
        let mut peak = from;
        for bin in from..=to {
            if magnitudes[bin] > magnitudes[peak] {
                peak = bin;
            }
        }
        if magnitudes[peak] <= magnitudes[peak - 1] || magnitudes[peak] < magnitudes[peak + 1] {
            return;
        }
        let deviation_bins = peak as f32 + hann_peak_offset(magnitudes, peak) - expected.nominal;
        let cents_bins = expected.nominal * STRETCHED_CENTS * (std::f32::consts::LN_2 / 1200.0);
        let measured = deviation_bins / expected.nominal;
        let stiff = (measured - expected.by_stiffness).abs() < 0.5 * expected.by_stiffness.abs();
        if self.stretched {
            self.stretch += PLACE_SMOOTHING * (measured - self.stretch);
        } else if deviation_bins.abs() > cents_bins.clamp(STRETCHED_BINS, STRETCHED_BINS_MOST) {
            (self.stretch, self.stretched) = (measured, true);
        } else if stiff {
            self.stretch += PLACE_SMOOTHING * (measured - self.stretch);
        } else {
            self.stretch -= PLACE_SMOOTHING * self.stretch;
        }
    }
}

// Place of a stationary sinusoid between two bins under a Hann window.
// Source: Grandke 1983, "Interpolation algorithms for discrete Fourier transforms of weighted signals".
fn hann_peak_offset(magnitudes: &[f32], peak: usize) -> f32 {
    let (left, centre, right) = (magnitudes[peak - 1], magnitudes[peak], magnitudes[peak + 1]);
    let (side, sign) = if right >= left {
        (right, 1.0)
    } else {
        (left, -1.0)
    };
    let ratio = side / centre.max(f32::MIN_POSITIVE);
    (sign * (2.0 * ratio - 1.0) / (ratio + 1.0)).clamp(-0.5, 0.5)
}
