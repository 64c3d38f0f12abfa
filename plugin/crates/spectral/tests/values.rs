//! Scales, cleaning, fast functions and random numbers.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use afterimage_spectral::approx::{
    cos_sin_turns, db_to_linear, exp_m1, exp2, linear_to_db, ln_1p, log2,
};
use afterimage_spectral::clean::clean_magnitudes;
use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::{Law, LogUnit, Quantity, Scale, ScaleSpec, SpecError};
use std::f64::consts::TAU;

#[test]
fn sine_and_cosine_are_within_a_millionth() {
    for step in 0..100_003_u64 {
        let phase = (step * 42_949) as u32;
        let angle = f64::from(phase) / 4_294_967_296.0 * TAU;
        let (cos, sin) = cos_sin_turns(phase);
        assert!((f64::from(cos) - angle.cos()).abs() < 1e-6, "cos {phase}");
        assert!((f64::from(sin) - angle.sin()).abs() < 1e-6, "sin {phase}");
    }
}

#[test]
fn logarithm_and_power_are_within_a_millionth() {
    for step in -12_000..12_000 {
        let x = f64::from(step) * 0.01;
        let power = exp2(x as f32);
        assert!(
            (f64::from(power) / (f64::from(x as f32)).exp2() - 1.0).abs() < 1e-6,
            "2^{x}"
        );
        assert!(
            (f64::from(log2(power)) - f64::from(power).log2()).abs() < 2e-6 * (1.0 + x.abs()),
            "log2 {x}"
        );
    }
    assert_eq!([0.0, -1.0, 1e-42, f32::NAN].map(log2), [-126.0; 4]);
    assert!(
        exp2(f32::INFINITY).is_finite()
            && exp2(f32::NEG_INFINITY) < 1e-37
            && exp2(f32::NAN).is_finite()
    );
}

#[test]
fn decibels_return_as_they_came() {
    for tenth in -2000..2000 {
        let db = tenth as f32 * 0.1;
        let linear = db_to_linear(db);
        assert!(
            (f64::from(linear) / 10_f64.powf(f64::from(db) / 20.0) - 1.0).abs() < 1e-5,
            "{db} dB"
        );
        assert!((linear_to_db(linear) - db).abs() < 1e-4, "{db} dB");
    }
}

fn other(law: Law, quantity: Quantity) -> Scale {
    Scale::new(ScaleSpec {
        law,
        quantity,
        reference: 3.0,
        floor: -300.0,
        gate: -300.0,
    })
    .unwrap()
}

#[test]
fn small_and_large_arguments_of_log1p_and_expm1_keep_their_digits() {
    for step in -2000..600 {
        let x = 1.02_f64.powi(step);
        let (log, exp) = (ln_1p(x as f32), exp_m1(x.min(80.0) as f32));
        let (wanted_log, wanted_exp) = (
            f64::from(x as f32).ln_1p(),
            f64::from(x.min(80.0) as f32).exp_m1(),
        );
        assert!(
            (f64::from(log) / wanted_log - 1.0).abs() < 1e-6,
            "ln(1 + {x})"
        );
        assert!(
            (f64::from(exp) / wanted_exp - 1.0).abs() < 1e-6,
            "exp({x}) - 1"
        );
    }
    assert!(exp_m1(-1e-9) < 0.0 && exp_m1(-30.0) < 0.0);
}

#[test]
fn every_scale_returns_its_magnitudes() {
    let magnitudes: Vec<f32> = (0..400).map(|n| 1e-6 * 1.06_f32.powi(n)).collect();
    for scale in [
        Scale::LINEAR,
        Scale::POWER,
        Scale::log_amplitude(LogUnit::Decibel, 512.0, -200.0, -199.0).unwrap(),
        Scale::log_amplitude(LogUnit::Neper, 1.0, -30.0, -29.0).unwrap(),
        other(Law::Log1p, Quantity::Amplitude),
        other(Law::Linear, Quantity::Power),
        other(Law::Log(LogUnit::Neper), Quantity::Power),
        other(Law::Log(LogUnit::Decibel), Quantity::Power),
    ] {
        let (mut values, mut back) = (vec![0.0; 400], vec![0.0; 400]);
        scale.from_magnitudes(&magnitudes, &mut values);
        scale.to_magnitudes(&values, &mut back);
        for (wanted, got) in magnitudes.iter().zip(&back) {
            assert!(
                (got / wanted - 1.0).abs() < 3e-5,
                "{scale:?}: {got} {wanted}"
            );
        }
    }
}

#[test]
fn a_value_below_the_gate_is_exactly_silent_and_zero_reads_the_floor() {
    let scale = Scale::log_amplitude(LogUnit::Decibel, 512.0, -100.0, -90.0).unwrap();
    let mut magnitudes = [1.0; 5];
    let cleaned = scale.to_magnitudes(&[-90.01, -90.0, 0.0, f32::NAN, -1e30], &mut magnitudes);
    assert_eq!(cleaned, 1, "only what is not a number is bad");
    assert_eq!([magnitudes[0], magnitudes[3], magnitudes[4]], [0.0; 3]);
    assert!(magnitudes[1] > 0.0 && (magnitudes[2] - 512.0).abs() < 1e-2);
    let mut values = [0.0; 1];
    scale.from_magnitudes(&[0.0], &mut values);
    assert_eq!(values, [-100.0]);
}

#[test]
fn a_scale_that_cannot_be_used_is_refused_with_both_sides() {
    for reference in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let error = Scale::log_amplitude(LogUnit::Decibel, reference, -100.0, -90.0).unwrap_err();
        assert!(
            matches!(
                error,
                SpecError::Scale {
                    field: "reference",
                    ..
                }
            ),
            "{error}"
        );
    }
    assert!(Scale::log_amplitude(LogUnit::Decibel, 1.0, f32::NAN, -90.0).is_err());
    assert!(Scale::log_amplitude(LogUnit::Decibel, 1.0, -90.0, f32::INFINITY).is_err());
}

#[test]
fn bad_magnitudes_are_zeroed_and_counted_and_denormals_only_zeroed() {
    let mut magnitudes = [
        1.0,
        f32::NAN,
        f32::INFINITY,
        -1.0,
        1e-40,
        0.0,
        -0.0,
        1e30,
        f32::NEG_INFINITY,
    ];
    assert_eq!(clean_magnitudes(&mut magnitudes), 5);
    assert_eq!(magnitudes, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(clean_magnitudes(&mut magnitudes), 0);
}

#[test]
fn random_values_depend_on_every_part_of_their_key() {
    let base = Stream::new(1, Purpose::NOISE, 2, 3).u64_at(4);
    let others = [
        Stream::new(9, Purpose::NOISE, 2, 3).u64_at(4),
        Stream::new(1, Purpose::PAN, 2, 3).u64_at(4),
        Stream::new(1, Purpose::NOISE, 9, 3).u64_at(4),
        Stream::new(1, Purpose::NOISE, 2, 9).u64_at(4),
        Stream::new(1, Purpose::NOISE, 2, 3).u64_at(9),
    ];
    assert!(others.iter().all(|other| *other != base));
}

#[test]
fn random_values_have_their_moments_and_no_memory() {
    let stream = Stream::new(42, Purpose::SAMPLING, 0, 0);
    let count = 200_000_u64;
    let mean = |f: &dyn Fn(u64) -> f64| (0..count).map(f).sum::<f64>() / count as f64;
    let uniform = |n: u64| f64::from(stream.uniform_at(n));
    let gaussian = |n: u64| f64::from(stream.gaussian_at(n));
    assert!((mean(&uniform) - 0.5).abs() < 0.003);
    assert!((mean(&|n| uniform(n).powi(2)) - 1.0 / 3.0).abs() < 0.003);
    assert!(mean(&|n| f64::from(stream.bipolar_at(n))).abs() < 0.005);
    assert!(mean(&gaussian).abs() < 0.01 && (mean(&|n| gaussian(n).powi(2)) - 1.0).abs() < 0.015);
    assert!((mean(&|n| gaussian(n).powi(4)) - 3.0).abs() < 0.1);
    for lag in [1, 2, 256] {
        let product = |n| (uniform(n) - 0.5) * (uniform(n + lag) - 0.5);
        assert!(mean(&product).abs() < 0.001, "lag {lag}");
    }
    // Each of 64 bits is set half the time.
    for bit in 0..64 {
        let share = mean(&|n| (stream.u64_at(n) >> bit & 1) as f64);
        assert!((share - 0.5).abs() < 0.01, "bit {bit}: {share}");
    }
}
