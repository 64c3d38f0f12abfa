//! The input: it passes bit for bit, in time, and nothing in it breaks the output.
#![allow(clippy::unwrap_used)]

mod support;

use afterimage_engine::{HostConfig, LatencyMode};
use support::{Behaviour, MODEL_RATE_HZ, Rig, instrument};

const BLOCK: usize = 128;

fn rig(latency_mode: LatencyMode) -> Rig {
    let config = HostConfig {
        latency_mode,
        ..HostConfig::new(48_000, BLOCK as u32)
    };
    Rig::with(config, None)
}

/// Every bit pattern of interest: signs of zeros, denormals, loud and soft.
fn input(samples: usize) -> Vec<f32> {
    let value = |at: usize| match at % 7 {
        0 => -0.0,
        1 => f32::MIN_POSITIVE / 8.0,
        2 => 1.7,
        _ => (at as f32 * 0.37).sin() * 0.8,
    };
    (0..samples).map(value).collect()
}

fn hear(rig: &mut Rig, left: &[f32], right: &[f32]) -> [Vec<f32>; 2] {
    let mut out = [vec![9.0; left.len()], vec![9.0; left.len()]];
    for begins in (0..left.len()).step_by(BLOCK) {
        let range = begins..(begins + BLOCK).min(left.len());
        let [out_left, out_right] = &mut out;
        rig.processor.process_heard(
            &[&left[range.clone()], &right[range.clone()]],
            &mut out_left[range.clone()],
            &mut out_right[range],
            &[],
        );
        rig.work();
    }
    out
}

fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|sample| sample.to_bits()).collect()
}

#[test]
fn the_input_passes_bit_for_bit_later_by_what_is_reported() {
    for mode in [LatencyMode::Instant, LatencyMode::Exact] {
        let mut rig = rig(mode);
        let latency = rig.latency.reported_samples as usize;
        assert_eq!(latency == 0, mode == LatencyMode::Instant);
        let left = input(20 * BLOCK + 17);
        let right: Vec<_> = left.iter().rev().copied().collect();
        let out = hear(&mut rig, &left, &right);
        for (out, input) in out.iter().zip([&left, &right]) {
            assert_eq!(bits(&out[..latency]), vec![0; latency]);
            let passed = input.len() - latency;
            assert_eq!(bits(&out[latency..]), bits(&input[..passed]));
        }
    }
}

#[test]
fn one_channel_is_both_and_a_short_one_ends_in_silence() {
    let mut rig = rig(LatencyMode::Instant);
    let (mut left, mut right) = ([9.0; BLOCK], [9.0; BLOCK]);
    rig.processor
        .process_heard(&[&[0.5; 100]], &mut left, &mut right, &[]);
    assert_eq!(left, right);
    assert_eq!(left[..100], [0.5; 100]);
    assert_eq!(left[100..], [0.0; BLOCK - 100]);
    rig.processor.process_heard(&[], &mut left, &mut right, &[]);
    assert_eq!((left, right), ([0.0; BLOCK], [0.0; BLOCK]));
}

#[test]
fn what_is_not_finite_is_silenced_and_counted() {
    let mut rig = rig(LatencyMode::Instant);
    let broken = [0.25, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, 0.25];
    let (mut left, mut right) = ([9.0; 6], [9.0; 6]);
    rig.processor
        .process_heard(&[&broken], &mut left, &mut right, &[]);
    assert_eq!(left, [0.25, 0.0, 0.0, 0.0, 0.0, 0.25]);
    assert_eq!(rig.engine.monitor().counts().non_finite_samples, 4);
}

#[test]
fn a_side_chain_is_not_in_the_output() {
    let render = |beside: bool| {
        let instrument = instrument(Behaviour::Partials, MODEL_RATE_HZ);
        let mut rig = Rig::with(HostConfig::new(48_000, BLOCK as u32), Some(instrument));
        let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
        let mut out = Vec::new();
        for _ in 0..40 {
            if beside {
                let input = [0.7; BLOCK];
                rig.processor
                    .process_beside(&[&input], &mut left, &mut right, &[]);
            } else {
                rig.processor.process(&mut left, &mut right, &[]);
            }
            out.extend(bits(&left));
            rig.work();
        }
        out
    };
    assert_eq!(render(true), render(false));
}
