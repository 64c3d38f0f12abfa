//! Representations: parity with the NumPy reference, properties of banks and inverses.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod banks;
mod npy;

use afterimage_spectral::Law;
use afterimage_spectral::representation::{
    Axis, BandSpec, Forward, Inverse, MelNorm, MelScale, PartialSeries, RepresentationSpec,
};
use banks::*;
use npy::f32s;

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
