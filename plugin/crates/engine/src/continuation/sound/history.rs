//! What was heard in the last minute, at the host's rate. Worker thread only.

use std::collections::VecDeque;

use super::{CHUNK_SAMPLES, Chunk};

/// What is kept, in seconds.
const KEPT_S: u64 = 60;
/// Chunks whose channels are told apart: 0.7 s at 192 kHz.
const MEASURED_CHUNKS: usize = 2048;

/// Samples that are kept at a rate.
fn kept(rate_hz: u32) -> u64 {
    KEPT_S * u64::from(rate_hz)
}

/// The last minute.
pub(super) struct History {
    rate_hz: u32,
    /// Mono.
    samples: VecDeque<f32>,
    /// The host sample of the oldest.
    from: u64,
    /// Mean squares of left, right and their middle, a chunk each; the newest ends where the samples do.
    powers: VecDeque<[f64; 3]>,
}

impl History {
    /// Nothing yet. Has room for all that it keeps: a ring that grows moves, and a whole one takes the worker milliseconds
    /// to move. Allocates.
    pub(super) fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz,
            samples: VecDeque::with_capacity(kept(rate_hz) as usize + CHUNK_SAMPLES),
            from: 0,
            powers: VecDeque::with_capacity(MEASURED_CHUNKS),
        }
    }

    /// Host rate in hertz.
    pub(super) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// The host sample of the oldest that is kept.
    pub(super) fn from(&self) -> u64 {
        self.from
    }

    /// The host sample after the newest.
    pub(super) fn end(&self) -> u64 {
        self.from + self.samples.len() as u64
    }

    /// Takes the next chunk; what lies between it and the one before is heard as silence. False where that is longer
    /// than what is kept, so that nothing of before is.
    pub(super) fn push(&mut self, chunk: &Chunk) -> bool {
        let kept = kept(self.rate_hz);
        let goes_on = chunk.from_host <= self.end() + kept;
        if !goes_on {
            // On the grid of chunks, as all that is pushed.
            self.samples.clear();
            self.powers.clear();
            self.from = chunk.from_host - kept / CHUNK_SAMPLES as u64 * CHUNK_SAMPLES as u64;
        }
        while self.end() < chunk.from_host {
            self.take(&[[0.0; 2]; CHUNK_SAMPLES]);
        }
        self.take(&chunk.samples);
        goes_on
    }

    fn take(&mut self, samples: &[[f32; 2]; CHUNK_SAMPLES]) {
        let mono = samples.iter().map(|[left, right]| 0.5 * (left + right));
        self.samples.extend(mono);
        let old = self
            .samples
            .len()
            .saturating_sub(kept(self.rate_hz) as usize);
        self.samples.drain(..old);
        self.from += old as u64;
        let mut powers = [0.0; 3];
        for [left, right] in samples.map(|sample| sample.map(f64::from)) {
            let middle = 0.5 * (left + right);
            for (power, value) in powers.iter_mut().zip([left, right, middle]) {
                *power += value * value / CHUNK_SAMPLES as f64;
            }
        }
        if self.powers.len() == MEASURED_CHUNKS {
            self.powers.pop_front();
        }
        self.powers.push_back(powers);
    }

    /// The samples from `from` up to `until`, as far as they are kept.
    pub(super) fn between(&self, from: u64, until: u64) -> impl Iterator<Item = f32> + '_ {
        let place = |at: u64| (at.clamp(self.from, self.end()) - self.from) as usize;
        let (from, until) = (place(from), place(until));
        self.samples.range(from..until.max(from)).copied()
    }

    /// Mean squares of left, right and their middle over the chunks that lie in a stretch, as far as they
    /// are known.
    pub(super) fn powers(&self, from: u64, until: u64) -> [f64; 3] {
        let chunk = CHUNK_SAMPLES as u64;
        let first = self.end().saturating_sub(self.powers.len() as u64 * chunk);
        let place = |at: u64| (at.saturating_sub(first) / chunk).min(self.powers.len() as u64);
        let (from, until) = (place(from) as usize, place(until) as usize);
        let stretch = self.powers.range(from.min(until)..until);
        let count = stretch.len().max(1) as f64;
        stretch.fold([0.0; 3], |mean, power| {
            std::array::from_fn(|side| mean[side] + power[side] / count)
        })
    }
}
