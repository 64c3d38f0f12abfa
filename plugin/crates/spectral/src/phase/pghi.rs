//! Phase gradient heap integration over a whole spectrogram. Worker and tools; preallocated.
//!
//! Source: Prusa, Balazs, Sondergaard 2017, "A noniterative method for reconstruction of phase from
//! STFT magnitude", sec. III and IV, algorithm 1; the heap is a queue over half decibels.

use super::bucket_queue::BucketQueue;
use super::gradient::{Gradient, TOLERANCE_OCTAVES, floor_below, loudest};
use crate::approx::{exp2, log2};
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;

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
        }
    }

    /// Phases in turns / 2^32 of `magnitudes`, both `[frames * bins]` with at most `most_frames`
    /// frames. `seed` keys the phases of quiet bins and of places where integration begins.
    pub(crate) fn integrate(&mut self, magnitudes: &[f32], seed: u64) -> &[u32] {
        let nodes = magnitudes.len();
        let random = Stream::new(seed, Purpose::QUIET_PHASE, 0, 0);
        for (octaves, magnitude) in self.octaves.iter_mut().zip(magnitudes) {
            *octaves = log2(*magnitude);
        }
        let floor = floor_below(loudest(&self.octaves[..nodes]));
        for octaves in &mut self.octaves[..nodes] {
            *octaves = octaves.max(floor);
        }
        self.find_steps(magnitudes, exp2(floor));
        self.prepare(nodes, floor, &random);
        while let Some(start) = self.starts.pop() {
            if self.pending[start] {
                let phase = self.phases[start];
                self.settle(start, phase, floor);
                self.spread(nodes, floor);
            }
        }
        &self.phases[..nodes]
    }

    fn find_steps(&mut self, magnitudes: &[f32], least: f32) {
        let (bins, nodes) = (self.bins, magnitudes.len());
        for row in (0..nodes).step_by(bins) {
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
            let (before, after) = (row.saturating_sub(bins), (row + bins).min(nodes - bins));
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

    fn prepare(&mut self, nodes: usize, floor: f32, random: &Stream) {
        self.settled.clear();
        self.starts.clear();
        for node in 0..nodes {
            self.phases[node] = random.u32_at(node as u64);
            self.pending[node] = self.octaves[node] > floor;
            if self.pending[node] {
                self.starts.push(level(self.octaves[node], floor), node);
            }
        }
    }

    // From every settled node to its four neighbours, the loudest first.
    fn spread(&mut self, nodes: usize, floor: f32) {
        let bins = self.bins;
        while let Some(node) = self.settled.pop() {
            let (phase, bin) = (self.phases[node], node % bins);
            if node + bins < nodes {
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
