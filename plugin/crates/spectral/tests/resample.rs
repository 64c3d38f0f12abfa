//! The resampled stream: delay, flatness, images, and independence of call sizes.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod signals;

use afterimage_spectral::{ResampleError, Resampler};
use signals::{Lcg, db, measure_sine};
use std::f64::consts::TAU;

const PAIRS: [(f64, f64); 9] = [
    (48_000.0, 44_100.0),
    (44_100.0, 48_000.0),
    (22_050.0, 192_000.0),
    (48_000.0, 22_050.0),
    (48_000.0, 96_000.0),
    (44_100.0, 88_200.0),
    (48_000.0, 47_999.3),
    (96_000.0, 8_000.0),
    (16_000.0, 44_056.1),
];

/// Pulls `frames` in calls of the given sizes, in turn; `source` maps a model sample index to a value.
fn pull(
    resampler: &mut Resampler,
    frames: usize,
    calls: &[usize],
    source: impl Fn(u64) -> f32,
) -> Vec<f32> {
    let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
    let (mut done, mut index, mut turn) = (0, 0_u64, 0);
    while done < frames {
        let count = calls[turn % calls.len()].min(frames - done);
        turn += 1;
        let out = &mut [
            &mut left[done..done + count],
            &mut right[done..done + count],
        ];
        resampler.pull(out, |model| {
            let [left, right] = model else {
                panic!("two channels")
            };
            for (left, right) in left.iter_mut().zip(right.iter_mut()) {
                *left = source(index);
                *right = -*left;
                index += 1;
            }
        });
        done += count;
    }
    assert!(
        left.iter().zip(&right).all(|(l, r)| *l == -*r),
        "channels are treated alike"
    );
    left
}

#[test]
fn the_stream_does_not_depend_on_how_many_frames_are_pulled() {
    for (model, host) in PAIRS {
        let mut resampler = Resampler::new(model, host, 2).unwrap();
        let source = |n: u64| (Lcg(n + 1).uniform() - 0.5) as f32;
        let whole = pull(&mut resampler, 9000, &[9000], source);
        for calls in [&[1][..], &[63], &[512], &[8192], &[1, 700, 31, 32, 33]] {
            resampler.reset();
            assert_eq!(
                whole,
                pull(&mut resampler, 9000, calls, source),
                "{model} -> {host}, {calls:?}"
            );
        }
    }
}

#[test]
fn the_delay_is_exact_to_a_hundredth_of_a_frame() {
    for (model, host) in PAIRS {
        let mut resampler = Resampler::new(model, host, 2).unwrap();
        let hz = 0.11 * model.min(host);
        let out = pull(&mut resampler, 20_000, &[480], |n| {
            (TAU * hz * n as f64 / model).cos() as f32
        });
        let delay = resampler.delay_host_frames();
        let settled = &out[8_000..];
        let (re, im) = signals::demodulate(settled, host, hz);
        let expected = TAU * hz * (8_000.0 - delay as f64) / host;
        let error = (im.atan2(re) - expected + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
        let frames = error * host / (TAU * hz);
        assert!(
            frames.abs() < 0.01,
            "{model} -> {host}: off by {frames} frames of {delay}"
        );
    }
}

#[test]
fn equal_rates_pass_through_without_delay() {
    let mut resampler = Resampler::new(48_000.0, 48_000.0, 2).unwrap();
    assert_eq!(resampler.delay_host_frames(), 0);
    let out = pull(&mut resampler, 1000, &[7, 64], |n| n as f32);
    assert!(out.iter().enumerate().all(|(n, x)| *x == n as f32));
}

#[test]
fn no_model_sample_later_than_the_host_frame_is_asked_for() {
    for (model, host) in PAIRS {
        let mut resampler = Resampler::new(model, host, 1).unwrap();
        let mut asked = 0;
        for frame in 0..4000 {
            let mut out = [0.0];
            resampler.pull(&mut [&mut out], |model| asked += model[0].len());
            let latest = asked as f64 - 1.0;
            assert!(
                latest * host / model <= f64::from(frame) + 1e-6,
                "{model} -> {host} at {frame}: {latest}"
            );
        }
        assert!(
            asked as f64
                > 3000.0 * model / host - resampler.delay_host_frames() as f64 * model / host
        );
    }
}

#[test]
fn the_passband_is_flat_within_a_tenth_of_a_decibel() {
    for (model, host) in PAIRS {
        for share in [0.02, 0.1, 0.3, 0.4, 0.45] {
            let mut resampler = Resampler::new(model, host, 2).unwrap();
            let hz = share * model.min(host);
            let out = pull(&mut resampler, 30_000, &[512], |n| {
                (TAU * hz * n as f64 / model).sin() as f32
            });
            let (amplitude, measured) = measure_sine(&out[8_000..], host, hz);
            assert!(
                db(amplitude).abs() < 0.1,
                "{model} -> {host} at {hz}: {} dB",
                db(amplitude)
            );
            assert!((measured - hz).abs() < 1e-4 * hz, "{hz} became {measured}");
        }
    }
}

#[test]
fn images_and_aliases_lie_90_db_down() {
    for (model, host) in PAIRS {
        let low = model.min(host);
        // Above half the host's rate there is something to alias only when the model's rate is higher.
        let shares: &[f64] = if model > host {
            &[0.2, 0.45, 0.505, 0.52]
        } else {
            &[0.2, 0.45]
        };
        for share in shares {
            let hz = share * low;
            if hz >= 0.5 * model {
                continue;
            }
            let mut resampler = Resampler::new(model, host, 2).unwrap();
            let out = pull(&mut resampler, 24_000, &[512], |n| {
                (TAU * hz * n as f64 / model).sin() as f32
            });
            let rest = rest_beside(&out[8_000..], host, hz);
            assert!(rest < -90.0, "{model} -> {host} at {hz}: {rest} dB");
        }
    }
}

/// Level of everything but the sine of `hz`, relative to full scale: the worst line on a fine grid.
fn rest_beside(sound: &[f32], host: f64, hz: f64) -> f64 {
    let mut planner = realfft::RealFftPlanner::<f64>::new();
    let size = 16_000;
    let plan = planner.plan_fft_forward(size);
    let window = |n: usize| {
        let x = TAU * n as f64 / size as f64;
        // Nuttall's four terms: side lobes 98 dB down.
        0.363_581_9 - 0.489_177_5 * x.cos() + 0.136_599_5 * (2.0 * x).cos()
            - 0.010_641_1 * (3.0 * x).cos()
    };
    let mut input: Vec<f64> = sound[..size]
        .iter()
        .enumerate()
        .map(|(n, x)| f64::from(*x) * window(n))
        .collect();
    let mut output = plan.make_output_vec();
    plan.process(&mut input, &mut output).unwrap();
    let full = size as f64 * 0.363_581_9 / 2.0;
    let bin = hz / host * size as f64;
    let worst = output
        .iter()
        .enumerate()
        .filter(|(k, _)| (*k as f64 - bin).abs() > 8.0);
    db(worst.map(|(_, value)| value.norm()).fold(1e-12, f64::max) / full)
}

#[test]
fn a_rate_outside_the_range_is_refused_with_both_sides() {
    let error = Resampler::new(48_000.0, 1.0, 2).err().unwrap();
    assert_eq!(
        error,
        ResampleError::Rate {
            side: "host",
            given: 1.0,
            min: 8_000.0,
            max: 192_000.0
        }
    );
    assert!(Resampler::new(f64::NAN, 48_000.0, 2).is_err());
    assert!(matches!(
        Resampler::new(48_000.0, 44_100.0, 3),
        Err(ResampleError::Channels { given: 3, max: 2 })
    ));
}
