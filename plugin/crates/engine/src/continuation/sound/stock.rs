//! What a continuer made and nobody has taken yet, clean. Worker thread only.

use std::collections::VecDeque;

use crate::output::{DcBlock, dc_pole};

/// Samples since a piece began, at the continuer's rate; the oldest are dropped when they are taken.
pub(super) struct Stock {
    samples: VecDeque<f32>,
    dropped: u64,
    dc: DcBlock,
    pole: f32,
}

impl Stock {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self {
            samples: VecDeque::new(),
            dropped: 0,
            dc: DcBlock::default(),
            pole: dc_pole(rate_hz),
        }
    }

    /// Samples that were made so far.
    pub(super) fn made(&self) -> u64 {
        self.dropped + self.samples.len() as u64
    }

    /// Cleans more in place, and takes it: what is not finite is silence, what stands still is removed.
    pub(super) fn push(&mut self, samples: &mut [f32]) {
        for value in samples {
            let fine = if value.is_finite() { *value } else { 0.0 };
            *value = self.dc.next(fine, self.pole);
            self.samples.push_back(*value);
        }
    }

    /// All that was not dropped.
    pub(super) fn all(&self) -> Vec<f32> {
        self.samples.iter().copied().collect()
    }

    /// A sample since the piece began; silence before that, and where there is none.
    pub(super) fn at(&self, place: i64) -> f32 {
        let place = usize::try_from(place - self.dropped as i64).ok();
        let sample = place.and_then(|place| self.samples.get(place));
        sample.copied().unwrap_or(0.0)
    }

    /// Drops what lies before a place.
    pub(super) fn drop_before(&mut self, place: i64) {
        while (self.dropped as i64) < place && self.samples.pop_front().is_some() {
            self.dropped += 1;
        }
    }
}
