//! Whole spectrograms inverted in the worker: how well, from the first hop on, and on bad input.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod signals;

use afterimage_spectral::stft::{istft, magnitudes};
use afterimage_spectral::{PghiFgla, PhaseMethod, SpecError, StftSpec, pghi_fgla};
use signals::clips::{chord, clips};
use signals::{db, invert, rms, spec, spectral_convergence_db};

const RATE: f64 = 22_050.0;
const ITERATIONS: usize = 16;

fn sounded(spec: &StftSpec, frames: &[f32], iterations: usize) -> Vec<f32> {
    let spectra = pghi_fgla(frames, spec, iterations, 7).unwrap();
    istft(spec, &spectra, frames.len() / spec.bins() * spec.hop()).unwrap()
}

#[test]
fn sixteen_iterations_come_ahead_of_every_live_method() {
    let spec = spec(1024, 8);
    let clips = clips(RATE);
    let mut mean = 0.0;
    for (name, sound) in &clips {
        let frames = magnitudes(&spec, &sound[..22_000]);
        let live = PhaseMethod::RtpghiLookahead;
        let (live, _) = invert(&spec, RATE, live, &frames, |_| 0.0, 0.0);
        let convergence = |sound: &[f32]| spectral_convergence_db(&spec, &frames, sound);
        let [none, all] = [0, ITERATIONS].map(|n| convergence(&sounded(&spec, &frames, n)));
        let live = convergence(&live);
        // A steady tone leaves nothing to improve.
        let gain = if *name == "tone" { 0.0 } else { 2.0 };
        assert!(all < none - gain, "{name}: {all} dB after {none}");
        assert!(all < live - 0.25 * gain, "{name}: {all} dB, live {live}");
        mean += all / clips.len() as f64;
    }
    assert!(mean < -33.0, "mean {mean} dB");
}

#[test]
fn the_first_hop_of_a_cut_out_attack_has_its_energy_within_a_decibel() {
    // In a hop shorter than a period, energy hangs on a phase that no magnitude tells.
    for (fft_size, redundancy) in [(1024, 8), (2048, 8)] {
        let spec = spec(fft_size, redundancy);
        for (name, sound) in clips(RATE) {
            // The sound goes on after the frames of the attack.
            let frames = &magnitudes(&spec, &sound)[..24 * spec.bins()];
            let part = 0..spec.hop();
            let first_hop = |iterations| {
                let back = sounded(&spec, frames, iterations);
                db(rms(&back[part.clone()]) / rms(&sound[part.clone()]))
            };
            let (error, plain) = (first_hop(ITERATIONS), first_hop(0));
            let place = format!("{name} at {fft_size}: {error} dB, without iterations {plain}");
            assert!(error.abs() < 1.0, "{place}");
        }
    }
}

#[test]
fn a_workspace_gives_the_same_bits_whatever_it_did_before() {
    let spec = spec(512, 8);
    let frames = magnitudes(&spec, &chord(RATE)[..4000]);
    let mut workspace = PghiFgla::new(&spec, frames.len() / spec.bins() + 9);
    let first = workspace.invert(&frames, 5, 3).unwrap().to_vec();
    workspace.invert(&vec![1.0; 9 * spec.bins()], 2, 4).unwrap();
    assert_eq!(workspace.invert(&frames, 5, 3).unwrap(), first);
    assert_eq!(pghi_fgla(&frames, &spec, 5, 3).unwrap(), first);
}

#[test]
fn magnitudes_stay_what_they_were() {
    let spec = spec(512, 4);
    let frames = magnitudes(&spec, &chord(RATE)[..6000]);
    for iterations in [0, 3] {
        let spectra = pghi_fgla(&frames, &spec, iterations, 1).unwrap();
        for (value, wanted) in spectra.iter().zip(&frames) {
            assert!((value.norm() - wanted).abs() <= 1e-4 * wanted + 1e-12);
        }
    }
}

#[test]
fn adversarial_spectrograms_give_finite_spectra() {
    let spec = spec(256, 8);
    let bins = spec.bins();
    type Fill = fn(usize) -> f32;
    let fills: [(&str, Fill); 8] = [
        ("zero", |_| 0.0),
        ("flat", |_| 1.0),
        ("denormal", |_| 1e-41),
        ("huge", |_| 1e11),
        ("comb", |n| (n % 2) as f32),
        ("one value", |n| f32::from(u8::from(n == 400))),
        ("nan", |n| if n % 3 == 0 { f32::NAN } else { 1.0 }),
        (
            "infinite",
            |n| {
                if n % 5 == 0 { f32::INFINITY } else { -1.0 }
            },
        ),
    ];
    for (name, fill) in fills {
        for frames in [0, 1, 2, 40] {
            let given: Vec<f32> = (0..frames * bins).map(fill).collect();
            let spectra = pghi_fgla(&given, &spec, 6, 1).unwrap();
            assert_eq!(spectra.len(), given.len());
            let finite = spectra.iter().all(|value| value.is_finite());
            assert!(finite, "{name}, {frames} frames");
        }
    }
}

#[test]
fn a_wrong_size_is_refused_with_both_sides() {
    let spec = spec(256, 8);
    let bins = spec.bins();
    let mut workspace = PghiFgla::new(&spec, 2);
    for (given, expected) in [(bins + 1, bins), (3 * bins, 2 * bins)] {
        let refused = workspace.invert(&vec![0.0; given], 1, 1).unwrap_err();
        let what = "magnitudes";
        assert_eq!(
            refused,
            SpecError::Length {
                what,
                given,
                expected
            }
        );
    }
}
