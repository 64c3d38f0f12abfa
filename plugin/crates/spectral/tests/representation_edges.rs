//! Representations at their edges: silence, bad input, what cannot be built, presets, cost.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod banks;

use afterimage_spectral::representation::{
    Axis, BandLayout, BandSpec, Forward, HarmonicNoiseSpec, Inverse, MelNorm, MelScale, Preset,
    RepresentationSpec,
};
use afterimage_spectral::{Law, Scale, SpecError};
use banks::*;

#[test]
fn silence_is_silent_and_bins_outside_the_bands_are_zero() {
    for (name, law, _, power, floor, gate, _) in CASES {
        let mut inverse =
            Inverse::new(&representation(bank(name), scale(law, power, floor, gate))).unwrap();
        let mut magnitudes = vec![f32::NAN; BINS];
        let lowest = if law == Law::Log1p { 0.0 } else { floor - 1.0 };
        let silence = if matches!(law, Law::Log(_)) {
            lowest
        } else {
            0.0
        };
        assert_eq!(
            inverse.apply(&vec![silence; inverse.values()], &mut magnitudes),
            0
        );
        assert!(
            magnitudes.iter().all(|magnitude| *magnitude == 0.0),
            "{name} {law:?}"
        );
    }
    for (ends_hz, zero_below, zero_from) in [
        ([300.0, 7000.0], 300.0, 7000.0),
        // Within a main lobe of an end, the bins up to it are drawn.
        ([62.0, 7990.0], 0.0, 9000.0),
    ] {
        let axis = Axis::Bands(mel(MelScale::Htk, MelNorm::None, 60, ends_hz));
        let mut inverse =
            Inverse::new(&representation(axis, scale(Law::Linear, 1, 0.0, 0.0))).unwrap();
        let mut magnitudes = vec![f32::NAN; BINS];
        inverse.apply(&[1.0; 60], &mut magnitudes);
        for (bin, magnitude) in magnitudes.iter().enumerate() {
            let hz = bin as f64 * RATE_HZ / FFT_SIZE as f64;
            let drawn = (zero_below..zero_from).contains(&hz);
            assert_eq!(*magnitude > 0.0, drawn, "{hz} Hz");
        }
    }
}

#[test]
fn whatever_comes_in_magnitudes_are_finite_and_bad_values_are_counted() {
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38];
    let axes = ["bins", "mel_slaney", "mel_htk", "log"].map(bank);
    for axis in axes.into_iter().chain([harmonic_noise().axis]) {
        for law in [Law::Linear, DB, LN, Law::Log1p] {
            for power in [1, 2] {
                let spec = representation(axis, scale(law, power, -100.0, -100.0));
                let mut inverse = Inverse::new(&spec).unwrap().with_refine_steps(3);
                let mut values = vec![0.5; inverse.values()];
                values[1] = 0.0; // where it is read as an inharmonicity, a half is bad
                for (index, bad) in bad.iter().enumerate() {
                    values[3 + 5 * index] = *bad;
                }
                values[23] = 1e-42;
                let mut magnitudes = vec![f32::NAN; BINS];
                let counted = inverse.apply(&values, &mut magnitudes);
                assert_eq!(counted, 4, "{axis:?} {law:?} {power}");
                let sound = |magnitude: &f32| magnitude.is_finite() && *magnitude >= 0.0;
                assert!(magnitudes.iter().all(sound), "{axis:?} {law:?} {power}");
                for every in bad.iter().chain(&[-1e30, 1e-42, f32::MIN_POSITIVE]) {
                    inverse.apply(&vec![*every; inverse.values()], &mut magnitudes);
                    assert!(
                        magnitudes.iter().all(sound),
                        "{axis:?} {law:?} {power}: all {every}"
                    );
                }
            }
        }
    }
}

#[test]
fn frames_of_another_length_are_silent_and_counted_whole() {
    for (name, law, _, power, floor, gate, _) in CASES {
        let spec = representation(bank(name), scale(law, power, floor, gate));
        let mut inverse = Inverse::new(&spec).unwrap();
        for length in [0, 1, inverse.values() - 1, inverse.values() + 1] {
            let mut magnitudes = vec![f32::NAN; BINS];
            assert_eq!(
                inverse.apply(&vec![1.0; length], &mut magnitudes),
                length as u32
            );
            assert!(magnitudes.iter().all(|magnitude| *magnitude == 0.0));
        }
        let mut forward = Forward::new(&spec).unwrap();
        let mut values = vec![7.0; forward.values()];
        assert!(!forward.apply(&[1.0; BINS - 1], NO_SERIES, &mut values));
        assert_eq!(values[0], 7.0);
    }
}

#[test]
fn a_pitch_that_is_none_draws_no_partials_and_is_counted() {
    let mut inverse = Inverse::new(&harmonic_noise()).unwrap();
    let mut frame = vec![0.0; inverse.values()];
    frame[22..].fill(-90.0);
    for (f0, stretch, counted) in [
        (0.0, 0.0, 0),
        (f32::NAN, 0.0, 1),
        (-440.0, 0.0, 1),
        (f32::INFINITY, f32::NAN, 2),
        (1e30, 0.0, 0),
        (9000.0, 0.0, 0),
    ] {
        (frame[0], frame[1]) = (f0, stretch);
        let mut magnitudes = vec![f32::NAN; BINS];
        assert_eq!(
            inverse.apply(&frame, &mut magnitudes),
            counted,
            "{f0} {stretch}"
        );
        assert!(magnitudes.iter().all(|magnitude| *magnitude == 0.0), "{f0}");
    }
}

#[test]
fn bands_that_cannot_be_are_refused_with_both_sides() {
    let cases = [
        (
            BandSpec {
                bands: 0,
                ..mel_of([0.0, 8000.0])
            },
            "bands is 0, expected 1 to 2048",
        ),
        (
            BandSpec {
                bands: 4000,
                ..mel_of([0.0, 8000.0])
            },
            "bands is 4000",
        ),
        (
            mel_of([-1.0, 8000.0]),
            "f_min is -1 Hz at a rate of 16000 Hz",
        ),
        (mel_of([f64::NAN, 8000.0]), "f_min is NaN Hz"),
        (mel_of([9000.0, 9500.0]), "f_min is 9000 Hz"),
        (mel_of([0.0, 9000.0]), "f_max is 9000 Hz"),
        (mel_of([500.0, 500.0]), "f_max is 500 Hz"),
        (
            mel_of([101.0, 102.0]),
            "lie between two bins, which are 31.25 Hz apart",
        ),
        (
            BandSpec {
                layout: BandLayout::LogFrequency,
                ..mel_of([0.0, 8000.0])
            },
            "f_min is 0 Hz",
        ),
        (
            BandSpec {
                layout: BandLayout::LogFrequency,
                bands: 1,
                ..mel_of([50.0, 8000.0])
            },
            "expected 2 to 2048",
        ),
    ];
    for (bands, says) in cases {
        let spec = representation(Axis::Bands(bands), Scale::LINEAR);
        for error in [
            Forward::new(&spec).unwrap_err(),
            Inverse::new(&spec).unwrap_err(),
        ] {
            assert!(
                error.to_string().contains(says),
                "{error} does not say {says}"
            );
        }
    }
    let none = Axis::HarmonicNoise(HarmonicNoiseSpec {
        partials: 0,
        noise_bands: 4,
        f_min_hz: 0.0,
        f_max_hz: 8000.0,
    });
    let error = Inverse::new(&representation(none, Scale::LINEAR)).unwrap_err();
    assert!(
        matches!(
            error,
            SpecError::Count {
                field: "partials",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_band_too_wide_to_be_solved_for_is_refused_with_both_sides() {
    let wide = |fft_size, bands| RepresentationSpec {
        fft_size,
        axis: Axis::Bands(BandSpec {
            bands,
            ..mel_of([0.0, 8000.0])
        }),
        ..representation(Axis::Bins, Scale::LINEAR)
    };
    let spec = wide(32_768, 2);
    for error in [spec.check().unwrap_err(), Inverse::new(&spec).unwrap_err()] {
        let SpecError::Wide { given, bins, max } = error else {
            panic!("{error}");
        };
        assert!(bins == 16_385 && max < given, "{error}");
    }
    assert!(Forward::new(&spec).is_ok());
    assert_eq!(wide(16_384, 128).check(), Ok(()));
}

fn mel_of(ends_hz: [f64; 2]) -> BandSpec {
    mel(MelScale::Slaney, MelNorm::Slaney, 8, ends_hz)
}

#[test]
fn so_many_bands_an_octave_end_at_or_below_the_highest_frequency() {
    for (per_octave, low, high, bands) in [
        (48, 31.25, 4000.0, 337),
        (24, 32.7, 11_025.0, 202),
        (1, 100.0, 150.0, 1),
    ] {
        let spec = BandSpec::per_octave(per_octave, low, high);
        assert_eq!(spec.bands, bands);
        assert!(
            spec.f_max_hz <= high * 1.000_001
                && spec.f_max_hz * 2.0_f64.powf(1.0 / f64::from(per_octave)) > high
        );
    }
}

#[test]
fn presets_are_found_by_name_and_make_representations() {
    for preset in &afterimage_spectral::representation::presets::PRESETS {
        assert_eq!(Preset::named(preset.name), Some(preset));
        let Some(mel_preset) = preset.mel else {
            continue;
        };
        let rate_hz = f64::from(preset.sample_rate_hz);
        let spec = RepresentationSpec {
            rate_hz,
            fft_size: preset.fft_size,
            axis: Axis::Bands(mel(
                mel_preset.scale,
                mel_preset.norm,
                mel_preset.bands,
                [0.0, rate_hz / 2.0],
            )),
            scale: Scale::POWER,
        };
        let mut inverse = Inverse::new(&spec).unwrap();
        let mut magnitudes = vec![0.0; inverse.bins()];
        assert_eq!(inverse.apply(&[1.0; 128], &mut magnitudes), 0);
        assert!(magnitudes.iter().sum::<f32>() > 1.0, "{}", preset.name);
    }
    assert_eq!(Preset::named("librosa"), None);
}

#[test]
fn a_frames_cost_is_bounded_by_bands_times_bins_and_far_below_it() {
    for (rate_hz, fft_size) in [(22_050.0, 1024), (44_100.0, 2048), (48_000.0, 4096)] {
        for bands in [
            mel(MelScale::Slaney, MelNorm::Slaney, 128, [0.0, rate_hz / 2.0]),
            BandSpec::per_octave(48, 32.7, rate_hz / 2.0),
        ] {
            let spec = RepresentationSpec {
                rate_hz,
                fft_size,
                axis: Axis::Bands(bands),
                scale: Scale::LINEAR,
            };
            let inverse = Inverse::new(&spec).unwrap();
            assert!(
                inverse.cost() <= inverse.values() * inverse.bins() / 2,
                "{fft_size} {bands:?}: {}",
                inverse.cost()
            );
        }
    }
}
