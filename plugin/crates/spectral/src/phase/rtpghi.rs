//! Real-time phase gradient heap integration. Audio thread, preallocated.
//!
//! The gradient of the phase follows from the gradient of the log-magnitude; it is integrated along
//! the loudest path, from the frame before or from a louder neighbour.
//! Source: Prusa, Sondergaard 2016, "Real-time spectrogram inversion using phase gradient heap
//! integration", sec. 3; gradients: Prusa, Balazs, Sondergaard 2017, "A noniterative method for
//! reconstruction of phase from STFT magnitude", sec. III.

use super::bucket_queue::BucketQueue;
use crate::approx::{TURN, log2};
use crate::counter_rng::{Purpose, Stream};
use crate::spec::StftSpec;

/// Width of the Gaussian nearest to a Hann window of length 1 (Prusa et al. 2017, table I).
const HANN_GAMMA: f32 = 0.256_45;
/// Bins more than this below the louder of two frames get random phases: 2^-20, 120 dB.
const TOLERANCE_OCTAVES: f32 = 20.0;
/// Nothing below this is integrated, however quiet the rest: 2^-66 is the smallest magnitude kept.
const SILENT_OCTAVES: f32 = -67.0;
/// Levels of the queue.
const LEVELS: f32 = 255.0;
const LN2: f32 = std::f32::consts::LN_2;

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
    spec: StftSpec,
    difference: Difference,
    // Log2 magnitudes: two frames back, one back, and the frame that gets its phase.
    before: Vec<f32>,
    previous: Vec<f32>,
    current: Vec<f32>,
    previous_advance: Vec<f32>,
    advance: Vec<f32>,
    centre_step: Vec<u32>,
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
            spec: *spec,
            difference,
            before: vec![0.0; bins],
            previous: vec![0.0; bins],
            current: vec![0.0; bins],
            previous_advance: vec![0.0; bins],
            advance: vec![0.0; bins],
            centre_step: super::centre_steps(spec),
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
        let loudest = |frame: &[f32]| {
            frame
                .iter()
                .fold(-126.0_f32, |a, b| if *b > a { *b } else { a })
        };
        let mut top = loudest(&self.current);
        if self.frames > 0 {
            top = top.max(loudest(&self.previous));
        }
        // Silence has nothing to integrate: the floor stays above what zero reads.
        let floor = (top - TOLERANCE_OCTAVES).max(SILENT_OCTAVES);
        let lift = |frame: &mut [f32]| {
            frame
                .iter_mut()
                .for_each(|log| *log = if *log > floor { *log } else { floor })
        };
        lift(&mut self.current);
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
        let (size, hop) = (self.spec.fft_size() as f32, self.spec.hop() as f32);
        let gamma = HANN_GAMMA * size * size;
        let last = self.current.len() - 1;
        let turns_per_slope = hop * size / gamma * LN2 / std::f32::consts::TAU * 0.5;
        for bin in 0..=last {
            let (left, right) = (bin.saturating_sub(1), (bin + 1).min(last));
            let rise = self.current[right] - self.current[left];
            self.advance[bin] = turns_per_slope * rise;
        }
        for bin in 0..=last {
            let deviation = if self.frames > 0 {
                0.5 * (self.advance[bin] + self.previous_advance[bin])
            } else {
                self.advance[bin]
            };
            self.time_step[bin] = to_phase(deviation).wrapping_add(self.centre_step[bin]);
        }
        let turns_per_time_slope = -gamma / (size * hop) * LN2 / std::f32::consts::TAU * 0.5;
        for bin in 0..last {
            self.bin_step[bin] =
                to_phase(turns_per_time_slope * (self.slope[bin] + self.slope[bin + 1]));
        }
    }

    // Fills the queue and settles what is too quiet; how many bins are left to integrate.
    fn prepare(&mut self, floor: f32) -> usize {
        let bins = self.current.len();
        let scale = LEVELS / TOLERANCE_OCTAVES;
        for (level, log) in self.levels.iter_mut().zip(&self.current) {
            *level = ((log - floor) * scale) as u8; // saturates
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
                let level = ((self.previous[bin] - floor) * scale) as u8;
                self.queue.push(level, bins + bin);
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

#[inline(always)]
fn to_phase(turns: f32) -> u32 {
    // Adding 1.5 * 2^52 leaves the rounded integer in the low bits, whole turns and all, without a
    // branch. A steep onset steps by many turns; at most 2^19 keep their fraction, far more than occur.
    const INTEGERS: f64 = 6_755_399_441_055_744.0;
    (f64::from(turns) * TURN + INTEGERS).to_bits() as u32
}
