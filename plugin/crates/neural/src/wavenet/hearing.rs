//! What is heard is known beforehand, so it goes layer by layer, many samples at once: every weight is fetched and
//! widened once for several of them, and what only the next sample's mixture needs is made of the newest alone.

use super::gate::{add, gate_rows};
use super::kernel::ROWS;
use super::net::{Shape, WaveNet};
use super::state::{WaveState, next_place};

/// Samples that go through a layer together: what lies between two layers then fits into the nearest cache.
const TOGETHER: usize = 4 * ROWS;

/// Space for samples that are heard together.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// `[TOGETHER][2 * taps + 3]`.
    front: Vec<f32>,
    /// `[TOGETHER][channels]`: what goes from layer to layer, and what did so before.
    stream: Vec<f32>,
    earlier: Vec<f32>,
    /// `[TOGETHER][2 * channels]`.
    made: Vec<f32>,
    /// `[TOGETHER][channels]`.
    gated: Vec<f32>,
}

impl Block {
    pub(super) fn new(shape: &Shape) -> Self {
        let rows = |width: usize| vec![0.0; TOGETHER * width];
        Self {
            front: rows(shape.front()),
            stream: rows(shape.channels),
            earlier: rows(shape.channels),
            made: rows(2 * shape.channels),
            gated: rows(shape.channels),
        }
    }
}

/// Takes samples in: the same as one at a time, to the bit.
pub(super) fn hear(net: &mut WaveNet, state: &mut WaveState, samples: &[f32], label: usize) {
    for samples in samples.chunks(TOGETHER) {
        enter(net, state, samples);
        pass_layers(net, state, samples.len(), label);
    }
    state.ahead.left = 0;
}

/// From samples to what the first layer is given.
fn enter(net: &mut WaveNet, state: &mut WaveState, samples: &[f32]) {
    let at = &mut net.scratch.block;
    let (front, channels) = (net.shape.front(), net.shape.channels);
    let rows = samples.len().next_multiple_of(ROWS);
    let fronts = &mut at.front[..rows * front];
    for (sample, front) in samples.iter().zip(fronts.chunks_exact_mut(front)) {
        state.enter(&net.whitening, *sample, front);
    }
    let stream = &mut at.stream[..rows * channels];
    for stream in stream.chunks_exact_mut(channels) {
        stream.copy_from_slice(&net.front.bias);
    }
    net.front.accumulate_rows(rows, fronts, stream);
    state.skip.fill(0.0);
}

/// Through all layers. Of skips, which are for the next sample's mixture, only the newest row has any.
fn pass_layers(net: &mut WaveNet, state: &mut WaveState, heard: usize, label: usize) {
    let (at, channels) = (&mut net.scratch.block, net.shape.channels);
    // Those beyond what is heard are of an earlier block, and go nowhere.
    let rows = heard.next_multiple_of(ROWS);
    let stream = &mut at.stream[..rows * channels];
    let earlier = &mut at.earlier[..rows * channels];
    let made = &mut at.made[..2 * rows * channels];
    let gated = &mut at.gated[..rows * channels];
    let newest = (heard - 1) * channels;
    let mut queues = &mut state.queues[..];
    let layers = net.layers.iter().zip(&net.shape.dilations);
    for ((layer, dilation), place) in layers.zip(&mut state.places) {
        let (queue, others) = queues.split_at_mut(dilation * channels);
        queues = others;
        // A row may come out of the queue that went in with this block.
        let rows_in = stream.chunks_exact(channels).take(heard);
        for (stream, earlier) in rows_in.zip(earlier.chunks_exact_mut(channels)) {
            let oldest = next_place(queue, place, channels);
            earlier.copy_from_slice(oldest);
            oldest.copy_from_slice(stream);
        }
        for made in made.chunks_exact_mut(2 * channels) {
            made.copy_from_slice(&layer.earlier.bias);
        }
        layer.earlier.accumulate_rows(rows, earlier, made);
        for made in made.chunks_exact_mut(2 * channels) {
            add(made, layer.label(label));
        }
        layer.present.accumulate_rows(rows, stream, made);
        gate_rows(channels, made, gated);
        add(&mut state.skip, &layer.skip.bias);
        let passed = &gated[newest..][..channels];
        layer.skip.accumulate_one(passed, &mut state.skip);
        for stream in stream.chunks_exact_mut(channels) {
            add(stream, &layer.residual.bias);
        }
        layer.residual.accumulate_rows(rows, gated, stream);
    }
}
