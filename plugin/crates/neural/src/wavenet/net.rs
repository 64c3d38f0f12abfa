//! The net, its state, and one step of it: a sample in, the mixture of the next one out.

use rten_simd::{Isa, SimdOp};

use super::follower::BLOCK;
use super::gate::{add, gate, rectify};
use super::hearing::{self, Block};
use super::kernel::{Dense, ROWS};
use super::mixture::Mixture;
use super::state::{AHEAD, WaveState, next_place};
use super::tape::BLOCKS;

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
    /// The earlier channels to filter and gate, with the bias of both products: known as many samples before as the
    /// layer is dilated.
    pub(super) earlier: Dense,
    /// The present channels to the same.
    pub(super) present: Dense,
    /// `[labels][2 * channels]`: added between the two.
    pub(super) label: Vec<f32>,
    /// What passed the gate to the next layer.
    pub(super) residual: Dense,
    /// The same to the mixture.
    pub(super) skip: Dense,
}

impl Layer {
    /// What a label adds.
    pub(super) fn label(&self, label: usize) -> &[f32] {
        let width = self.earlier.bias.len();
        &self.label[label * width..][..width]
    }
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
    /// `[AHEAD][channels]`.
    queued: Vec<f32>,
    /// `[2 * channels]`.
    made: Vec<f32>,
    /// `[channels]`.
    gated: Vec<f32>,
    /// `[skip]`, twice.
    head: [Vec<f32>; 2],
    /// The outputs, padded.
    out: Vec<f32>,
    /// For what is heard.
    pub(super) block: Block,
}

impl Scratch {
    pub(super) fn new(shape: &Shape, outputs: usize) -> Self {
        Self {
            front: vec![0.0; shape.front()],
            queued: vec![0.0; AHEAD * shape.channels],
            made: vec![0.0; 2 * shape.channels],
            gated: vec![0.0; shape.channels],
            head: [vec![0.0; shape.skip], vec![0.0; shape.skip]],
            out: vec![0.0; outputs],
            block: Block::new(shape),
        }
    }
}

impl WaveNet {
    /// Its sizes.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Takes a sample in. `label` is below the number of labels.
    pub(crate) fn push(&mut self, state: &mut WaveState, sample: f32, label: usize) {
        look_ahead(self, state);
        let push = Push {
            net: self,
            state,
            sample,
            label,
        };
        push.dispatch();
    }

    /// Takes samples in, many at once: the same as [`Self::push`] for each, to the bit, in little more than half the time.
    pub(crate) fn hear(&mut self, state: &mut WaveState, samples: &[f32], label: usize) {
        hearing::hear(self, state, samples, label);
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

/// Samples that the queued channels of a layer are multiplied ahead for; 0 where too few are queued.
fn reach(dilation: usize) -> usize {
    match dilation {
        AHEAD.. => AHEAD,
        ROWS.. => ROWS,
        _ => 0,
    }
}

/// Makes what can be made of queued channels for the next samples, where what was made of them is used up.
pub(super) fn look_ahead(net: &mut WaveNet, state: &mut WaveState) {
    let at = &mut net.scratch;
    let (channels, width) = (net.shape.channels, 2 * net.shape.channels);
    if state.ahead.left == 0 {
        state.ahead.left = AHEAD;
    }
    let (left, first) = (state.ahead.left, AHEAD - state.ahead.left);
    let mut queues = &state.queues[..];
    let sums = state.ahead.sums.chunks_exact_mut(AHEAD * width);
    for (number, (layer, sums)) in net.layers.iter().zip(sums).enumerate() {
        let (dilation, place) = (net.shape.dilations[number], state.places[number]);
        let (queue, others) = queues.split_at(dilation * channels);
        queues = others;
        let reach = reach(dilation);
        if reach == 0 || !left.is_multiple_of(reach) {
            continue;
        }
        // The queue may end among them, and begins again.
        let before_the_end = reach.min(dilation - place) * channels;
        let queued = &mut at.queued[..reach * channels];
        let (last, again) = queued.split_at_mut(before_the_end);
        last.copy_from_slice(&queue[place * channels..][..before_the_end]);
        again.copy_from_slice(&queue[..again.len()]);
        let sums = &mut sums[first * width..][..reach * width];
        for sums in sums.chunks_exact_mut(width) {
            sums.copy_from_slice(&layer.earlier.bias);
        }
        layer.earlier.accumulate_rows(reach, queued, sums);
    }
}

/// Takes a sample in, when there is what was made of queued channels.
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
        state.enter(&net.whitening, self.sample, &mut at.front);
        state.stream.copy_from_slice(&net.front.bias);
        state.skip.fill(0.0);
        net.front.accumulate_one(&at.front, &mut state.stream);
        let mut queues = &mut state.queues[..];
        for (number, (layer, dilation)) in net.layers.iter().zip(&shape.dilations).enumerate() {
            let (queue, others) = queues.split_at_mut(dilation * channels);
            queues = others;
            let oldest = next_place(queue, &mut state.places[number], channels);
            let label = layer.label(self.label);
            if reach(*dilation) == 0 {
                at.made.copy_from_slice(&layer.earlier.bias);
                layer.earlier.accumulate_one(oldest, &mut at.made);
                add(&mut at.made, label);
            } else {
                let earlier = state.ahead.next(number).iter().zip(label);
                for (made, (earlier, label)) in at.made.iter_mut().zip(earlier) {
                    *made = earlier + label;
                }
            }
            oldest.copy_from_slice(&state.stream);
            layer.present.accumulate(isa, &state.stream, &mut at.made);
            gate(isa, &at.made, &mut at.gated);
            add(&mut state.stream, &layer.residual.bias);
            layer.residual.accumulate(isa, &at.gated, &mut state.stream);
            add(&mut state.skip, &layer.skip.bias);
            layer.skip.accumulate(isa, &at.gated, &mut state.skip);
        }
        state.ahead.left -= 1;
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
        skip.copy_from_slice(&state.skip);
        rectify(skip);
        hidden.copy_from_slice(&net.hidden.bias);
        net.hidden.accumulate(isa, skip, hidden);
        rectify(hidden);
        at.out.copy_from_slice(&net.out.bias);
        net.out.accumulate(isa, hidden, &mut at.out);

        let (logits, rest) = at.out.split_at(shape.mixtures);
        let (shifts, rest) = rest.split_at(shape.mixtures);
        let scales = &rest[..shape.mixtures];
        let (centre, level) = state.centre_and_level();
        mixture.logits.copy_from_slice(logits);
        for (component, (shift, scale)) in shifts.iter().zip(scales).enumerate() {
            let log_scale = (scale + level).clamp(LOG_SCALES[0], LOG_SCALES[1]);
            mixture.scale[component] = log_scale.exp();
            mixture.mean[component] = centre + shift * mixture.scale[component];
        }
    }
}
