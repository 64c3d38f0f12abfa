//! The audio thread's ear: the input, cleaned, measured, and cut into chunks of the timeline.
//! Real-time safe after `prepare`.

use std::collections::VecDeque;

use rtrb::Producer;

use super::{CHUNK_SAMPLES, Chunk, LEVEL_MS};
use crate::continuation::tempo::{Onset, Onsets};
use crate::timeline::ms_to_samples;
use crate::touched;

/// When the worker is so far behind that a chunk finds no room, all up to the next multiple of this
/// many samples is left out, so that no crumbs are heard.
const DROPPED_SAMPLES: u64 = 4096;
/// Mean square of what counts as silence, in the level: -120 dB.
const LEAST_POWER: f64 = 1e-12;

/// The level of a stretch of input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    /// The sample after its last.
    pub(crate) at_host: u64,
    /// Mean square of the louder channel, in decibels below full scale.
    pub(crate) level_db: f32,
}

/// The ear of one instance.
pub(crate) struct Ear {
    chunks: Producer<Chunk>,
    chunk: Chunk,
    filled: usize,
    /// Of the piece of a block at hand: what was heard in it.
    heard: Vec<[f32; 2]>,
    /// Where that begins.
    begins: u64,
    power: [f64; 2],
    level_samples: u64,
    levels: VecDeque<Level>,
    /// None before it is prepared.
    onsets: Option<Onsets>,
    drops_until: u64,
    dropped_chunks: u64,
}

impl Ear {
    /// An ear that nobody listens with yet. Allocates.
    pub(crate) fn new(chunks: Producer<Chunk>) -> Self {
        Self {
            chunks,
            chunk: Chunk {
                listening: 0,
                from_host: 0,
                horizon: 0,
                samples: [[0.0; 2]; CHUNK_SAMPLES],
            },
            filled: 0,
            heard: Vec::new(),
            begins: 0,
            power: [0.0; 2],
            level_samples: 1,
            levels: VecDeque::new(),
            onsets: None,
            drops_until: 0,
            dropped_chunks: 0,
        }
    }

    /// Takes another end. Not real-time safe: frees the one before.
    pub(crate) fn connect(&mut self, chunks: Producer<Chunk>) {
        self.chunks = chunks;
    }

    /// Makes room for pieces of a block. Allocates.
    pub(crate) fn prepare(&mut self, rate_hz: u32, piece_samples: usize) {
        self.level_samples = u64::from(ms_to_samples(LEVEL_MS, rate_hz, 1));
        self.heard = vec![[0.0; 2]; piece_samples];
        self.heard.clear();
        let levels = piece_samples / self.level_samples as usize + 2;
        self.levels = touched::queue(levels, || Level {
            at_host: 0,
            level_db: 0.0,
        });
        self.onsets = Onsets::new(rate_hz, piece_samples);
    }

    /// Samples that the level is measured over.
    pub(crate) fn level_samples(&self) -> u64 {
        self.level_samples
    }

    /// Begins the timeline at 0 again, under another number.
    pub(crate) fn restart(&mut self, listening: u32) {
        self.chunk.listening = listening;
        (self.chunk.from_host, self.filled, self.begins) = (0, 0, 0);
        self.power = [0.0; 2];
        self.levels.clear();
        if let Some(onsets) = &mut self.onsets {
            onsets.restart();
        }
        self.heard.clear();
        self.drops_until = 0;
    }

    /// Takes the input of a piece of a block, cleaned, and measures it.
    pub(crate) fn hear(&mut self, from_host: u64, input: impl Iterator<Item = [f32; 2]>) {
        self.begins = from_host;
        self.heard.clear();
        let room = self.heard.capacity();
        for (sample, at) in input.take(room).zip(from_host + 1..) {
            self.heard.push(sample);
            for (power, value) in self.power.iter_mut().zip(sample) {
                *power += f64::from(value) * f64::from(value);
            }
            if at.is_multiple_of(self.level_samples) {
                self.measure(at);
            }
        }
        if let Some(onsets) = &mut self.onsets {
            onsets.hear(from_host, &self.heard);
        }
    }

    /// The oldest onset up to a host sample that nobody asked for.
    pub(crate) fn next_onset(&mut self, at_host: u64) -> Option<Onset> {
        self.onsets.as_mut()?.next_before(at_host)
    }

    fn measure(&mut self, at_host: u64) {
        let louder = self.power[0].max(self.power[1]) / self.level_samples as f64;
        self.power = [0.0; 2];
        if self.levels.len() < self.levels.capacity() {
            self.levels.push_back(Level {
                at_host,
                level_db: 10.0 * louder.max(LEAST_POWER).log10() as f32,
            });
        }
    }

    /// Where the oldest level that nobody asked for ends.
    pub(crate) fn first_level(&self) -> Option<u64> {
        self.levels.front().map(|level| level.at_host)
    }

    /// The oldest level that nobody asked for.
    pub(crate) fn next_level(&mut self) -> Option<Level> {
        self.levels.pop_front()
    }

    /// What was heard in the piece of a block at hand.
    pub(crate) fn heard(&self) -> &[[f32; 2]] {
        &self.heard
    }

    /// Whether all of the piece at hand finds room.
    pub(crate) fn has_room(&self) -> bool {
        self.chunks.slots() > self.heard.len() / CHUNK_SAMPLES + 1
    }

    /// Sends what was heard; no piece that is not announced yet will branch before `horizon`.
    pub(crate) fn send(&mut self, horizon: u64) {
        let chunk = CHUNK_SAMPLES as u64;
        for place in 0..self.heard.len() {
            let at = self.begins + place as u64;
            let within = (at % chunk) as usize;
            if self.filled != within || self.chunk.from_host != at - within as u64 {
                // Listening began, or goes on after a pause, within a chunk.
                self.chunk.samples[..within].fill([0.0; 2]);
                self.chunk.from_host = at - within as u64;
            }
            self.chunk.samples[within] = self.heard[place];
            self.filled = (within + 1) % CHUNK_SAMPLES;
            if self.filled == 0 {
                self.send_chunk(horizon);
                self.chunk.from_host = at + 1;
            }
        }
    }

    fn send_chunk(&mut self, horizon: u64) {
        if self.chunk.from_host < self.drops_until {
            self.dropped_chunks += 1;
            return;
        }
        self.chunk.horizon = horizon;
        if self.chunks.push(self.chunk).is_err() {
            self.dropped_chunks += 1;
            let after = self.chunk.from_host + 1;
            self.drops_until = after.next_multiple_of(DROPPED_SAMPLES);
        }
    }

    /// Chunks that found no room since this was last asked.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped_chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_SAMPLES, Ear};
    use crate::continuation::sound::make_ends;

    #[test]
    fn chunks_and_levels_lie_on_the_timeline_at_any_block_size() {
        let heard_in = |block: usize| {
            let (ends, mut worker) = make_ends();
            let mut ear = Ear::new(ends.chunks);
            ear.prepare(48_000, block);
            let (mut levels, mut chunks) = (Vec::new(), Vec::new());
            for from in (0..4_800).step_by(block) {
                let sound = (from..(from + block).min(4_800)).map(|at| [at as f32, 0.1]);
                ear.hear(from as u64, sound);
                levels.extend(std::iter::from_fn(|| ear.next_level()));
                ear.send(0);
                while let Ok(chunk) = worker.chunks.pop() {
                    chunks.push((chunk.from_host, chunk.samples));
                }
            }
            (levels, chunks)
        };
        let reference = heard_in(4_800);
        assert_eq!((reference.0.len(), reference.1.len()), (20, 75));
        assert_eq!(reference.1[1].1[3], [67.0, 0.1]);
        for block in [1, 63, 64, 333] {
            assert_eq!(heard_in(block), reference, "blocks of {block}");
        }
    }

    #[test]
    fn a_full_ring_loses_whole_spans_and_counts_them() {
        let (ends, mut worker) = make_ends();
        let mut ear = Ear::new(ends.chunks);
        ear.prepare(48_000, 4096);
        for span in 0..40 {
            ear.hear(span * 4096, (0..4096).map(|_| [0.5; 2]));
            ear.send(0);
            if span == 34 {
                assert_eq!(ear.take_dropped(), 3 * 64);
                while worker.chunks.pop().is_ok() {}
            }
        }
        let first = worker.chunks.pop().map(|chunk| chunk.from_host);
        assert_eq!(first, Ok(35 * 4096), "on the next span, not in the middle");
        assert_eq!(ear.take_dropped(), 0);
        assert_eq!(4096 % CHUNK_SAMPLES, 0);
    }
}
