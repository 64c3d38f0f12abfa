//! Phase gradient heap integration over a whole spectrogram. Worker and tools; preallocated.
//!
//! Source: Prusa, Balazs, Sondergaard 2017, "A noniterative method for reconstruction of phase from
//! STFT magnitude", sec. III and IV, algorithm 1; the heap is a queue over half decibels.

use super::bucket_queue::BucketQueue;
use super::gradient::{Gradient, TOLERANCE_OCTAVES, floor_below, loudest};
use crate::approx::{exp2, log2};
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;
use std::ops::Range;

/// Levels of the queue, spread over the tolerance.
const LEVELS: f32 = 255.0;

/// Phases of a spectrogram by gradient integration.
#[derive(Clone, Debug)]
pub(crate) struct Pghi {
    bins: usize,
    gradient: Gradient,
    octaves: Vec<f32>,
    // Rows of the frame at hand and the one before.
    deviation: Vec<f32>,
    previous_deviation: Vec<f32>,
    slope: Vec<f32>,
    // Steps from each node to the one a frame later and to the one a bin higher, `[frames * bins]`.
    time_step: Vec<u32>,
    bin_step: Vec<u32>,
    phases: Vec<u32>,
    pending: Vec<bool>,
    settled: BucketQueue,
    // Where integration may begin anew: all nodes, the loudest first.
    starts: BucketQueue,
    // Of the spectrogram at hand.
    nodes: usize,
    floor: f32,
    random: Stream,
    stage: Stage,
}

/// What is done next.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Gradients of the rows from a node on.
    Slopes { row: usize },
    /// Queueing the nodes from one on.
    Nodes { next: usize },
    /// Integration.
    Spread,
}

impl Pghi {
    /// For up to `most_frames` frames of `spec`. Allocates.
    pub(crate) fn new(spec: &StftSpec, most_frames: usize) -> Self {
        let bins = spec.bins();
        let nodes = most_frames * bins;
        Self {
            bins,
            gradient: Gradient::new(spec),
            octaves: vec![0.0; nodes],
            deviation: vec![0.0; bins],
            previous_deviation: vec![0.0; bins],
            slope: vec![0.0; bins],
            time_step: vec![0; nodes],
            bin_step: vec![0; nodes],
            phases: vec![0; nodes],
            pending: vec![false; nodes],
            settled: BucketQueue::new(nodes),
            starts: BucketQueue::new(nodes),
            nodes: 0,
            floor: 0.0,
            random: Stream::new(0, Purpose::QUIET_PHASE, 0, 0),
            stage: Stage::Spread,
        }
    }

    /// Begins with `magnitudes` `[frames * bins]` of at most `most_frames` frames, which [`Self::step`] and
    /// [`Self::phases`] then go on from. `seed` keys the phases of quiet bins and of places where
    /// integration begins.
    pub(crate) fn begin(&mut self, magnitudes: &[f32], seed: u64) {
        self.nodes = magnitudes.len();
        self.random = Stream::new(seed, Purpose::QUIET_PHASE, 0, 0);
        for (octaves, magnitude) in self.octaves.iter_mut().zip(magnitudes) {
            *octaves = log2(*magnitude);
        }
        self.floor = floor_below(loudest(&self.octaves[..self.nodes]));
        for octaves in &mut self.octaves[..self.nodes] {
            *octaves = octaves.max(self.floor);
        }
        self.settled.clear();
        self.starts.clear();
        self.stage = Stage::Slopes { row: 0 };
    }

    /// Does a share of the work, that of some `frames` frames; whether all is done. `magnitudes` as they
    /// were at the beginning. How it was shared out changes nothing.
    pub(crate) fn step(&mut self, magnitudes: &[f32], frames: usize) -> bool {
        let share = frames.max(1).saturating_mul(self.bins);
        match self.stage {
            Stage::Slopes { row } => {
                let until = row.saturating_add(share).min(self.nodes);
                self.find_steps(magnitudes, row..until);
                self.stage = if until < self.nodes {
                    Stage::Slopes { row: until }
                } else {
                    Stage::Nodes { next: 0 }
                };
            }
            Stage::Nodes { next } => {
                let until = next.saturating_add(share).min(self.nodes);
                self.prepare(next..until);
                self.stage = if until < self.nodes {
                    Stage::Nodes { next: until }
                } else {
                    Stage::Spread
                };
            }
            Stage::Spread => return self.spread(share),
        }
        false
    }

    /// Phases in turns / 2^32, `[frames * bins]`, once all is done.
    pub(crate) fn phases(&self) -> &[u32] {
        &self.phases[..self.nodes]
    }

    fn find_steps(&mut self, magnitudes: &[f32], nodes: Range<usize>) {
        let (bins, all, least) = (self.bins, magnitudes.len(), exp2(self.floor));
        for row in nodes.step_by(bins) {
            let now = row..row + bins;
            std::mem::swap(&mut self.deviation, &mut self.previous_deviation);
            self.gradient
                .deviations(&magnitudes[now.clone()], least, &mut self.deviation);
            if row > 0 {
                self.gradient.time_steps(
                    &self.previous_deviation,
                    &self.deviation,
                    &mut self.time_step[row - bins..row],
                );
            }
            // Centred, one-sided at both ends.
            let (before, after) = (row.saturating_sub(bins), (row + bins).min(all - bins));
            let per_hop = bins as f32 / (after - before).max(bins) as f32;
            let pairs = self.octaves[before..][..bins]
                .iter()
                .zip(&self.octaves[after..]);
            for (slope, (before, after)) in self.slope.iter_mut().zip(pairs) {
                *slope = per_hop * (after - before);
            }
            self.gradient.delays(&mut self.slope);
            self.gradient
                .bin_steps(&self.slope, &mut self.bin_step[now]);
        }
    }

    fn prepare(&mut self, nodes: Range<usize>) {
        for node in nodes {
            self.phases[node] = self.random.u32_at(node as u64);
            self.pending[node] = self.octaves[node] > self.floor;
            if self.pending[node] {
                self.starts
                    .push(level(self.octaves[node], self.floor), node);
            }
        }
    }

    // From every settled node to its four neighbours, the loudest first; where none is left, anew from
    // the loudest node that nothing has reached.
    fn spread(&mut self, most: usize) -> bool {
        for _ in 0..most {
            if let Some(node) = self.settled.pop() {
                self.settle_neighbours(node);
            } else if let Some(start) = self.starts.pop() {
                self.settle(start, self.phases[start], self.floor);
            } else {
                return true;
            }
        }
        false
    }

    #[inline(always)]
    fn settle_neighbours(&mut self, node: usize) {
        let (bins, floor) = (self.bins, self.floor);
        let (phase, bin) = (self.phases[node], node % bins);
        if node + bins < self.nodes {
            self.settle(node + bins, phase.wrapping_add(self.time_step[node]), floor);
        }
        if node >= bins {
            let earlier = node - bins;
            self.settle(earlier, phase.wrapping_sub(self.time_step[earlier]), floor);
        }
        if bin + 1 < bins {
            self.settle(node + 1, phase.wrapping_add(self.bin_step[node]), floor);
        }
        if bin > 0 {
            self.settle(node - 1, phase.wrapping_sub(self.bin_step[node - 1]), floor);
        }
    }

    #[inline(always)]
    fn settle(&mut self, node: usize, phase: u32, floor: f32) {
        if self.pending[node] {
            self.phases[node] = phase;
            self.pending[node] = false;
            self.settled.push(level(self.octaves[node], floor), node);
        }
    }
}

// Queue level of a log2 magnitude above `floor`.
#[inline(always)]
fn level(octaves: f32, floor: f32) -> u8 {
    ((octaves - floor) * (LEVELS / TOLERANCE_OCTAVES)) as u8 // saturates
}
