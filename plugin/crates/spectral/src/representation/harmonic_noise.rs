//! Frames of partials and a noise envelope, to and from STFT magnitudes. Preallocated, any thread.
//!
//! Layout of a frame, `[2 + partials + noise_bands]`:
//!
//! | values | meaning |
//! |---|---|
//! | 0 | `f0` in Hz, 0 where there is no pitch: then the partials are not read |
//! | 1 | inharmonicity `B`: partial `k` lies at `k * f0 * sqrt(1 + B * k^2)` (Fletcher 1964) |
//! | `partials` | amplitude of partial 1, 2, ...: its raw STFT magnitude at its peak |
//! | `noise_bands` | rms raw STFT magnitude of what is left, in mel bands (Slaney) |
//!
//! The first two are plain numbers; the rest are in the representation's scale. Powers of partials and
//! noise add up: which phases they meet in is not known here. Source of the split: Serra, Smith 1990,
//! "Spectral modeling synthesis".

use super::bands::{BandLayout, BandSpec, MelNorm, MelScale};
use super::span_matrix::{Span, SpanMatrix};
use crate::error::SpecError;
use crate::window::hann_transform;

/// Values before the partials: `f0` and inharmonicity.
pub const HEADER: usize = 2;
/// Most partials taken.
pub const MAX_PARTIALS: usize = 512;
const MAIN_LOBE_BINS: f64 = 2.0; // the Hann window's
const MAX_INHARMONICITY: f32 = 0.1; // a hundred times a stiff string's
const STEPS: usize = 1024; // of the lobe table for each bin: straight lines between are 4e-7 off
const REACH: usize = 4; // bins of a lobe that are drawn: the side lobes beyond lie 41 dB down and lower

/// Sizes of a frame, not yet validated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HarmonicNoiseSpec {
    /// Partial amplitudes a frame.
    pub partials: usize,
    /// Noise bands a frame.
    pub noise_bands: usize,
    /// Lower end of the noise bands in Hz.
    pub f_min_hz: f64,
    /// Upper end of the noise bands in Hz.
    pub f_max_hz: f64,
}

/// Where the partials of a frame lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartialSeries {
    /// Fundamental in Hz; 0 where there is none.
    pub f0_hz: f32,
    /// Stretch `B` of a stiff string.
    pub inharmonicity: f32,
}

impl PartialSeries {
    /// The series with what is no frequency or stretch set to 0, and how many of the two were.
    fn cleaned(self) -> (Self, u32) {
        let f0 = self.f0_hz.is_finite() && self.f0_hz >= 0.0;
        let stretch = (0.0..=MAX_INHARMONICITY).contains(&self.inharmonicity);
        let clean = Self {
            f0_hz: if f0 { self.f0_hz } else { 0.0 },
            inharmonicity: if stretch { self.inharmonicity } else { 0.0 },
        };
        (clean, u32::from(!f0) + u32::from(!stretch))
    }

    /// Bins; in double precision, since single leaves a ten-thousandth of a bin at the top.
    fn place(&self, partial: usize, bin_hz: f64) -> f64 {
        let (k, stretch) = (partial as f64, f64::from(self.inharmonicity));
        k * f64::from(self.f0_hz) * (1.0 + stretch * k * k).sqrt() / bin_hz
    }
}

/// Both directions of one spec.
#[derive(Clone, Debug)]
pub(crate) struct HarmonicNoise {
    partials: usize,
    bin_hz: f64,
    bins: usize,
    /// Hann lobe at every 1 / STEPS of a bin, to REACH.
    lobe: Vec<f32>,
    /// Noise bands over bins with rows of sum 1, and the same with columns of sum 1.
    means: SpanMatrix,
    spread: SpanMatrix,
    /// `[bins]`: the partials' powers, the power left over, and 1 where a bin belongs to no partial.
    drawn: Vec<f32>,
    left: Vec<f32>,
    free: Vec<f32>,
    /// `[noise_bands]`.
    powers: Vec<f32>,
    weights: Vec<f32>,
}

impl HarmonicNoise {
    /// Allocates.
    ///
    /// # Errors
    /// When there are no or too many partials, or the noise bands cannot be made.
    pub(crate) fn new(
        spec: &HarmonicNoiseSpec,
        rate_hz: f64,
        fft_size: usize,
    ) -> Result<Self, SpecError> {
        if !(1..=MAX_PARTIALS).contains(&spec.partials) {
            return Err(SpecError::Count {
                field: "partials",
                given: spec.partials,
                min: 1,
                max: MAX_PARTIALS,
            });
        }
        let bands = BandSpec {
            layout: BandLayout::Mel {
                scale: MelScale::Slaney,
                norm: MelNorm::None,
            },
            bands: spec.noise_bands,
            f_min_hz: spec.f_min_hz,
            f_max_hz: spec.f_max_hz,
        };
        let spans = bands.spans(rate_hz, fft_size)?;
        let bins = fft_size / 2 + 1;
        let lobe = |step: usize| hann_transform(step as f64 / STEPS as f64) as f32;
        Ok(Self {
            partials: spec.partials,
            bin_hz: rate_hz / fft_size as f64,
            bins,
            lobe: (0..=REACH * STEPS).map(lobe).collect(),
            means: SpanMatrix::new(&rows_of_sum_1(&spans)),
            spread: SpanMatrix::new(&columns_of_sum_1(&spans, bins)),
            drawn: vec![0.0; bins],
            left: vec![0.0; bins],
            free: vec![0.0; bins],
            powers: vec![0.0; spec.noise_bands],
            weights: vec![0.0; spec.noise_bands],
        })
    }

    /// Values of a frame.
    pub(crate) fn values(&self) -> usize {
        HEADER + self.partials + self.means.rows()
    }

    /// Amplitudes and noise levels, `[partials + noise_bands]`, of `magnitudes`: `[bins]`. Gives the series
    /// that was used. Real-time safe.
    pub(crate) fn estimate(
        &mut self,
        magnitudes: &[f32],
        series: PartialSeries,
        levels: &mut [f32],
    ) -> PartialSeries {
        let (series, _) = series.cleaned();
        let (amplitudes, noise) = levels.split_at_mut(self.partials);
        for (index, amplitude) in amplitudes.iter_mut().enumerate() {
            *amplitude = self.fit(magnitudes, series, index + 1);
        }
        self.draw(series, amplitudes);
        for ((left, magnitude), drawn) in self.left.iter_mut().zip(magnitudes).zip(&self.drawn) {
            *left = (magnitude * magnitude - drawn).max(0.0);
        }
        self.mark_free(series);
        self.means.multiply(&self.free, &mut self.weights);
        for (left, free) in self.left.iter_mut().zip(&self.free) {
            *left *= free;
        }
        self.means.multiply(&self.left, &mut self.powers);
        for ((noise, power), weight) in noise.iter_mut().zip(&self.powers).zip(&self.weights) {
            // A band that lies wholly under partials shows no noise of its own.
            *noise = if *weight > 0.0 {
                (power / weight).sqrt()
            } else {
                0.0
            };
        }
        series
    }

    /// Magnitudes `[bins]` of a series and `levels`: `[partials + noise_bands]`, not negative. Gives how
    /// many of the series' two numbers were bad. Real-time safe.
    pub(crate) fn render(
        &mut self,
        series: PartialSeries,
        levels: &[f32],
        magnitudes: &mut [f32],
    ) -> u32 {
        let (series, bad) = series.cleaned();
        let (amplitudes, noise) = levels.split_at(self.partials);
        self.draw(series, amplitudes);
        for (power, level) in self.powers.iter_mut().zip(noise) {
            *power = level * level;
        }
        self.spread
            .multiply_transposed(&self.powers, &mut self.left);
        for ((magnitude, drawn), noise) in magnitudes.iter_mut().zip(&self.drawn).zip(&self.left) {
            *magnitude = (drawn + noise).sqrt();
        }
        bad
    }

    /// Least squares of one partial's main lobe alone.
    fn fit(&self, magnitudes: &[f32], series: PartialSeries, partial: usize) -> f32 {
        let Some((place, bins)) = self.place(series, partial, MAIN_LOBE_BINS) else {
            return 0.0;
        };
        let (mut product, mut square) = (0.0, 0.0);
        for bin in bins {
            let lobe = self.lobe_at(bin as f64 - place);
            product += lobe * magnitudes[bin];
            square += lobe * lobe;
        }
        if square > 0.0 { product / square } else { 0.0 }
    }

    fn draw(&mut self, series: PartialSeries, amplitudes: &[f32]) {
        self.drawn.fill(0.0);
        for (index, amplitude) in amplitudes.iter().enumerate() {
            if let Some((place, bins)) = self.place(series, index + 1, REACH as f64) {
                for bin in bins {
                    let value = amplitude * self.lobe_at(bin as f64 - place);
                    self.drawn[bin] += value * value;
                }
            }
        }
    }

    fn mark_free(&mut self, series: PartialSeries) {
        self.free.fill(1.0);
        for partial in 1..=self.partials {
            if let Some((_, bins)) = self.place(series, partial, MAIN_LOBE_BINS) {
                self.free[bins].fill(0.0);
            }
        }
    }

    /// Place of a partial in bins, and the bins strictly within `reach` of it; none where it does not sound.
    fn place(
        &self,
        series: PartialSeries,
        partial: usize,
        reach: f64,
    ) -> Option<(f64, std::ops::Range<usize>)> {
        let place = series.place(partial, self.bin_hz);
        if !(place > 0.0 && place <= (self.bins - 1) as f64) {
            return None;
        }
        let first = ((place - reach).floor() + 1.0).max(0.0) as usize;
        let end = ((place + reach).ceil() as usize).min(self.bins);
        Some((place, first..end))
    }

    fn lobe_at(&self, distance_bins: f64) -> f32 {
        let step = distance_bins.abs() * STEPS as f64;
        let index = (step as usize).min(self.lobe.len() - 2);
        let (below, above) = (self.lobe[index], self.lobe[index + 1]);
        below + (above - below) * (step - index as f64) as f32
    }
}

fn rows_of_sum_1(spans: &[Span]) -> Vec<Span> {
    let row = |span: &Span| {
        let sum = span.sum();
        span.clone().scaled(if sum > 0.0 { 1.0 / sum } else { 0.0 })
    };
    spans.iter().map(row).collect()
}

fn columns_of_sum_1(spans: &[Span], bins: usize) -> Vec<Span> {
    let mut sums = vec![0.0; bins];
    for span in spans {
        for (sum, weight) in sums[span.first..].iter_mut().zip(&span.weights) {
            *sum += weight;
        }
    }
    let row = |span: &Span| Span {
        first: span.first,
        weights: span
            .weights
            .iter()
            .zip(&sums[span.first..])
            .map(|(weight, sum)| weight / sum)
            .collect(),
    };
    spans.iter().map(row).collect()
}
