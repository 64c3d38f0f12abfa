//! Real-time phase gradient heap integration. Audio thread, preallocated.
//!
//! The gradient of the phase follows from the gradient of the log-magnitude; it is integrated along
//! the loudest path, from the frame before or from a louder neighbour.
//! Source: Prusa, Sondergaard 2016, "Real-time spectrogram inversion using phase gradient heap
//! integration", sec. 3; gradients: Prusa, Balazs, Sondergaard 2017, "A noniterative method for
//! reconstruction of phase from STFT magnitude", sec. III.

use super::bucket_queue::BucketQueue;
use super::gradient::{Gradient, NOTHING_OCTAVES, floor_below, level as level_of, loudest};
use crate::approx::log2;
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;

/// How the time derivative of the log-magnitude is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// From this frame and the ones before.
    Backward,
    /// From the frame before and the frame after.
    Central,
}

/// Phases of one voice by gradient integration.
#[derive(Clone, Debug)]
pub struct Rtpghi {
    difference: Difference,
    // Log2 magnitudes: two frames back, one back, and the frame that gets its phase.
    before: Vec<f32>,
    previous: Vec<f32>,
    current: Vec<f32>,
    previous_advance: Vec<f32>,
    advance: Vec<f32>,
    gradient: Gradient,
    time_step: Vec<u32>,
    bin_step: Vec<u32>,
    slope: Vec<f32>,
    phases: Vec<u32>,
    integrated: Vec<u32>,
    pending: Vec<bool>,
    levels: Vec<u8>,
    queue: BucketQueue,
    quiet: Stream,
    frames: u64,
}

/// Where a voice stands between two frames.
#[derive(Clone, Debug)]
pub(crate) struct RtpghiState {
    previous: Vec<f32>,
    current: Vec<f32>,
    advance: Vec<f32>,
    phases: Vec<u32>,
    frames: u64,
}

impl RtpghiState {
    pub(crate) fn size_bytes(&self) -> usize {
        4 * size_of_val(self.phases.as_slice())
    }
}

impl Rtpghi {
    /// Without look-ahead. Allocates.
    pub fn new(spec: &StftSpec) -> Self {
        Self::with_difference(spec, Difference::Backward)
    }

    /// With one frame of look-ahead: [`Self::advance`] takes the frame after. Allocates.
    pub fn with_lookahead(spec: &StftSpec) -> Self {
        Self::with_difference(spec, Difference::Central)
    }

    fn with_difference(spec: &StftSpec, difference: Difference) -> Self {
        let bins = spec.bins();
        Self {
            difference,
            before: vec![0.0; bins],
            previous: vec![0.0; bins],
            current: vec![0.0; bins],
            previous_advance: vec![0.0; bins],
            advance: vec![0.0; bins],
            gradient: Gradient::new(spec),
            time_step: vec![0; bins],
            bin_step: vec![0; bins],
            slope: vec![0.0; bins],
            phases: vec![0; bins],
            integrated: vec![0; bins],
            pending: vec![false; bins],
            levels: vec![0; bins],
            queue: BucketQueue::new(2 * bins),
            quiet: Stream::new(0, Purpose::QUIET_PHASE, 0, 0),
            frames: 0,
        }
    }

    /// Starts a note; `seed` keys the phases of bins too quiet to integrate. Real-time safe.
    pub fn start(&mut self, seed: u64) {
        self.quiet = Stream::new(seed, Purpose::QUIET_PHASE, 0, 0);
        self.frames = 0;
        self.phases.fill(0);
    }

    /// Phases `[bins]` in turns / 2^32 of the frame `magnitudes` `[bins]`, linear.
    ///
    /// `following`: the frame after it, read only with look-ahead (without one there, the
    /// difference is taken backward). Real-time safe, at most `2 * bins` queue steps.
    pub fn advance(&mut self, magnitudes: &[f32], following: Option<&[f32]>) -> &[u32] {
        std::mem::swap(&mut self.before, &mut self.previous);
        std::mem::swap(&mut self.previous, &mut self.current);
        std::mem::swap(&mut self.previous_advance, &mut self.advance);
        for (log, magnitude) in self.current.iter_mut().zip(magnitudes) {
            *log = log2(*magnitude);
        }
        let floor = self.floor_quiet_bins();
        self.find_slopes(
            following.filter(|_| self.difference == Difference::Central),
            floor,
        );
        self.find_steps();
        self.integrate(floor);
        self.frames += 1;
        &self.phases
    }

    /// Keeps where the voice stands: log-magnitudes and phases of the frames before. Allocates.
    pub(crate) fn keep(&self) -> RtpghiState {
        RtpghiState {
            previous: self.previous.clone(),
            current: self.current.clone(),
            advance: self.advance.clone(),
            phases: self.phases.clone(),
            frames: self.frames,
        }
    }

    /// Goes on from there, after [`Self::start`] with the same seed. Real-time safe.
    pub(crate) fn restore(&mut self, state: &RtpghiState) {
        super::copy_common(&mut self.previous, &state.previous);
        super::copy_common(&mut self.current, &state.current);
        super::copy_common(&mut self.advance, &state.advance);
        super::copy_common(&mut self.phases, &state.phases);
        self.frames = state.frames;
    }

    /// Says what phases the last frame took instead, `[bins]`: the next goes on from them. Real-time safe.
    pub(crate) fn set_phases(&mut self, phases: &[u32]) {
        super::copy_common(&mut self.phases, phases);
    }

    // Log-magnitudes below the tolerance carry no gradient worth integrating.
    fn floor_quiet_bins(&mut self) -> f32 {
        let before = if self.frames > 0 {
            loudest(&self.previous)
        } else {
            NOTHING_OCTAVES
        };
        let floor = floor_below(loudest(&self.current).max(before));
        for octaves in &mut self.current {
            *octaves = octaves.max(floor);
        }
        floor
    }

    // Time derivative of the log-magnitude, in octaves a hop.
    fn find_slopes(&mut self, following: Option<&[f32]>, floor: f32) {
        let now = self.current.iter().zip(&self.previous).zip(&self.before);
        let slopes = self.slope.iter_mut();
        match (following, self.frames) {
            (Some(after), 0) => {
                for ((slope, now), after) in slopes.zip(&self.current).zip(after) {
                    *slope = log2(*after).max(floor) - now;
                }
            }
            (Some(after), _) => {
                for ((slope, previous), after) in slopes.zip(&self.previous).zip(after) {
                    *slope = 0.5 * (log2(*after).max(floor) - previous.max(floor));
                }
            }
            (None, 0) => self.slope.fill(0.0),
            (None, 1) => slopes
                .zip(now)
                .for_each(|(slope, ((now, previous), _))| *slope = now - previous),
            // Half of the second difference is added: with none of it glides suffer, with all of it
            // (the second-order rule) noise and drums do, because it doubles their roughness.
            (None, _) => {
                for (slope, ((now, previous), before)) in slopes.zip(now) {
                    *slope = 1.25 * now - 1.5 * previous + 0.25 * before;
                }
            }
        }
    }

    // From gradients to fixed-point steps along time and along frequency.
    fn find_steps(&mut self) {
        self.gradient.deviations(&self.current, &mut self.advance);
        let from = if self.frames > 0 {
            &self.previous_advance
        } else {
            &self.advance
        };
        self.gradient
            .time_steps(from, &self.advance, &mut self.time_step);
        self.gradient.bin_steps(&self.slope, &mut self.bin_step);
    }

    // Fills the queue and settles what is too quiet; how many bins are left to integrate.
    fn prepare(&mut self, floor: f32) -> usize {
        let bins = self.current.len();
        for (level, log) in self.levels.iter_mut().zip(&self.current) {
            *level = level_of(*log, floor);
        }
        self.queue.clear();
        let mut left = 0;
        for bin in 0..bins {
            let audible = self.current[bin] > floor;
            self.pending[bin] = audible;
            left += usize::from(audible);
            if !audible {
                self.integrated[bin] = self.quiet_phase(bin);
            } else if self.frames > 0 && self.previous[bin] > floor {
                self.queue
                    .push(level_of(self.previous[bin], floor), bins + bin);
            }
        }
        left
    }

    fn quiet_phase(&self, bin: usize) -> u32 {
        self.quiet
            .u32_at(self.frames * self.current.len() as u64 + bin as u64)
    }

    fn integrate(&mut self, floor: f32) {
        let bins = self.current.len();
        let mut left = self.prepare(floor);
        let mut run_start = 0;
        while left > 0 {
            let Some(node) = self.queue.pop() else {
                run_start = self.loudest_of_next_run(run_start);
                let phase = self.quiet_phase(run_start);
                left -= self.settle(run_start, phase);
                continue;
            };
            if node >= bins {
                let bin = node - bins;
                left -= self.settle(bin, self.phases[bin].wrapping_add(self.time_step[bin]));
                continue;
            }
            let phase = self.integrated[node];
            if node + 1 < bins {
                left -= self.settle(node + 1, phase.wrapping_add(self.bin_step[node]));
            }
            if node > 0 {
                left -= self.settle(node - 1, phase.wrapping_sub(self.bin_step[node - 1]));
            }
        }
        std::mem::swap(&mut self.phases, &mut self.integrated);
    }

    // Gives a bin its phase unless it has one; how many bins were settled, 0 or 1.
    #[inline(always)]
    fn settle(&mut self, bin: usize, phase: u32) -> usize {
        if !self.pending[bin] {
            return 0;
        }
        self.integrated[bin] = phase;
        self.pending[bin] = false;
        self.queue.push(self.levels[bin], bin);
        1
    }

    // With an empty queue, whatever is pending lies in whole runs between silent bins, and none of
    // them before `from`: so all calls of a frame together walk the bins twice.
    fn loudest_of_next_run(&self, from: usize) -> usize {
        let start = from
            + self.pending[from..]
                .iter()
                .take_while(|pending| !**pending)
                .count();
        let mut best = start.min(self.pending.len() - 1);
        for bin in start..self.pending.len() {
            if !self.pending[bin] {
                break;
            }
            if self.current[bin] > self.current[best] {
                best = bin;
            }
        }
        best
    }
}
