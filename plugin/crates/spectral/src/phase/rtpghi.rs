//! Real-time phase gradient integration. Audio thread, preallocated.
//!
//! The gradient of the phase follows from the gradient of the log-magnitude; it is integrated along
//! the loudest path, from the frame before or from a louder neighbour.
//! Source: Prusa, Sondergaard 2016, "Real-time spectrogram inversion using phase gradient heap
//! integration", sec. 3; the gradients are those of `gradient`, the heap is `widest_path`.

use super::gradient::{Gradient, NOTHING_OCTAVES, floor_below, loudest};
use super::widest_path::{Source, WidestPath};
use crate::approx::{exp2, log2};
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;

/// Weights of the frame at hand and the two before it in the time derivative of the log-magnitude.
///
/// 0.35 of the second difference are added to the first: with none of it glides suffer, with half (the
/// second-order rule) noise and drums do, because it doubles their roughness. Measured on 16 real clips.
const BACKWARD: [f32; 3] = [1.35, -1.7, 0.35];
/// Weights of the frame after, the frame at hand and the two before it.
///
/// Three quarters of the way from the centred difference to the third-order rule, by the same measure.
const CENTRED: [f32; 4] = [0.375, 0.375, -0.875, 0.125];

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
    widest_path: WidestPath,
    time_step: Vec<u32>,
    bin_step: Vec<u32>,
    slope: Vec<f32>,
    phases: Vec<u32>,
    integrated: Vec<u32>,
    follows: Vec<u32>,
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

    /// With one frame of look-ahead: [`Self::advance`] takes the frame after. Allocates. What voices use
    /// is [`super::lookahead::RtpghiLookahead`], which goes on from here.
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
            widest_path: WidestPath::new(bins),
            time_step: vec![0; bins],
            bin_step: vec![0; bins],
            slope: vec![0.0; bins],
            phases: vec![0; bins],
            integrated: vec![0; bins],
            follows: vec![0; bins],
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
    /// difference is taken backward). Real-time safe; takes the same time
    /// for every spectrum.
    pub fn advance(&mut self, magnitudes: &[f32], following: Option<&[f32]>) -> &[u32] {
        std::mem::swap(&mut self.before, &mut self.previous);
        std::mem::swap(&mut self.previous, &mut self.current);
        std::mem::swap(&mut self.previous_advance, &mut self.advance);
        for (log, magnitude) in self.current.iter_mut().zip(magnitudes) {
            *log = log2(*magnitude);
        }
        let floor = self.floor_quiet_bins();
        let following = following.filter(|_| self.difference == Difference::Central);
        self.find_slopes(following, floor);
        self.find_steps(magnitudes, floor);
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

    /// Stands where `other` stands, of the same spec: for a look at a frame that it has not come to.
    /// Real-time safe.
    pub(crate) fn follow(&mut self, other: &Self) {
        self.quiet = other.quiet;
        super::copy_common(&mut self.previous, &other.previous);
        super::copy_common(&mut self.current, &other.current);
        super::copy_common(&mut self.advance, &other.advance);
        super::copy_common(&mut self.phases, &other.phases);
        self.frames = other.frames;
    }

    /// Says what phases the last frame took instead, `[bins]`: the next goes on from them. Real-time safe.
    pub fn set_phases(&mut self, phases: &[u32]) {
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
        let past = self.previous.iter().zip(&self.before);
        let frames = self.current.iter().zip(past);
        let slopes = self.slope.iter_mut().zip(frames);
        match (following, self.frames) {
            (Some(after), 0) => {
                for ((slope, (now, _)), after) in slopes.zip(after) {
                    *slope = log2(*after).max(floor) - now;
                }
            }
            (Some(after), 1) => {
                for ((slope, (_, (previous, _))), after) in slopes.zip(after) {
                    *slope = 0.5 * (log2(*after).max(floor) - previous);
                }
            }
            (Some(after), _) => {
                let [a, b, c, d] = CENTRED;
                for ((slope, (now, (previous, before))), after) in slopes.zip(after) {
                    *slope = a * log2(*after).max(floor) + b * now + c * previous + d * before;
                }
            }
            (None, 0) => self.slope.fill(0.0),
            (None, 1) => slopes.for_each(|(slope, (now, (previous, _)))| *slope = now - previous),
            (None, _) => {
                let [a, b, c] = BACKWARD;
                for (slope, (now, (previous, before))) in slopes {
                    *slope = a * now + b * previous + c * before;
                }
            }
        }
    }

    // From gradients to fixed-point steps along time and along frequency.
    fn find_steps(&mut self, magnitudes: &[f32], floor: f32) {
        self.gradient
            .deviations(magnitudes, exp2(floor), &mut self.advance);
        let from = if self.frames > 0 {
            &self.previous_advance
        } else {
            &self.advance
        };
        self.gradient
            .time_steps(from, &self.advance, &mut self.time_step);
        self.gradient.delays(&mut self.slope);
        self.gradient.bin_steps(&self.slope, &mut self.bin_step);
    }

    fn integrate(&mut self, floor: f32) {
        let previous = (self.frames > 0).then_some(self.previous.as_slice());
        let sources = self.widest_path.sources(previous, &self.current, floor);
        let first = self.frames * sources.len() as u64;
        let steps = self.phases.iter().zip(&self.time_step);
        for (phase, (before, step)) in self.integrated.iter_mut().zip(steps) {
            *phase = before.wrapping_add(*step);
        }
        let bins = self.integrated.iter_mut().zip(sources).enumerate();
        for (bin, (phase, source)) in bins {
            if matches!(source, Source::Quiet | Source::Start) {
                *phase = self.quiet.u32_at(first + bin as u64);
            }
        }
        // Upward from the bins below, then downward from the bins above: no path turns.
        mark(&mut self.follows, sources, Source::Left);
        let (mut below, mut step) = (0_u32, 0_u32);
        let steps = self.follows.iter().zip(&self.bin_step);
        for (phase, (follows, next_step)) in self.integrated.iter_mut().zip(steps) {
            below = (below.wrapping_add(step) & follows) | (*phase & !follows);
            *phase = below;
            step = *next_step;
        }
        mark(&mut self.follows, sources, Source::Right);
        let mut above = 0_u32;
        let steps = self.follows.iter().zip(&self.bin_step).rev();
        for (phase, (follows, step)) in self.integrated.iter_mut().rev().zip(steps) {
            above = (above.wrapping_sub(*step) & follows) | (*phase & !follows);
            *phase = above;
        }
        std::mem::swap(&mut self.phases, &mut self.integrated);
    }
}

// All ones where a bin follows that neighbour: in a loop of its own, so that the walk has no branch;
// which bins follow which is as unpredictable as a spectrum.
fn mark(follows: &mut [u32], sources: &[Source], neighbour: Source) {
    for (follows, source) in follows.iter_mut().zip(sources) {
        *follows = u32::from(*source == neighbour).wrapping_neg();
    }
}
