//! Against the independent NumPy reference in `models/afterimage_models/reference`.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod npy;
mod signals;

use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::phase::lookahead::RtpghiLookahead;
use afterimage_spectral::phase::rtpghi::Rtpghi;
use afterimage_spectral::phase::spsi::Spsi;
use afterimage_spectral::stft::{istft, stft};
use afterimage_spectral::{
    Iteration, LogUnit, PhaseMethod, Scale, StftSpec, VoiceTables, invert_whole,
};
use npy::{f32s, u64s};
use realfft::num_complex::Complex32;

const SEED: u64 = 7;
const RATE_HZ: f64 = 16_000.0;

fn golden_spec() -> StftSpec {
    StftSpec::new(256, 32).unwrap()
}

fn relative_error_db(got: &[f32], wanted: &[f32]) -> f64 {
    let (mut error, mut total) = (0.0, 0.0);
    for (g, w) in got.iter().zip(wanted) {
        error += f64::from(g - w).powi(2);
        total += f64::from(*w).powi(2);
    }
    10.0 * (error / total).log10()
}

#[test]
fn random_bits_equal_the_reference_and_reals_come_within_1e_5() {
    let (keys, positions) = (u64s("rng_keys"), u64s("rng_positions"));
    let (bits, real) = (u64s("rng_bits"), f32s("rng_real"));
    for (row, key) in keys.chunks(4).enumerate() {
        let stream = Stream::new(key[0], Purpose(key[1] as u32), key[2], key[3] as u32);
        for (column, position) in positions.iter().enumerate() {
            let index = row * positions.len() + column;
            assert_eq!(stream.u64_at(*position), bits[index]);
            assert_eq!(stream.u32_at(*position), (bits[index] >> 32) as u32);
            let got = [
                stream.uniform_at(*position),
                stream.bipolar_at(*position),
                stream.gaussian_at(*position),
            ];
            for (got, wanted) in got.iter().zip(&real[3 * index..]) {
                assert!((got - wanted).abs() < 1e-5, "{got} {wanted}");
            }
        }
    }
}

#[test]
fn spectra_and_their_inverse_come_within_1e_5() {
    let spec = golden_spec();
    let sound = f32s("stft_sound");
    let got = stft(&spec, &sound);
    let wanted = as_complex(&f32s("stft_spectra"));
    assert_eq!(got.len(), wanted.len());
    let peak = wanted.iter().map(|value| value.norm()).fold(0.0, f32::max);
    let worst = got
        .iter()
        .zip(&wanted)
        .map(|(g, w)| (g - w).norm())
        .fold(0.0, f32::max);
    assert!(worst < 1e-5 * peak, "{worst} of {peak}");

    let weights = f32s("istft_weights");
    let weighted: Vec<Complex32> = (got.chunks(spec.bins()).zip(&weights))
        .flat_map(|(frame, weight)| frame.iter().map(move |value| value * weight))
        .collect();
    let wanted = f32s("istft_sound");
    let back = istft(&spec, &weighted, wanted.len()).unwrap();
    let worst = back
        .iter()
        .zip(&wanted)
        .map(|(g, w)| (g - w).abs())
        .fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn scales_come_within_1e_5_in_both_directions() {
    let db = Scale::log_amplitude(LogUnit::Decibel, 512.0, -100.0, -90.0).unwrap();
    let ln = Scale::log_amplitude(LogUnit::Neper, 2.0, -12.0, -5.0).unwrap();
    let values = f32s("scale_values");
    let sixteenth: Vec<f32> = values.iter().map(|v| v / 16.0).collect();
    for (scale, values, name) in [
        (db, &values, "scale_db_magnitudes"),
        (ln, &sixteenth, "scale_ln_magnitudes"),
    ] {
        let mut got = vec![0.0; values.len()];
        scale.to_magnitudes(values, &mut got);
        for (got, wanted) in got.iter().zip(f32s(name)) {
            assert!(
                (got - wanted).abs() <= 1e-5 * wanted,
                "{name}: {got} {wanted}"
            );
        }
    }
    let magnitudes = f32s("scale_magnitudes");
    for (scale, name) in [(db, "scale_db_values"), (ln, "scale_ln_values")] {
        let mut got = vec![0.0; magnitudes.len()];
        scale.from_magnitudes(&magnitudes, &mut got);
        for (got, wanted) in got.iter().zip(f32s(name)) {
            assert!(
                (got - wanted).abs() < 1e-5 * (1.0 + wanted.abs()),
                "{name}: {got} {wanted}"
            );
        }
    }
}

/// Share of the energy whose phase differs by more than a hundredth of a turn.
fn share_of_wrong_phase(magnitudes: &[f32], got: &[u32], wanted: &[f32]) -> f64 {
    let (mut wrong, mut total) = (0.0, 0.0);
    for ((magnitude, got), wanted) in magnitudes.iter().zip(got).zip(wanted) {
        let turns = f64::from(*got) / 4_294_967_296.0 - f64::from(*wanted);
        let energy = f64::from(*magnitude).powi(2);
        total += energy;
        if (turns - turns.round()).abs() > 0.01 {
            wrong += energy;
        }
    }
    wrong / total
}

#[test]
fn phases_of_spsi_and_rtpghi_agree_for_999_of_1000_of_the_energy() {
    let spec = golden_spec();
    let magnitudes = f32s("phase_magnitudes");
    let frames: Vec<&[f32]> = magnitudes.chunks(spec.bins()).collect();
    let mut spsi = Spsi::new(spec.bins(), spec.fft_size(), spec.hop());
    spsi.start(SEED);
    let mut causal = Rtpghi::new(&spec);
    causal.start(SEED);
    let mut lookahead = Rtpghi::with_lookahead(&spec);
    lookahead.start(SEED);
    let mut projected = RtpghiLookahead::new(&VoiceTables::new(&spec));
    projected.start(SEED);
    let mut got = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for (index, frame) in frames.iter().enumerate() {
        got[0].extend_from_slice(spsi.advance(frame));
        got[1].extend_from_slice(causal.advance(frame, None));
        if let Some(following) = frames.get(index + 1) {
            got[2].extend_from_slice(lookahead.advance(frame, Some(following)));
            got[3].extend_from_slice(projected.advance(frame, Some(following)));
        }
    }
    let names = [
        "phase_spsi",
        "phase_rtpghi0",
        "phase_rtpghi1",
        "phase_rtpghi1_projected",
    ];
    for (got, name) in got.iter().zip(names) {
        let wanted = f32s(name);
        assert_eq!(got.len(), wanted.len());
        let wrong = share_of_wrong_phase(&magnitudes, got, &wanted);
        assert!(wrong < 1e-3, "{name}: {wrong}");
    }
}

fn as_complex(values: &[f32]) -> Vec<Complex32> {
    let pairs = values.as_chunks::<2>().0;
    pairs
        .iter()
        .map(|[re, im]| Complex32::new(*re, *im))
        .collect()
}

#[test]
fn whole_spectrograms_have_the_phases_of_the_reference_before_and_after_iterating() {
    let spec = golden_spec();
    let magnitudes = f32s("phase_offline_magnitudes");
    let turns = |value: &Complex32| {
        let turns = f64::from(value.im).atan2(f64::from(value.re)) / std::f64::consts::TAU;
        (turns * 4_294_967_296.0) as i64 as u32
    };
    let inverted = |iteration, iterations| {
        invert_whole(&magnitudes, &spec, iteration, iterations, SEED).unwrap()
    };
    let plain = inverted(Iteration::FastGriffinLim, 0);
    let got: Vec<u32> = plain.iter().map(turns).collect();
    let wrong = share_of_wrong_phase(&magnitudes, &got, &f32s("phase_pghi"));
    assert!(wrong < 1e-3, "{wrong}");

    let energy = |values: &mut dyn Iterator<Item = Complex32>| -> f64 {
        values.map(|value| f64::from(value.norm_sqr())).sum()
    };
    for (name, iteration) in [
        ("pghi_fgla_spectra", Iteration::FastGriffinLim),
        ("pghi_sgla_spectra", Iteration::Sequential),
    ] {
        let wanted = as_complex(&f32s(name));
        let differences = |got: &[Complex32]| {
            energy(&mut got.iter().zip(&wanted).map(|(g, w)| g - w))
                / energy(&mut wanted.iter().copied())
        };
        let (error, before) = (differences(&inverted(iteration, 4)), differences(&plain));
        assert!(error < 1e-4, "{name}: {error}");
        assert!(
            before > 1e-3,
            "four iterations must have moved something: {before}"
        );
    }
}

#[test]
fn a_wrong_seed_is_noticed_by_the_phase_comparison() {
    let spec = golden_spec();
    let magnitudes = f32s("phase_magnitudes");
    let mut spsi = Spsi::new(spec.bins(), spec.fft_size(), spec.hop());
    spsi.start(SEED + 1);
    let got: Vec<u32> = magnitudes
        .chunks(spec.bins())
        .flat_map(|f| spsi.advance(f).to_vec())
        .collect();
    assert!(share_of_wrong_phase(&magnitudes, &got, &f32s("phase_spsi")) > 0.5);
}

#[test]
fn f0_lock_sounds_like_the_reference_within_minus_45_db() {
    let spec = golden_spec();
    for (name, f0) in [("lock_high", 587.0), ("lock_low", 205.0)] {
        let magnitudes = f32s(&format!("{name}_magnitudes"));
        let (mid, side) = signals::invert(
            &spec,
            RATE_HZ,
            PhaseMethod::F0Lock,
            &magnitudes,
            |_| f0,
            0.6,
        );
        for (got, channel) in [(mid, "mid"), (side, "side")] {
            let wanted = f32s(&format!("{name}_{channel}"));
            let error = relative_error_db(&got, &wanted);
            assert!(error < -45.0, "{name} {channel}: {error} dB");
        }
    }
}
