//! The net, its state, and one step of it: a sample in, the mixture of the next one out.

use rten_simd::{Isa, SimdOp};

use super::kernel::{Dense, accumulate, gate, rectify};
use super::mixture::Mixture;

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
    pub(super) taps: usize,
    pub(super) mixtures: usize,
    /// Of the layers in order.
    pub(super) dilations: Vec<usize>,
}

impl Shape {
    /// Labels that it was trained with, the first one for all.
    pub(crate) fn labels(&self) -> usize {
        self.labels
    }

    /// Components of a mixture.
    pub(crate) fn mixtures(&self) -> usize {
        self.mixtures
    }

    /// Samples that decide the next one.
    pub(crate) fn context(&self) -> usize {
        self.dilations.iter().sum::<usize>() + 2 * self.taps
    }
}

/// The weights of one dilated layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// The earlier and the present channels to filter and gate.
    pub(super) gate: Dense,
    /// `[labels][2 * channels]`: added to the bias.
    pub(super) label: Vec<f32>,
    /// What passed the gate to residual and skip.
    pub(super) out: Dense,
}

/// A net ready to run.
#[derive(Clone, Debug)]
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
    /// `[taps + 2]`.
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
            front: vec![0.0; shape.taps + 2],
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
    /// `[taps]`, newest first.
    past: Vec<f32>,
    /// What the whitening taps missed of `past`, `[taps]`, newest first.
    residual: Vec<f32>,
    /// What the whitening taps foretell.
    predicted: f32,
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
            residual: vec![0.0; shape.taps],
            predicted: 0.0,
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
            &mut self.residual,
            &mut self.queues,
            &mut self.stream,
        ] {
            values.fill(0.0);
        }
        self.places.fill(0);
        (self.predicted, self.log_level) = (0.0, QUIETEST.ln());
    }

    /// Becomes equal to another state of the same net, without allocating.
    pub(crate) fn take_after(&mut self, other: &Self) {
        self.past.copy_from_slice(&other.past);
        self.residual.copy_from_slice(&other.residual);
        self.queues.copy_from_slice(&other.queues);
        self.places.copy_from_slice(&other.places);
        self.stream.copy_from_slice(&other.stream);
        (self.predicted, self.log_level) = (other.predicted, other.log_level);
    }

    /// The newest sample and what the whitening taps missed of it come to the front.
    fn shift(&mut self, whitening: &[f32], sample: f32) {
        for (values, newest) in [
            (&mut self.past, sample),
            (&mut self.residual, sample - self.predicted),
        ] {
            let last = values.len() - 1;
            values.copy_within(..last, 1);
            values[0] = newest;
        }
        self.predicted = dot(whitening, &self.past);
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
        state.log_level = fill_front(&mut at.front, &state.residual, self.sample);
        state.stream[..channels].copy_from_slice(&net.front.bias);
        state.stream[channels..].fill(0.0);
        accumulate(
            isa,
            &net.front.weights,
            &at.front,
            &mut state.stream[..channels],
        );
        let mut first = 0;
        let queues = shape.dilations.iter().zip(&mut state.places);
        for (layer, (dilation, place)) in net.layers.iter().zip(queues) {
            let queued = &mut state.queues[(first + *place) * channels..][..channels];
            at.pair[..channels].copy_from_slice(queued);
            queued.copy_from_slice(&state.stream[..channels]);
            at.pair[channels..].copy_from_slice(&state.stream[..channels]);
            *place = (*place + 1) % dilation;
            first += dilation;
            let label = &layer.label[self.label * 2 * channels..][..2 * channels];
            for ((made, bias), label) in at.made.iter_mut().zip(&layer.gate.bias).zip(label) {
                *made = bias + label;
            }
            accumulate(isa, &layer.gate.weights, &at.pair, &mut at.made);
            gate(isa, &at.made, &mut at.gated);
            for (stream, bias) in state.stream.iter_mut().zip(&layer.out.bias) {
                *stream += bias;
            }
            accumulate(isa, &layer.out.weights, &at.gated, &mut state.stream);
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
        accumulate(isa, &net.hidden.weights, skip, hidden);
        rectify(hidden);
        at.out.copy_from_slice(&net.out.bias);
        accumulate(isa, &net.out.weights, hidden, &mut at.out);

        let (logits, rest) = at.out.split_at(shape.mixtures);
        let (shifts, rest) = rest.split_at(shape.mixtures);
        let (scales, rest) = rest.split_at(shape.mixtures);
        let centre = state.predicted + dot(&rest[..shape.taps], &state.residual);
        mixture.logits.copy_from_slice(logits);
        for (component, (shift, scale)) in shifts.iter().zip(scales).enumerate() {
            let log_scale = (scale + state.log_level).clamp(LOG_SCALES[0], LOG_SCALES[1]);
            mixture.scale[component] = log_scale.exp();
            mixture.mean[component] = centre + shift * mixture.scale[component];
        }
    }
}

/// The levelled residual, its level and the companded newest sample; gives the level's logarithm.
fn fill_front(front: &mut [f32], residual: &[f32], newest: f32) -> f32 {
    let taps = residual.len();
    let power = dot(residual, residual) / taps as f32;
    let level = (power + QUIETEST * QUIETEST).sqrt();
    for (levelled, value) in front.iter_mut().zip(residual) {
        *levelled = value / level;
    }
    let log_level = level.ln();
    front[taps] = 0.25 * log_level + 1.0;
    let companded = (COMPANDING * newest.abs()).ln_1p() / COMPANDING.ln_1p();
    front[taps + 1] = companded.copysign(newest);
    log_level
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
