//! Where a partial or a noise band stands between left and right: a slow deterministic walk.

use crate::counter_rng::{Purpose, Stream};

/// Positions of all partials and noise bands of one voice, refreshed at frames. Audio thread.
#[derive(Clone, Debug)]
pub(crate) struct PanField {
    seed: u64,
    frames_per_knot: f32,
}

const KNOT_S: f32 = 1.1; // a walk between knots this far apart drifts without sounding like a tremolo
const NOISE_BAND_KEY: u64 = 1 << 32;

impl PanField {
    pub(crate) fn new(hop: usize, sample_rate_hz: f32) -> Self {
        Self {
            seed: 0,
            frames_per_knot: (KNOT_S * sample_rate_hz / hop as f32).max(1.0),
        }
    }

    pub(crate) fn start(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Pan of partial `index` at `frame`, -1 to 1. Real-time safe.
    pub(crate) fn partial(&self, index: u32, frame: u64) -> f32 {
        self.walk(u64::from(index), frame)
    }

    /// Pan of noise band `index` at `frame`, -1 to 1. Real-time safe.
    pub(crate) fn noise_band(&self, index: u32, frame: u64) -> f32 {
        self.walk(NOISE_BAND_KEY + u64::from(index), frame)
    }

    fn walk(&self, key: u64, frame: u64) -> f32 {
        let stream = Stream::new(self.seed, Purpose::PAN, key, 0);
        let stagger = stream.uniform_at(0); // partials turn at different times
        let position = frame as f32 / self.frames_per_knot + stagger;
        let knot = position as u64;
        let t = position - knot as f32;
        let smooth = t * t * (3.0 - 2.0 * t);
        let (from, to) = (stream.bipolar_at(knot + 1), stream.bipolar_at(knot + 2));
        from + (to - from) * smooth
    }
}
