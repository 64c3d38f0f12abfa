//! The net, its state, and one step of it: a sample in, the mixture of the next one out.

use rten_simd::{Isa, SimdOp};

use super::follower::{BLOCK, Follower};
use super::kernel::{Dense, gate, rectify};
use super::mixture::Mixture;
use super::tape::{BLOCKS, Tape};

/// Added to the level, so that digital silence has one: the exporter's `QUIETEST`.
const QUIETEST: f32 = 1.0 / 32_768.0;
/// The mu-law of the newest sample.
const COMPANDING: f32 = 255.0;
/// Of the natural logarithm of a component's scale.
const LOG_SCALES: [f32; 2] = [-15.0, 1.0];

/// Sizes of a net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(super) labels: usize,
    pub(super) channels: usize,
    pub(super) skip: usize,
    /// Of the fixed predictor, and samples of each past that the net sees.
    pub(super) taps: usize,
    /// Taps that follow the sound.
    pub(super) followed: usize,
    pub(super) mixtures: usize,
    /// Of the layers in order.
    pub(super) dilations: Vec<usize>,
}

impl Shape {
    /// Labels that it was trained with, the first one for all.
    pub(crate) fn labels(&self) -> usize {
        self.labels
    }

    /// Values that enter the first layer: two levelled pasts, their levels, the newest sample.
    pub(super) fn front(&self) -> usize {
        2 * self.taps + 3
    }

    /// Values of the last layer: logits, shifts, scales.
    pub(super) fn outputs(&self) -> usize {
        3 * self.mixtures
    }

    /// Components of a mixture.
    pub(crate) fn mixtures(&self) -> usize {
        self.mixtures
    }

    /// Samples that decide the next one: the convolutions', and before those the tape's.
    pub(crate) fn context(&self) -> usize {
        self.dilations.iter().sum::<usize>() + 2 * self.taps + BLOCKS * BLOCK
    }
}

/// The weights of one dilated layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// The earlier and the present channels to filter and gate.
    pub(super) gate: Dense,
    /// `[labels][2 * channels]`: added to the bias.
    pub(super) label: Vec<f32>,
    /// What passed the gate to residual and skip.
    pub(super) out: Dense,
}

/// A net ready to run.
#[derive(Debug)]
pub(crate) struct WaveNet {
    pub(super) shape: Shape,
    /// `[taps]`, newest first.
    pub(super) whitening: Vec<f32>,
    pub(super) front: Dense,
    pub(super) layers: Vec<Layer>,
    pub(super) hidden: Dense,
    pub(super) out: Dense,
    pub(super) scratch: Scratch,
}

/// Space for one step.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// `[2 * taps + 3]`.
    front: Vec<f32>,
    /// `[2 * channels]`: earlier, then present.
    pair: Vec<f32>,
    /// `[2 * channels]`.
    made: Vec<f32>,
    /// `[channels]`.
    gated: Vec<f32>,
    /// `[skip]`, twice.
    head: [Vec<f32>; 2],
    /// The outputs, padded.
    out: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(shape: &Shape, outputs: usize) -> Self {
        Self {
            front: vec![0.0; shape.front()],
            pair: vec![0.0; 2 * shape.channels],
            made: vec![0.0; 2 * shape.channels],
            gated: vec![0.0; shape.channels],
            head: [vec![0.0; shape.skip], vec![0.0; shape.skip]],
            out: vec![0.0; outputs],
        }
    }
}

/// What a net remembers of one sound.
#[derive(Clone, Debug, PartialEq)]
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
    queues: Vec<f32>,
    /// Oldest place of each queue.
    places: Vec<usize>,
    /// `[channels + skip]`: the residual stream, and the skips' sum.
    stream: Vec<f32>,
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
            stream: vec![0.0; shape.channels + shape.skip],
        }
    }

    /// Back to before any sound.
    pub(crate) fn forget(&mut self) {
        for values in [
            &mut self.past,
            &mut self.whitened,
            &mut self.missed,
            &mut self.queues,
            &mut self.stream,
        ] {
            values.fill(0.0);
        }
        self.places.fill(0);
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
        self.stream.copy_from_slice(&other.stream);
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

    /// The newest sample, and what was missed of it, come to the front of the pasts.
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
        self.tape.take(left - self.foretold, left, &mut self.taps);
        if !self.tape.plays() && self.follower.push(left) {
            self.taps.copy_from_slice(self.follower.taps());
        }
        self.predicted = dot(whitening, &self.past);
        self.foretold = dot(&self.taps, &self.whitened);
    }
}

impl WaveNet {
    /// Its sizes.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Takes a sample in. `label` is below the number of labels.
    pub(crate) fn push(&mut self, state: &mut WaveState, sample: f32, label: usize) {
        let push = Push {
            net: self,
            state,
            sample,
            label,
        };
        push.dispatch();
    }

    /// What comes after the samples that `state` has taken in: at least one.
    pub(crate) fn foretell(&mut self, state: &WaveState, mixture: &mut Mixture) {
        let foretell = Foretell {
            net: self,
            state,
            mixture,
        };
        foretell.dispatch();
    }
}

pub(super) struct Push<'a> {
    pub(super) net: &'a mut WaveNet,
    pub(super) state: &'a mut WaveState,
    pub(super) sample: f32,
    pub(super) label: usize,
}

impl SimdOp for Push<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { net, state, .. } = self;
        let WaveNet {
            shape, scratch: at, ..
        } = net;
        let channels = shape.channels;
        state.shift(&net.whitening, self.sample);
        state.log_level = fill_front(&mut at.front, state, self.sample);
        state.stream[..channels].copy_from_slice(&net.front.bias);
        state.stream[channels..].fill(0.0);
        net.front
            .accumulate(isa, &at.front, &mut state.stream[..channels]);
        let mut first = 0;
        let queues = shape.dilations.iter().zip(&mut state.places);
        for (layer, (dilation, place)) in net.layers.iter().zip(queues) {
            let queued = &mut state.queues[(first + *place) * channels..][..channels];
            at.pair[..channels].copy_from_slice(queued);
            queued.copy_from_slice(&state.stream[..channels]);
            at.pair[channels..].copy_from_slice(&state.stream[..channels]);
            *place = if *place + 1 < *dilation {
                *place + 1
            } else {
                0
            };
            first += dilation;
            let label = &layer.label[self.label * 2 * channels..][..2 * channels];
            for ((made, bias), label) in at.made.iter_mut().zip(&layer.gate.bias).zip(label) {
                *made = bias + label;
            }
            layer.gate.accumulate(isa, &at.pair, &mut at.made);
            gate(isa, &at.made, &mut at.gated);
            for (stream, bias) in state.stream.iter_mut().zip(&layer.out.bias) {
                *stream += bias;
            }
            layer.out.accumulate(isa, &at.gated, &mut state.stream);
        }
    }
}

pub(super) struct Foretell<'a> {
    pub(super) net: &'a mut WaveNet,
    pub(super) state: &'a WaveState,
    pub(super) mixture: &'a mut Mixture,
}

impl SimdOp for Foretell<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self {
            net,
            state,
            mixture,
        } = self;
        let WaveNet {
            shape, scratch: at, ..
        } = net;
        let [skip, hidden] = &mut at.head;
        skip.copy_from_slice(&state.stream[shape.channels..]);
        rectify(skip);
        hidden.copy_from_slice(&net.hidden.bias);
        net.hidden.accumulate(isa, skip, hidden);
        rectify(hidden);
        at.out.copy_from_slice(&net.out.bias);
        net.out.accumulate(isa, hidden, &mut at.out);

        let (logits, rest) = at.out.split_at(shape.mixtures);
        let (shifts, rest) = rest.split_at(shape.mixtures);
        let scales = &rest[..shape.mixtures];
        let centre = state.predicted + state.foretold;
        let level = state.tape.steered(state.log_level);
        mixture.logits.copy_from_slice(logits);
        for (component, (shift, scale)) in shifts.iter().zip(scales).enumerate() {
            let log_scale = (scale + level).clamp(LOG_SCALES[0], LOG_SCALES[1]);
            mixture.scale[component] = log_scale.exp();
            mixture.mean[component] = centre + shift * mixture.scale[component];
        }
    }
}

/// The levelled pasts, their levels and the companded newest sample; gives the logarithm of what was missed.
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
