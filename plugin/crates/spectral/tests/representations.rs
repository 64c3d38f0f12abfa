//! Representations: parity with the NumPy reference, properties of banks and inverses, bad input.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod npy;

use afterimage_spectral::representation::{
    Axis, BandLayout, BandSpec, Forward, HarmonicNoiseSpec, Inverse, MelNorm, MelScale,
    PartialSeries, Preset, RepresentationSpec,
};
use afterimage_spectral::{Law, LogUnit, Quantity, Scale, ScaleSpec, SpecError};
use npy::f32s;

const RATE_HZ: f64 = 16_000.0;
const FFT_SIZE: usize = 512;
const BINS: usize = FFT_SIZE / 2 + 1;
const DB: Law = Law::Log(LogUnit::Decibel);
const LN: Law = Law::Log(LogUnit::Neper);
const NO_SERIES: PartialSeries = PartialSeries {
    f0_hz: 0.0,
    inharmonicity: 0.0,
};

fn mel(scale: MelScale, norm: MelNorm, bands: usize, ends_hz: [f64; 2]) -> BandSpec {
    BandSpec {
        layout: BandLayout::Mel { scale, norm },
        bands,
        f_min_hz: ends_hz[0],
        f_max_hz: ends_hz[1],
    }
}

fn bank(name: &str) -> Axis {
    Axis::Bands(match name {
        "bins" => return Axis::Bins,
        "mel_slaney" => mel(MelScale::Slaney, MelNorm::Slaney, 80, [0.0, 8000.0]),
        "mel_htk" => mel(MelScale::Htk, MelNorm::None, 128, [60.0, 7000.0]),
        "log" => BandSpec::per_octave(48, 31.25, 4000.0),
        other => panic!("no bank {other}"),
    })
}

fn scale(law: Law, power: u8, floor: f32, gate: f32) -> Scale {
    Scale::new(ScaleSpec {
        law,
        quantity: if power == 2 {
            Quantity::Power
        } else {
            Quantity::Amplitude
        },
        reference: 4.0,
        floor,
        gate,
    })
    .unwrap()
}

fn representation(axis: Axis, scale: Scale) -> RepresentationSpec {
    RepresentationSpec {
        rate_hz: RATE_HZ,
        fft_size: FFT_SIZE,
        axis,
        scale,
    }
}

/// Bank, law and its word, power, floor, gate, steps: as in the reference's `golden.py`.
type Case = (&'static str, Law, &'static str, u8, f32, f32, usize);
const CASES: [Case; 12] = [
    ("bins", Law::Log1p, "log1p", 1, 0.0, 0.001, 0),
    ("bins", Law::Log1p, "log1p", 2, 0.0, 0.0, 0),
    ("bins", LN, "ln", 2, -18.0, -17.0, 0),
    ("bins", DB, "db", 2, -80.0, -79.0, 0),
    ("bins", Law::Linear, "linear", 2, 0.0, 1e-4, 0),
    ("mel_slaney", DB, "db", 2, -80.0, -79.5, 0),
    ("mel_slaney", Law::Linear, "linear", 1, 0.0, 0.0, 0),
    ("mel_slaney", LN, "ln", 2, -18.0, -18.0, 10),
    ("mel_htk", Law::Log1p, "log1p", 2, 0.0, 0.0, 0),
    ("mel_htk", DB, "db", 1, -90.0, -90.0, 4),
    ("log", DB, "db", 1, -90.0, -85.0, 0),
    ("log", Law::Log1p, "log1p", 2, 0.0, 0.0, 0),
];

/// Every frame of `input` through `stage`, `[frames * width]`.
fn frames(
    input: &[f32],
    length: usize,
    width: usize,
    mut stage: impl FnMut(&[f32], &mut [f32]),
) -> Vec<f32> {
    let mut all = Vec::new();
    for frame in input.chunks_exact(length) {
        let mut out = vec![f32::NAN; width];
        stage(frame, &mut out);
        all.extend_from_slice(&out);
    }
    all
}

fn assert_close(
    name: &str,
    got: &[f32],
    wanted: &[f32],
    width: usize,
    parity: impl Fn(f32, f32) -> f32,
) {
    assert_eq!(got.len(), wanted.len(), "{name}");
    for (got, wanted) in got.chunks(width).zip(wanted.chunks(width)) {
        let peak = wanted
            .iter()
            .fold(0.0_f32, |peak, value| peak.max(value.abs()));
        for (got, wanted) in got.iter().zip(wanted) {
            let allowed = 1e-5 * parity(*wanted, peak);
            assert!(
                (got - wanted).abs() <= allowed,
                "{name}: {got}, not {wanted}, peak {peak}"
            );
        }
    }
}

#[test]
fn values_are_the_references_to_1e_5() {
    let magnitudes = f32s("frames_magnitudes");
    for (axis, law, word, power, floor, gate, steps) in CASES {
        let name = format!("frames_{axis}_{word}_{power}_{steps}");
        let mut forward =
            Forward::new(&representation(bank(axis), scale(law, power, floor, gate))).unwrap();
        let width = forward.values();
        let got = frames(&magnitudes, BINS, width, |frame, out| {
            assert!(forward.apply(frame, NO_SERIES, out));
        });
        assert_close(
            &name,
            &got,
            &f32s(&format!("{name}_values")),
            width,
            |value, _| {
                // A logarithm's own zero is no smaller than its unit; a quantity is compared with itself.
                if matches!(law, Law::Log(_)) {
                    1.0 + value.abs()
                } else {
                    value.abs()
                }
            },
        );
    }
}

#[test]
fn magnitudes_of_values_are_the_references_to_1e_5() {
    for (axis, law, word, power, floor, gate, steps) in CASES {
        let name = format!("frames_{axis}_{word}_{power}_{steps}");
        let spec = representation(bank(axis), scale(law, power, floor, gate));
        let mut inverse = Inverse::new(&spec).unwrap().with_refine_steps(steps);
        let values = f32s(&format!("{name}_values"));
        let got = frames(&values, inverse.values(), BINS, |frame, out| {
            assert_eq!(inverse.apply(frame, out), 0, "{name}");
        });
        assert_close(
            &name,
            &got,
            &f32s(&format!("{name}_back")),
            BINS,
            |value, peak| {
                // A matrix mixes loud and quiet bands: its rounding is that of the loud ones.
                if axis == "bins" { value } else { peak }
            },
        );
    }
}

fn harmonic_noise() -> RepresentationSpec {
    let axis = Axis::HarmonicNoise(HarmonicNoiseSpec {
        partials: 20,
        noise_bands: 12,
        f_min_hz: 0.0,
        f_max_hz: 8000.0,
    });
    representation(axis, scale(DB, 1, -90.0, -85.0))
}

#[test]
fn harmonic_noise_frames_are_the_references_to_1e_5_in_both_directions() {
    let series = PartialSeries {
        f0_hz: 440.0,
        inharmonicity: 4e-4,
    };
    let mut forward = Forward::new(&harmonic_noise()).unwrap();
    let width = forward.values();
    assert_eq!(width, 2 + 20 + 12);
    let values = f32s("frames_harmonic_noise_values");
    let got = frames(&f32s("frames_magnitudes"), BINS, width, |frame, out| {
        assert!(forward.apply(frame, series, out));
    });
    assert_close("values", &got, &values, width, |value, _| 1.0 + value.abs());
    let mut inverse = Inverse::new(&harmonic_noise()).unwrap();
    let got = frames(&values, width, BINS, |frame, out| {
        assert_eq!(inverse.apply(frame, out), 0)
    });
    assert_close(
        "back",
        &got,
        &f32s("frames_harmonic_noise_back"),
        BINS,
        |_, peak| peak,
    );
}

#[test]
fn drawn_partials_and_noise_are_estimated_again() {
    let mut inverse = Inverse::new(&harmonic_noise()).unwrap();
    let mut forward = Forward::new(&harmonic_noise()).unwrap();
    let series = PartialSeries {
        f0_hz: 311.0,
        inharmonicity: 1e-4,
    };
    let mut frame = vec![series.f0_hz, series.inharmonicity];
    frame.extend((0..20).map(|k| -3.0 * k as f32));
    frame.extend([-75.0; 12]);
    let (mut magnitudes, mut again) = (vec![0.0; BINS], vec![0.0; frame.len()]);
    inverse.apply(&frame, &mut magnitudes);
    assert!(forward.apply(&magnitudes, series, &mut again));
    for (given, found) in frame[2..22].iter().zip(&again[2..]) {
        assert!(
            (given - found).abs() < 0.5,
            "a partial of {given} dB came back as {found} dB"
        );
    }
    // Between partials 10 bins apart there is noise to be seen; the lobes' tails are not all of it.
    for found in &again[24..] {
        assert!(
            (found + 75.0).abs() < 6.0,
            "noise of -75 dB came back as {found} dB"
        );
    }
}

/// Something with partials and a floor.
fn spectrum(bins: usize) -> Vec<f32> {
    (0..bins)
        .map(|bin| 1e-3 + (1.0 + (bin as f32 * 0.7).cos()).powi(3) / (1.0 + 0.02 * bin as f32))
        .collect()
}

#[test]
fn bands_of_the_inverse_are_the_bands_that_were_given() {
    for (rate_hz, fft_size) in [(22_050.0, 1024), (44_100.0, 1024), (48_000.0, 2048)] {
        for (axis, steps, allowed) in [
            (
                mel(MelScale::Slaney, MelNorm::Slaney, 128, [0.0, rate_hz / 2.0]),
                0,
                0.04,
            ),
            (
                mel(MelScale::Htk, MelNorm::None, 128, [0.0, rate_hz / 2.0]),
                10,
                0.02,
            ),
            (BandSpec::per_octave(24, 55.0, rate_hz / 2.0), 0, 0.02),
            (BandSpec::per_octave(48, 55.0, rate_hz / 2.0), 0, 0.02),
        ] {
            for power in [1, 2] {
                let spec = RepresentationSpec {
                    rate_hz,
                    fft_size,
                    axis: Axis::Bands(axis),
                    scale: scale(Law::Linear, power, 0.0, 0.0),
                };
                let mut forward = Forward::new(&spec).unwrap();
                let mut inverse = Inverse::new(&spec).unwrap().with_refine_steps(steps);
                let mut bands = vec![0.0; forward.values()];
                let (mut again, mut back) = (bands.clone(), vec![0.0; inverse.bins()]);
                forward.apply(&spectrum(inverse.bins()), NO_SERIES, &mut bands);
                inverse.apply(&bands, &mut back);
                forward.apply(&back, NO_SERIES, &mut again);
                let (mut error, mut total) = (0.0, 0.0);
                for (band, again) in bands.iter().zip(&again) {
                    let root = |value: f32| f64::from(value).powf(1.0 / f64::from(power));
                    error += (root(*band) - root(*again)).powi(2);
                    total += root(*band).powi(2);
                }
                let relative = (error / total).sqrt();
                // Powers are inverted through their roots, which the matrix smooths: steps mend that.
                let allowed = if power == 2 && steps == 0 {
                    0.2
                } else {
                    allowed
                };
                assert!(relative < allowed, "{axis:?} power {power}: {relative}");
            }
        }
    }
}

#[test]
fn a_spectrum_that_is_smooth_about_0_keeps_its_lowest_bins() {
    for bands in [
        BandSpec::per_octave(48, 50.0, 8000.0),
        mel(MelScale::Slaney, MelNorm::Slaney, 128, [0.0, 8000.0]),
    ] {
        let spec = representation(Axis::Bands(bands), scale(Law::Linear, 1, 0.0, 0.0));
        let mut forward = Forward::new(&spec).unwrap();
        let mut inverse = Inverse::new(&spec).unwrap();
        let smooth: Vec<f32> = (0..BINS)
            .map(|bin| 2.0 + (bin as f32 / 9.0).cos())
            .collect();
        let (mut values, mut back) = (vec![0.0; forward.values()], vec![0.0; BINS]);
        forward.apply(&smooth, NO_SERIES, &mut values);
        inverse.apply(&values, &mut back);
        for (wanted, got) in smooth.iter().zip(&back).take(4) {
            assert!(
                (got / wanted - 1.0).abs() < 0.02,
                "{bands:?}: {got}, not {wanted}"
            );
        }
    }
}

#[test]
fn steps_bring_bands_of_power_closer() {
    let error = |steps| {
        let axis = bank("mel_slaney");
        let spec = representation(axis, scale(Law::Linear, 2, 0.0, 0.0));
        let mut forward = Forward::new(&spec).unwrap();
        let mut inverse = Inverse::new(&spec).unwrap().with_refine_steps(steps);
        let mut bands = vec![0.0; forward.values()];
        let (mut again, mut back) = (bands.clone(), vec![0.0; BINS]);
        forward.apply(&spectrum(BINS), NO_SERIES, &mut bands);
        inverse.apply(&bands, &mut back);
        forward.apply(&back, NO_SERIES, &mut again);
        bands
            .iter()
            .zip(&again)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f32>()
    };
    assert!(error(10) < 0.1 * error(0), "{} {}", error(10), error(0));
}

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
