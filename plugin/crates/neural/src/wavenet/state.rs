//! What a net remembers of one sound: pasts, queues, and what is known already of the samples that come next.

use super::follower::Follower;
use super::kernel::ROWS;
use super::net::Shape;
use super::tape::Tape;

/// Added to the level, so that digital silence has one: the exporter's `QUIETEST`.
const QUIETEST: f32 = 1.0 / 32_768.0;
/// The mu-law of the newest sample.
const COMPANDING: f32 = 255.0;
/// Samples for which the products of earlier channels are made at once. Those of a layer that is dilated at least as
/// far are queued already; so nearly half of the weights are fetched and widened once for all of these.
pub(super) const AHEAD: usize = 2 * ROWS;

/// What a net remembers of one sound.
#[derive(Clone, Debug)]
pub(crate) struct WaveState {
    /// `[taps]`, newest first, as all pasts.
    past: Vec<f32>,
    /// `[followed]`: what the fixed taps left of `past`.
    whitened: Vec<f32>,
    /// What the taps that follow the sound left of that.
    missed: Vec<f32>,
    follower: Follower,
    tape: Tape,
    /// `[followed]`: those that are in force, the follower's or the tape's, newest first.
    taps: Vec<f32>,
    /// What the fixed taps foretell of the next sample.
    predicted: f32,
    /// What the others foretell of what these will leave.
    foretold: f32,
    /// Natural logarithm of the level of `missed`.
    log_level: f32,
    /// Channels of each layer, `[dilation][channels]`, one queue after the other.
    pub(super) queues: Vec<f32>,
    /// Oldest place of each queue.
    pub(super) places: Vec<usize>,
    /// `[channels]`, of one sample: what goes from layer to layer.
    pub(super) stream: Vec<f32>,
    /// `[skip]`: what the layers tell the next sample's mixture.
    pub(super) skip: Vec<f32>,
    pub(super) ahead: Ahead,
}

/// What the layers make of channels that are queued already.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    /// `[layers][AHEAD][2 * channels]`: biases and products of the earlier channels.
    pub(super) sums: Vec<f32>,
    /// Of a layer.
    width: usize,
    /// Samples that they still are for.
    pub(super) left: usize,
}

impl Ahead {
    fn new(shape: &Shape) -> Self {
        let width = 2 * shape.channels;
        Self {
            sums: vec![0.0; shape.dilations.len() * AHEAD * width],
            width,
            left: 0,
        }
    }

    /// Of a layer, those for the next sample.
    pub(super) fn next(&self, layer: usize) -> &[f32] {
        let row = (layer + 1) * AHEAD - self.left;
        &self.sums[row * self.width..][..self.width]
    }
}

impl WaveState {
    /// Before any sound. Allocates.
    pub(crate) fn new(shape: &Shape) -> Self {
        let queued: usize = shape.dilations.iter().sum();
        Self {
            past: vec![0.0; shape.taps],
            whitened: vec![0.0; shape.followed],
            missed: vec![0.0; shape.taps],
            follower: Follower::new(shape.followed),
            tape: Tape::new(shape.followed),
            taps: vec![0.0; shape.followed],
            predicted: 0.0,
            foretold: 0.0,
            log_level: QUIETEST.ln(),
            queues: vec![0.0; queued * shape.channels],
            places: vec![0; shape.dilations.len()],
            stream: vec![0.0; shape.channels],
            skip: vec![0.0; shape.skip],
            ahead: Ahead::new(shape),
        }
    }

    /// Back to before any sound.
    pub(crate) fn forget(&mut self) {
        for values in [
            &mut self.past,
            &mut self.whitened,
            &mut self.missed,
            &mut self.queues,
            &mut self.skip,
        ] {
            values.fill(0.0);
        }
        self.places.fill(0);
        self.ahead.left = 0;
        self.follower.forget();
        self.tape.forget();
        self.taps.fill(0.0);
        (self.predicted, self.foretold, self.log_level) = (0.0, 0.0, QUIETEST.ln());
    }

    /// Becomes equal to another state of the same net, without allocating.
    pub(crate) fn take_after(&mut self, other: &Self) {
        self.past.copy_from_slice(&other.past);
        self.whitened.copy_from_slice(&other.whitened);
        self.missed.copy_from_slice(&other.missed);
        self.follower.take_after(&other.follower);
        self.tape.take_after(&other.tape);
        self.taps.copy_from_slice(&other.taps);
        self.queues.copy_from_slice(&other.queues);
        self.places.copy_from_slice(&other.places);
        self.skip.copy_from_slice(&other.skip);
        self.ahead.left = 0;
        (self.predicted, self.foretold) = (other.predicted, other.foretold);
        self.log_level = other.log_level;
    }

    /// From here on it hears only itself: taps and levels are those of what was heard.
    pub(crate) fn play(&mut self) {
        self.tape.play(&mut self.taps);
    }

    /// What foretells what the fixed taps will leave of the next sample.
    pub(crate) fn taps(&self) -> &[f32] {
        &self.taps
    }

    /// What the newest sample is to be multiplied by to come out as loud as what was heard.
    pub(super) fn gain(&self) -> f32 {
        self.tape.gain()
    }

    /// What is foretold, and the logarithm of the level that scales follow.
    pub(super) fn centre_and_level(&self) -> (f32, f32) {
        let level = self.tape.steered(self.log_level);
        (self.predicted + self.foretold, level)
    }

    /// Takes a sample into the pasts, and these into `front`.
    #[inline(always)]
    pub(super) fn enter(&mut self, whitening: &[f32], sample: f32, front: &mut [f32]) {
        self.shift(whitening, sample);
        self.log_level = fill_front(front, self, sample);
    }

    /// The newest sample, and what was missed of it, come to the front of the pasts.
    #[inline(always)]
    fn shift(&mut self, whitening: &[f32], sample: f32) {
        let left = sample - self.predicted;
        for (past, newest) in [
            (&mut self.past, sample),
            (&mut self.whitened, left),
            (&mut self.missed, left - self.foretold),
        ] {
            let last = past.len() - 1;
            past.copy_within(..last, 1);
            past[0] = newest;
        }
        let heard = [left - self.foretold, left, sample];
        self.tape.take(heard, &mut self.taps);
        if !self.tape.plays() && self.follower.push(left) {
            self.taps.copy_from_slice(self.follower.taps());
        }
        self.predicted = dot(whitening, &self.past);
        self.foretold = dot(&self.taps, &self.whitened);
    }
}

/// Where the oldest channels of a queue are, for the newest to be put there.
#[inline(always)]
pub(super) fn next_place<'a>(
    queue: &'a mut [f32],
    place: &mut usize,
    channels: usize,
) -> &'a mut [f32] {
    let first = *place * channels;
    *place = if first + channels < queue.len() {
        *place + 1
    } else {
        0
    };
    &mut queue[first..][..channels]
}

/// The levelled pasts, their levels and the companded newest sample; gives the logarithm of what was missed.
#[inline(always)]
fn fill_front(front: &mut [f32], state: &WaveState, newest: f32) -> f32 {
    let taps = state.missed.len();
    let (levelled, beside) = front.split_at_mut(2 * taps);
    let pasts = [&state.missed, &state.whitened[..taps]];
    let mut log_levels = [0.0; 2];
    for ((levelled, past), log_level) in levelled
        .chunks_exact_mut(taps)
        .zip(pasts)
        .zip(&mut log_levels)
    {
        let level = (dot(past, past) / taps as f32 + QUIETEST * QUIETEST).sqrt();
        for (levelled, value) in levelled.iter_mut().zip(past) {
            *levelled = value / level;
        }
        *log_level = level.ln();
    }
    let companded = (COMPANDING * newest.abs()).ln_1p() / COMPANDING.ln_1p();
    beside[0] = 0.25 * log_levels[0] + 1.0;
    beside[1] = 0.25 * log_levels[1] + 1.0;
    beside[2] = companded.copysign(newest);
    log_levels[0]
}

/// Of as many values as the shorter has; in eight sums, because one waits for its last addition.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let count = a.len().min(b.len());
    let (a, b) = (a[..count].chunks(8), b[..count].chunks(8));
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}
