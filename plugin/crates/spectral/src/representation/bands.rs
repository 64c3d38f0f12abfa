//! Mel and logarithmic frequency bands as triangles over STFT bins. Construction only.
//!
//! Sources: Slaney 1998, "Auditory Toolbox", Technical Report 1998-010 (mel scale and area norm);
//! Young et al., "The HTK Book", sec. 5.4 (the other mel scale).

use super::span_matrix::Span;
use crate::error::SpecError;

/// Most bands taken: more would be more than the bins of most transforms.
pub const MAX_BANDS: usize = 2048;
const ROUNDING: f64 = 1e-9; // of a triangle's peak

/// How frequency is warped to mel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MelScale {
    /// 3 mel for 200 Hz up to 1 kHz, then 27 mel for a factor of 6.4: librosa's default.
    Slaney,
    /// `2595 log10(1 + f / 700)`: torchaudio's default.
    Htk,
}

/// What a mel filter is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MelNorm {
    /// Half its width in Hz, so that its area over frequency is 1: librosa's default.
    Slaney,
    /// Nothing, its peak is 1: torchaudio's default.
    None,
}

/// Shape of the bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BandLayout {
    /// Triangles between neighbours that are equally far apart in mel.
    Mel {
        /// Warping.
        scale: MelScale,
        /// Division.
        norm: MelNorm,
    },
    /// Centres in equal ratios from `f_min_hz` to `f_max_hz`, both included; each band's weights sum to 1.
    ///
    /// A side of a triangle reaches to the next band's centre, but at least to the next bin: where bands
    /// are closer than bins they interpolate, where they are further apart they average.
    LogFrequency,
}

/// Bands between two frequencies, not yet validated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandSpec {
    /// Shape.
    pub layout: BandLayout,
    /// How many.
    pub bands: usize,
    /// Lower end in Hz: of the lowest mel triangle, or the lowest band's centre.
    pub f_min_hz: f64,
    /// Upper end in Hz: of the highest mel triangle, or the highest band's centre.
    pub f_max_hz: f64,
}

impl BandSpec {
    /// Log-frequency bands from `f_min_hz` up to at most `f_max_hz`, so many in each octave.
    pub fn per_octave(bands_per_octave: u32, f_min_hz: f64, f_max_hz: f64) -> Self {
        let octaves = (f_max_hz / f_min_hz).log2();
        // A millionth of a band: a ratio that is meant to be whole may have been rounded down.
        let steps = (f64::from(bands_per_octave) * octaves + 1e-6)
            .floor()
            .max(0.0);
        Self {
            layout: BandLayout::LogFrequency,
            bands: steps as usize + 1,
            f_min_hz,
            f_max_hz: f_min_hz * (steps / f64::from(bands_per_octave)).exp2(),
        }
    }

    /// The bands' weights over the bins of a transform. Allocates.
    ///
    /// # Errors
    /// When there are no or too many bands, or the frequencies do not rise, leave the range from 0 to
    /// half the rate, or lie between two bins.
    pub(crate) fn spans(&self, rate_hz: f64, fft_size: usize) -> Result<Vec<Span>, SpecError> {
        self.check(rate_hz)?;
        let bin_hz = rate_hz / fft_size as f64;
        let bins = fft_size / 2 + 1;
        let spans: Vec<Span> = match self.layout {
            BandLayout::Mel { scale, norm } => self
                .mel_edges_hz(scale)
                .windows(3)
                .map(|edges| {
                    let factor = match norm {
                        MelNorm::Slaney => 2.0 / (edges[2] - edges[0]),
                        MelNorm::None => 1.0,
                    };
                    triangle([edges[0], edges[1], edges[2]], bin_hz, bins).scaled(factor)
                })
                .collect(),
            BandLayout::LogFrequency => (0..self.bands)
                .map(|band| {
                    let span = triangle(self.log_edges_hz(band, bin_hz), bin_hz, bins);
                    let sum = span.sum();
                    span.scaled(1.0 / sum)
                })
                .collect(),
        };
        if spans.iter().all(|span| span.weights.is_empty()) {
            return Err(SpecError::Blind {
                f_min_hz: self.f_min_hz as f32,
                f_max_hz: self.f_max_hz as f32,
                bin_hz: bin_hz as f32,
            });
        }
        Ok(spans)
    }

    fn check(&self, rate_hz: f64) -> Result<(), SpecError> {
        let is_log = self.layout == BandLayout::LogFrequency;
        let least = if is_log { 2 } else { 1 }; // a ratio needs two centres
        if !(least..=MAX_BANDS).contains(&self.bands) {
            return Err(SpecError::Count {
                field: "bands",
                given: self.bands,
                min: least,
                max: MAX_BANDS,
            });
        }
        check_frequencies(self.f_min_hz, self.f_max_hz, rate_hz)?;
        if is_log && self.f_min_hz <= 0.0 {
            return Err(SpecError::Frequency {
                field: "f_min",
                given: self.f_min_hz as f32,
                expected: "above 0 Hz for bands in equal ratios",
                rate_hz: rate_hz as f32,
            });
        }
        Ok(())
    }

    /// `bands + 2` frequencies equally far apart in mel.
    fn mel_edges_hz(&self, scale: MelScale) -> Vec<f64> {
        let (low, high) = (
            hz_to_mel(self.f_min_hz, scale),
            hz_to_mel(self.f_max_hz, scale),
        );
        let step = (high - low) / (self.bands + 1) as f64;
        (0..self.bands + 2)
            .map(|edge| mel_to_hz(low + step * edge as f64, scale))
            .collect()
    }

    fn log_edges_hz(&self, band: usize, bin_hz: f64) -> [f64; 3] {
        let ratio = (self.f_max_hz / self.f_min_hz).powf(1.0 / (self.bands - 1) as f64);
        let centre = self.f_min_hz * ratio.powf(band as f64);
        [
            centre - (centre - centre / ratio).max(bin_hz),
            centre,
            centre + (centre * ratio - centre).max(bin_hz),
        ]
    }
}

/// Refuses frequencies that do not rise within 0 to half the rate.
pub(crate) fn check_frequencies(
    f_min_hz: f64,
    f_max_hz: f64,
    rate_hz: f64,
) -> Result<(), SpecError> {
    let refuse = |field, given, expected| {
        Err(SpecError::Frequency {
            field,
            given,
            expected,
            rate_hz: rate_hz as f32,
        })
    };
    if !(rate_hz.is_finite() && rate_hz > 0.0) {
        return refuse("sample_rate", rate_hz as f32, "a positive rate");
    }
    if !(f_min_hz >= 0.0 && f_min_hz < rate_hz / 2.0) {
        return refuse("f_min", f_min_hz as f32, "from 0 Hz to under half the rate");
    }
    // A rounded half rate is still meant as half the rate.
    if !(f_max_hz > f_min_hz && f_max_hz <= 0.5001 * rate_hz) {
        return refuse(
            "f_max",
            f_max_hz as f32,
            "above f_min and up to half the rate",
        );
    }
    Ok(())
}

/// 1 at the middle edge, 0 at the outer ones and beyond, straight between.
fn triangle([low, centre, high]: [f64; 3], bin_hz: f64, bins: usize) -> Span {
    let first = (low / bin_hz).floor().max(0.0) as usize;
    let end = ((high / bin_hz).ceil() as usize + 1).min(bins);
    let weight = |bin: usize| {
        let hz = bin as f64 * bin_hz;
        let rising = (hz - low) / (centre - low);
        let falling = (high - hz) / (high - centre);
        let weight = rising.min(falling);
        // An edge that meets a bin must not see it by rounding alone.
        if weight > ROUNDING { weight } else { 0.0 }
    };
    let row: Vec<f64> = (first.min(end)..end).map(weight).collect();
    let inner = Span::of_dense(&row, 0.0);
    Span {
        first: first.min(end) + inner.first,
        weights: inner.weights,
    }
}

const SLANEY_KNEE_HZ: f64 = 1000.0;
const SLANEY_KNEE_MEL: f64 = 15.0;
const SLANEY_MEL_PER_E: f64 = 27.0 / 1.856_297_990_365_626; // 27 / ln 6.4

pub(crate) fn hz_to_mel(hz: f64, scale: MelScale) -> f64 {
    match scale {
        MelScale::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
        MelScale::Slaney if hz < SLANEY_KNEE_HZ => hz * SLANEY_KNEE_MEL / SLANEY_KNEE_HZ,
        MelScale::Slaney => SLANEY_KNEE_MEL + SLANEY_MEL_PER_E * (hz / SLANEY_KNEE_HZ).ln(),
    }
}

pub(crate) fn mel_to_hz(mel: f64, scale: MelScale) -> f64 {
    match scale {
        MelScale::Htk => 700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0),
        MelScale::Slaney if mel < SLANEY_KNEE_MEL => mel * SLANEY_KNEE_HZ / SLANEY_KNEE_MEL,
        MelScale::Slaney => SLANEY_KNEE_HZ * ((mel - SLANEY_KNEE_MEL) / SLANEY_MEL_PER_E).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MelScale, SLANEY_MEL_PER_E, hz_to_mel, mel_to_hz};

    #[test]
    fn both_mel_scales_return_their_frequencies_and_have_their_published_points() {
        for scale in [MelScale::Slaney, MelScale::Htk] {
            for hz in [0.0, 1.0, 440.0, 999.999, 1000.0, 1001.0, 8000.0, 96_000.0] {
                let back = mel_to_hz(hz_to_mel(hz, scale), scale);
                assert!((back - hz).abs() < 1e-9 * (1.0 + hz), "{scale:?} {hz}");
            }
        }
        assert!((SLANEY_MEL_PER_E * 6.4_f64.ln() - 27.0).abs() < 1e-12);
        assert!((hz_to_mel(6400.0, MelScale::Slaney) - 42.0).abs() < 1e-12);
        assert!((hz_to_mel(1000.0, MelScale::Htk) - 999.99).abs() < 0.01);
    }
}
