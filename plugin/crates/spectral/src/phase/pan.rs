//! Where a partial or a noise band stands between left and right: a slow deterministic walk.

use crate::counter_rng::{Purpose, Stream};

/// Positions of all partials and noise bands of one voice. Audio thread, preallocated.
#[derive(Clone, Debug)]
pub(crate) struct PanField {
    seed: u64,
    frames_per_knot: f32,
    // The stretch between two knots that each partial, then each noise band, is on.
    partials: Vec<Stretch>,
    bands: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    knot: u64,
    stagger: f32,
    from: f32,
    to: f32,
}

const KNOT_S: f32 = 1.1; // a walk between knots this far apart drifts without sounding like a tremolo
const NOISE_BAND_KEY: u64 = 1 << 32;
const UNKNOWN: Stretch = Stretch {
    knot: u64::MAX,
    stagger: 0.0,
    from: 0.0,
    to: 0.0,
};

impl PanField {
    /// Room for `bins` partials and as many bands. Allocates.
    pub(crate) fn new(bins: usize, hop: usize, sample_rate_hz: f32) -> Self {
        Self {
            seed: 0,
            frames_per_knot: (KNOT_S * sample_rate_hz / hop as f32).max(1.0),
            partials: vec![UNKNOWN; bins],
            bands: vec![UNKNOWN; bins],
        }
    }

    /// Starts a note. Real-time safe.
    pub(crate) fn start(&mut self, seed: u64) {
        self.seed = seed;
        self.partials.fill(UNKNOWN);
        self.bands.fill(UNKNOWN);
    }

    /// Pan of partial `index` at `frame`, -1 to 1; 0 beyond the room. Real-time safe.
    pub(crate) fn partial(&mut self, index: usize, frame: u64) -> f32 {
        let stretch = self.partials.get_mut(index);
        stretch.map_or(0.0, |stretch| {
            stretch.at(self.seed, index as u64, frame as f32 / self.frames_per_knot)
        })
    }

    /// Pan of noise band `index` at `frame`, -1 to 1; 0 beyond the room. Real-time safe.
    pub(crate) fn noise_band(&mut self, index: usize, frame: u64) -> f32 {
        let stretch = self.bands.get_mut(index);
        stretch.map_or(0.0, |stretch| {
            let key = NOISE_BAND_KEY + index as u64;
            stretch.at(self.seed, key, frame as f32 / self.frames_per_knot)
        })
    }
}

impl Stretch {
    // Random values are drawn only where a stretch begins; the result does not depend on when.
    fn at(&mut self, seed: u64, key: u64, knots: f32) -> f32 {
        if self.knot == u64::MAX {
            // Partials turn at different times.
            self.stagger = Stream::new(seed, Purpose::PAN, key, 0).uniform_at(0);
        }
        let position = knots + self.stagger;
        let knot = position as u64;
        if knot != self.knot {
            let stream = Stream::new(seed, Purpose::PAN, key, 0);
            self.knot = knot;
            (self.from, self.to) = (stream.bipolar_at(knot + 1), stream.bipolar_at(knot + 2));
        }
        let t = position - knot as f32;
        self.from + (self.to - self.from) * t * t * (3.0 - 2.0 * t)
    }
}
