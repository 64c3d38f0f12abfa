//! What a moment of sound is like in the band that the continuer knows: what a place of what was heard is found by.

use afterimage_spectral::stft::Analysis;
use afterimage_spectral::{SpecError, StftSpec};

/// Bands that are as wide in pitch as each other.
const BANDS: usize = 14;
/// Numbers of an outline: the bands, the level, the rise.
const VALUES: usize = BANDS + 2;
/// Below it lies no band.
const LOWEST_HZ: f32 = 150.0;
/// Above this share of the rate a continuer's own filters have begun.
const HIGHEST_SHARE: f32 = 0.45;
/// From this share of the rate on lies the top, whose level the band above it follows.
const TOP_SHARE: f32 = 0.2;
/// The power of a band that counts as none: 75 dB under a full-scale sine.
const FLOOR_POWER: f32 = 3e-8;
/// Shortest transform in seconds: shorter ones tell no bands apart, longer ones smear an attack.
const SHORTEST_S: f32 = 0.0115;
/// A difference of level counts so much of one in colour: what was heard at another level is as good, but
/// the soft part of a note is another place than the loud one.
const LEVEL_WEIGHT: f32 = 0.5;
/// The same of a difference in rise.
const RISE_WEIGHT: f32 = 0.7;

/// Of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outline {
    /// Colour, level and rise, in decibels, weighted so that their squared distance is what counts.
    values: [f32; VALUES],
    /// Mean over the bands by which they are louder than in the frame before, in decibels.
    pub(super) rise_db: f32,
    /// Power of the top of the band, 1 for a full-scale sine.
    pub(super) top: f32,
}

/// Some outlines side by side, so that the processor compares them at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Side {
    values: [[f32; SIDE]; VALUES],
    /// Power of the top of each.
    pub(super) tops: [f32; SIDE],
}

/// Outlines of a [`Side`].
pub(super) const SIDE: usize = 8;

impl Side {
    /// Of the outlines given, of which there are no more than [`SIDE`].
    pub(super) fn of(outlines: &[Outline]) -> Self {
        let mut side = Self {
            values: [[0.0; SIDE]; VALUES],
            tops: [0.0; SIDE],
        };
        for (place, outline) in outlines.iter().take(SIDE).enumerate() {
            for (values, value) in side.values.iter_mut().zip(outline.values) {
                values[place] = value;
            }
            side.tops[place] = outline.top;
        }
        side
    }

    /// Mean squared differences of the bands from those of `other`, in squared decibels.
    pub(super) fn distances(&self, other: &Outline) -> [f32; SIDE] {
        let mut sums = [0.0; SIDE];
        for (values, wanted) in self.values.iter().zip(other.values) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += (value - wanted) * (value - wanted);
            }
        }
        sums
    }
}

/// Makes outlines of a stream. Frame `n` is centred on sample `n * hop`, and complete a hop later.
pub(super) struct Outliner {
    analysis: Analysis,
    hop: usize,
    /// Bins between which the bands lie.
    edges: [usize; BANDS + 1],
    top_bin: usize,
    /// Power of a full-scale sine in its bin.
    full_scale: f32,
    before: [f32; BANDS],
}

impl Outliner {
    /// For a stream at `rate_hz`. Allocates.
    ///
    /// # Errors
    /// When there is no such transform: its sizes follow from the rate, so only at one that no continuer has.
    pub(super) fn new(rate_hz: u32) -> Result<Self, SpecError> {
        let size = ((rate_hz as f32 * SHORTEST_S).ceil() as usize).next_power_of_two();
        // The transform has no wider hops than a quarter; every second frame is enough.
        let spec = StftSpec::new(size, size / 4)?;
        let bin = |hz: f32| hz / rate_hz as f32 * size as f32;
        let (lowest, highest) = (bin(LOWEST_HZ).max(1.0), HIGHEST_SHARE * size as f32);
        let mut edges = [lowest as usize; BANDS + 1];
        for place in 1..=BANDS {
            let edge = lowest * (highest / lowest).powf(place as f32 / BANDS as f32);
            edges[place] = (edge.round() as usize)
                .max(edges[place - 1] + 1)
                .min(size / 2 + 1);
        }
        Ok(Self {
            analysis: Analysis::new(&spec),
            hop: size / 2,
            edges,
            top_bin: (TOP_SHARE * size as f32) as usize,
            full_scale: (size as f32 / 4.0).powi(2),
            before: [0.0; BANDS],
        })
    }

    /// Samples from one frame to the next.
    pub(super) fn hop(&self) -> usize {
        self.hop
    }

    /// Takes samples, gives the outline of each frame that they complete.
    pub(super) fn push(&mut self, samples: &[f32], mut give: impl FnMut(Outline)) {
        let (edges, before) = (&self.edges, &mut self.before);
        let (top_bin, scale) = (self.top_bin, self.full_scale.recip());
        self.analysis.push(samples, |index, spectrum| {
            if !index.is_multiple_of(2) {
                return;
            }
            let power = |from: usize, to: usize| {
                let bins = spectrum.get(from..to).unwrap_or_default();
                scale * bins.iter().map(|value| value.norm_sqr()).sum::<f32>()
            };
            let bands: [f32; BANDS] = std::array::from_fn(|band| {
                10.0 * (power(edges[band], edges[band + 1]) + FLOOR_POWER).log10()
            });
            give(outline(&bands, before, power(top_bin, edges[BANDS])));
            *before = bands;
        });
    }
}

/// The outline of a frame with bands in decibels and a power of the top.
fn outline(bands: &[f32; BANDS], before: &[f32; BANDS], top: f32) -> Outline {
    let count = BANDS as f32;
    let level_db = bands.iter().sum::<f32>() / count;
    let rises = bands.iter().zip(before).map(|(now, then)| now - then);
    let rise_db = rises.map(|rise| rise.max(0.0)).sum::<f32>() / count;
    let mut values = [0.0; VALUES];
    for (band, (value, band_db)) in values.iter_mut().zip(bands).enumerate() {
        // From a half to one and a half: what lies above goes with the upper bands first.
        let weight = 0.5 + band as f32 / (count - 1.0);
        *value = (weight / count).sqrt() * (band_db - level_db);
    }
    values[BANDS] = LEVEL_WEIGHT * level_db;
    values[BANDS + 1] = RISE_WEIGHT * rise_db;
    Outline {
        values,
        rise_db,
        top,
    }
}
