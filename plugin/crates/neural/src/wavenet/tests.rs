//! The kernel against PyTorch, and against itself on another instruction set.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use rten_simd::SimdOp;
use rten_simd::isa::GenericIsa;
use serde_json::Value;

use super::gate::gate;
use super::kernel::{Dense, LANES};
use super::mixture::Mixture;
use super::net::{Foretell, Push, WaveNet, look_ahead};
use super::read::read_net;
use super::state::{AHEAD, WaveState};
use crate::pack::Pack;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wave")
}

fn net() -> WaveNet {
    read_net(&Pack::open(&folder()).unwrap()).unwrap()
}

/// The one that ships: its layers are in bytes, the fixture's are not.
fn shipped() -> WaveNet {
    let folder = "../../../models/wave-continue";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    read_net(&Pack::open(&folder).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    let number = |v: &Value| v.as_f64().unwrap() as f32;
    value.as_array().unwrap().iter().map(number).collect()
}

fn golden() -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("golden.json")).unwrap()).unwrap()
}

fn row(mixture: &Mixture) -> Vec<f32> {
    [&mixture.logits[..], &mixture.mean, &mixture.scale].concat()
}

/// Of each sample of `audio`, what those before it foretell.
fn foretold(net: &mut WaveNet, audio: &[f32], label: usize, portable: bool) -> Vec<Vec<f32>> {
    let mut state = WaveState::new(net.shape());
    let mut mixture = Mixture::new(net.shape().mixtures());
    let mut rows = Vec::new();
    for sample in [0.0].iter().chain(audio) {
        if portable {
            let (isa, state) = (GenericIsa::new(), &mut state);
            look_ahead(net, state);
            Push {
                net,
                state,
                sample: *sample,
                label,
            }
            .eval(isa);
            Foretell {
                net,
                state,
                mixture: &mut mixture,
            }
            .eval(isa);
        } else {
            net.push(&mut state, *sample, label);
            net.foretell(&state, &mut mixture);
        }
        rows.push(row(&mixture));
    }
    rows
}

fn largest_difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

/// Every fourth row, as the golden has them.
fn thinned(rows: &[Vec<f32>], golden: &Value) -> Vec<Vec<f32>> {
    let every = golden["every"].as_u64().unwrap() as usize;
    rows.iter()
        .step_by(every)
        .take(golden["steps"]["0"].as_array().unwrap().len())
        .cloned()
        .collect()
}

#[test]
fn samples_one_by_one_give_what_pytorch_gives_for_all_at_once() {
    let golden = golden();
    let audio = numbers(&golden["audio"]);
    for label in 0..3 {
        let wanted: Vec<Vec<f32>> = golden["steps"][label.to_string()]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .collect();
        let found = thinned(&foretold(&mut net(), &audio, label, false), &golden);
        let difference = largest_difference(&found, &wanted);
        assert!(difference < 1e-4, "label {label}: {difference}");
    }
}

#[test]
fn a_wrong_weight_is_seen_by_the_golden() {
    let golden = golden();
    let audio = numbers(&golden["audio"]);
    let mut net = net();
    net.layers[6].earlier.bias[0] += 0.05;
    let wanted: Vec<Vec<f32>> = golden["steps"]["0"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    let found = thinned(&foretold(&mut net, &audio, 0, false), &golden);
    assert!(largest_difference(&found, &wanted) > 1e-4);
}

#[test]
fn gates_and_present_products_on_the_portable_path_agree_with_the_widest() {
    let audio = numbers(&golden()["audio"]);
    let wide = foretold(&mut net(), &audio, 1, false);
    let portable = foretold(&mut net(), &audio, 1, true);
    let difference = largest_difference(&wide, &portable);
    assert!(difference < 1e-4, "{difference}");
}

/// What a net foretells after all of `audio`, and of what it then hears of itself.
fn after(net: &mut WaveNet, state: &mut WaveState) -> Vec<Vec<f32>> {
    let mut mixture = Mixture::new(net.shape().mixtures());
    let mut rows = Vec::new();
    for _ in 0..40 {
        net.foretell(state, &mut mixture);
        rows.push(row(&mixture));
        net.push(state, 0.5 * mixture.mean[0], 1);
    }
    rows
}

#[test]
fn what_is_heard_at_once_is_to_the_bit_what_is_heard_sample_by_sample() {
    let audio = numbers(&golden()["audio"]);
    let cuts = [1, 2, 3, 4, 7, 15, 16, 17, 31, 64, 128, audio.len()];
    for (mut net, cut) in cuts
        .into_iter()
        .flat_map(|cut| [(net(), cut), (shipped(), cut)])
    {
        let [mut pushed, mut heard] = [0; 2].map(|_| WaveState::new(net.shape()));
        for (number, samples) in audio.chunks(cut).enumerate() {
            samples
                .iter()
                .for_each(|sample| net.push(&mut pushed, *sample, 2));
            // Now and then one by one, as a continuation begins.
            if number % 5 == 4 {
                samples
                    .iter()
                    .for_each(|sample| net.push(&mut heard, *sample, 2));
            } else {
                net.hear(&mut heard, samples, 2);
            }
        }
        let [pushed, heard] = [pushed, heard].map(|mut state| after(&mut net, &mut state));
        assert_eq!(pushed, heard, "cut into {cut}");
    }
}

#[test]
fn what_ships_is_kept_in_bytes_but_for_its_ends() {
    let net = shipped();
    for layer in &net.layers {
        let products = [&layer.earlier, &layer.present, &layer.residual, &layer.skip];
        assert!(products.iter().all(|product| product.is_in_bytes()));
    }
    let ends = [&net.front, &net.hidden, &net.out];
    assert!(!ends.iter().any(|product| product.is_in_bytes()));
}

#[test]
fn a_sample_that_is_not_heard_is_seen() {
    let audio = numbers(&golden()["audio"]);
    let mut net = net();
    let [mut all, mut fewer] = [0; 2].map(|_| WaveState::new(net.shape()));
    net.hear(&mut all, &audio, 0);
    net.hear(&mut fewer, &audio[..audio.len() - 1], 0);
    assert_ne!(after(&mut net, &mut all), after(&mut net, &mut fewer));
}

#[test]
fn a_label_that_changes_counts_from_the_next_sample_on() {
    let audio = numbers(&golden()["audio"]);
    let changes = 100..100 + 2 * AHEAD;
    // What was made ahead of a change, in any place of the samples it is for, is not the former label's.
    for (mut net, changed) in changes.flat_map(|at| [(net(), at), (shipped(), at)]) {
        let [mut pushed, mut heard] = [0; 2].map(|_| WaveState::new(net.shape()));
        for (n, sample) in audio[..200].iter().enumerate() {
            net.push(&mut pushed, *sample, usize::from(n >= changed));
        }
        net.hear(&mut heard, &audio[..changed], 0);
        net.hear(&mut heard, &audio[changed..200], 1);
        assert_eq!(after(&mut net, &mut pushed), after(&mut net, &mut heard));
    }
}

#[test]
fn a_product_is_the_same_in_tiles_of_every_size() {
    for vectors in 1..=9 {
        let (inputs, outputs) = (5, vectors * LANES);
        let rows: Vec<f32> = (0..inputs * outputs)
            .map(|n| (n as f32 * 0.37).sin())
            .collect();
        let bias: Vec<f32> = (0..outputs).map(|n| n as f32 * 0.01).collect();
        let x = [0.5, -1.0, 2.0, 0.25, -0.125];
        let dense = Dense::new(&rows, &bias);
        let mut found = dense.bias.clone();
        dense.accumulate(GenericIsa::new(), &x, &mut found);
        for (output, found) in found.iter().enumerate() {
            let row = &rows[output * inputs..][..inputs];
            let wanted: f32 = bias[output] + row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
            assert!(
                (found - wanted).abs() < 1e-5,
                "{vectors} vectors, output {output}"
            );
        }
    }
}

#[test]
fn gates_are_those_of_the_paper_and_finite_at_the_ends() {
    let ends = [
        0.0, 0.01, -0.4, 1.0, -3.0, 8.0, -30.0, 1e4, -1e4, 1e-6, 0.3, -0.02, 2.0, -9.0, 19.9, 20.1,
    ];
    let made: Vec<f32> = ends.iter().chain(ends.iter().rev()).copied().collect();
    let mut gated = vec![0.0; LANES];
    gate(GenericIsa::new(), &made, &mut gated);
    for (place, gated) in gated.iter().enumerate() {
        let (x, y) = (f64::from(made[place]), f64::from(made[LANES + place]));
        let wanted = x.tanh() / (1.0 + (-y).exp());
        assert!(
            (f64::from(*gated) - wanted).abs() < 1e-6,
            "{x} {y}: {gated}, {wanted}"
        );
    }
}
