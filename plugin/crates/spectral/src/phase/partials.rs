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
/// Share of the new measurement in a partial's place: about four frames.
const PLACE_SMOOTHING: f32 = 0.25;
/// Share of the new measurement in a partial's prominence: about six frames.
const PROMINENCE_SMOOTHING: f32 = 0.16;
/// Prominence (power ratio of peak and valley) below which a peak is noise, and above which it is a tone.
const NOISE_PROMINENCE: f32 = 4.0;
const TONE_PROMINENCE: f32 = 16.0;

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
    prominence: f32,
}

/// All partials of one note.
#[derive(Clone, Debug)]
pub(crate) struct Partials {
    spec: StftSpec,
    partials: Vec<Partial>,
    used: usize,
    frames: u64,
    seed: u64,
}

impl Partials {
    /// Allocates room for as many partials as there are bins.
    pub(crate) fn new(spec: &StftSpec) -> Self {
        let partials = vec![Partial::default(); spec.bins()];
        Self {
            spec: *spec,
            partials,
            used: 0,
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
        self.frames = 0;
    }

    /// Partials in use at this frame, from the fundamental upward.
    pub(crate) fn active(&self) -> &[Partial] {
        &self.partials[..self.used]
    }

    /// Moves on by one frame. Real-time safe.
    ///
    /// `magnitudes`: `[bins]`. `spacing_bins`: the note's pitch in bins, at least 0.25.
    pub(crate) fn advance(&mut self, magnitudes: &[f32], spacing_bins: f32, lobes: &LobeTable) {
        let highest = (self.spec.bins() - 2) as f32;
        let wanted = ((highest / spacing_bins) as usize).min(self.partials.len());
        let turns_per_bin = f64::from(self.spec.hop() as f32 / self.spec.fft_size() as f32);
        let mut stretch_below = 0.0; // deviation of the partial below, extrapolated as stiffness makes it grow
        for index in 0..wanted {
            let fresh = index >= self.used;
            let number = (index + 1) as f32;
            let mut partial = if fresh {
                self.fresh(index)
            } else {
                self.partials[index]
            };
            let previous_bins = partial.bins;
            let nominal = number * spacing_bins;
            let growth = if index > 0 {
                (number / index as f32).powi(2)
            } else {
                0.0
            };
            let expected = if partial.stretched {
                partial.stretch
            } else {
                stretch_below * growth
            };
            measure_place(&mut partial, magnitudes, nominal, expected, spacing_bins);
            stretch_below = partial.stretch;
            if self.frames > 0 && !fresh {
                let mean_bins = 0.5 * (f64::from(previous_bins) + f64::from(partial.bins));
                let turns = mean_bins * turns_per_bin;
                partial.phase = partial.phase.wrapping_add((turns * TURN) as u64 as u32);
            }
            measure_strength(&mut partial, magnitudes, spacing_bins, lobes, fresh);
            self.partials[index] = partial;
        }
        self.used = wanted;
        self.frames += 1;
    }

    fn fresh(&self, index: usize) -> Partial {
        let sign =
            Stream::new(self.seed, Purpose::START_PHASE, index as u64, 0).u32_at(0) & (1 << 31);
        Partial {
            phase: (1 << 30) ^ sign,
            ..Partial::default()
        }
    }
}

// Looks for the peak near the expected place, and keeps to the harmonic unless the peak disagrees.
fn measure_place(
    partial: &mut Partial,
    magnitudes: &[f32],
    nominal: f32,
    expected: f32,
    spacing: f32,
) {
    let last = magnitudes.len() - 1;
    let guess = nominal * (1.0 + expected);
    let reach = (0.45 * spacing).min(1.6);
    let from = ((guess - reach).ceil() as usize).clamp(1, last - 1);
    let to = ((guess + reach).floor() as usize).clamp(from, last - 1);
    let mut peak = from;
    for bin in from..=to {
        if magnitudes[bin] > magnitudes[peak] {
            peak = bin;
        }
    }
    let is_peak =
        magnitudes[peak] > magnitudes[peak - 1] && magnitudes[peak] >= magnitudes[peak + 1];
    if is_peak && spacing >= 3.0 {
        let place = peak as f32 + hann_peak_offset(magnitudes, peak);
        let deviation_bins = place - nominal;
        let threshold =
            (nominal * STRETCHED_CENTS * (std::f32::consts::LN_2 / 1200.0)).max(STRETCHED_BINS);
        let off = deviation_bins.abs() > threshold;
        let measured = deviation_bins / nominal;
        if off && !partial.stretched {
            (partial.stretch, partial.stretched) = (measured, true);
        } else if partial.stretched {
            partial.stretch += PLACE_SMOOTHING * (measured - partial.stretch);
        } else {
            partial.stretch = 0.0;
        }
    }
    partial.bins = (nominal * (1.0 + partial.stretch)).clamp(0.5, last as f32 - 0.5);
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

// Fits the window's main lobe to the slot in the least-squares sense, and compares with the valleys.
fn measure_strength(
    partial: &mut Partial,
    magnitudes: &[f32],
    spacing: f32,
    lobes: &LobeTable,
    fresh: bool,
) {
    let last = magnitudes.len() - 1;
    let nearest = (partial.bins + 0.5) as usize;
    let row = lobes.row(partial.bins - nearest as f32);
    let reach = ((0.5 * spacing) as usize).clamp(0, 1);
    let (mut product, mut square) = (0.0, 0.0);
    for offset in 0..=2 * reach {
        let bin = (nearest + offset).saturating_sub(reach).min(last);
        let lobe = row[LobeTable::REACH + offset - reach];
        product += magnitudes[bin] * lobe;
        square += lobe * lobe;
    }
    partial.magnitude = product / square;
    let (low, high) = (partial.bins - 0.5 * spacing, partial.bins + 0.5 * spacing);
    let valley = 0.5 * (around(magnitudes, low) + around(magnitudes, high));
    let power = partial.magnitude * partial.magnitude;
    let ratio = power / (valley + f32::MIN_POSITIVE).max(power * 1e-6);
    let share = if fresh { 1.0 } else { PROMINENCE_SMOOTHING };
    partial.prominence += share * (ratio.min(100.0) - partial.prominence);
    // Lobes of neighbours meet in the valley: a pure tone shows no more prominence than this.
    let overlap = crate::window::hann_transform(f64::from(0.5 * spacing)) as f32;
    let most = if spacing < 4.0 {
        0.5 / (overlap * overlap)
    } else {
        f32::MAX
    };
    let (low, high) = if most < 2.0 * TONE_PROMINENCE {
        let span = 0.5 * most;
        (1.0 + 0.3 * (span - 1.0), 1.0 + 0.8 * (span - 1.0))
    } else {
        (NOISE_PROMINENCE, TONE_PROMINENCE)
    };
    partial.tonality = if spacing < 2.3 {
        1.0
    } else {
        ((partial.prominence - low) / (high - low)).clamp(0.0, 1.0)
    };
}

// Mean power of the two bins around a place.
fn around(magnitudes: &[f32], place: f32) -> f32 {
    let last = magnitudes.len() - 1;
    let bin = (place.max(0.0) as usize).min(last);
    let (a, b) = (magnitudes[bin], magnitudes[(bin + 1).min(last)]);
    0.5 * (a * a + b * b)
}
