//! Whole spectrograms inverted in the worker: how well, from the first hop on, and on bad input.
#![allow(
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "a test may stop, and prints what it measured"
)]
mod signals;

use afterimage_spectral::counter_rng::{Purpose, Stream};
use afterimage_spectral::stft::{istft, magnitudes};
use afterimage_spectral::{
    Iteration, PhaseMethod, SpecError, StftSpec, WholeInverse, invert_whole,
};
use signals::clips::{chord, clips};
use signals::{db, invert, rms, spec, spectral_convergence_db};

const RATE: f64 = 22_050.0;
const ITERATIONS: usize = 16;
const BOTH: [Iteration; 2] = [Iteration::FastGriffinLim, Iteration::Sequential];

fn sounded(spec: &StftSpec, frames: &[f32], iteration: Iteration, iterations: usize) -> Vec<f32> {
    let spectra = invert_whole(frames, spec, iteration, iterations, 7).unwrap();
    istft(spec, &spectra, frames.len() / spec.bins() * spec.hop()).unwrap()
}

#[test]
fn sixteen_iterations_gain_and_sixteen_sweeps_come_ahead_of_the_best_live_method() {
    let spec = spec(1024, 8);
    let clips = clips(RATE);
    let (mut means, mut live_mean) = ([0.0; 2], 0.0);
    for (name, sound) in &clips {
        let frames = magnitudes(&spec, &sound[..22_000]);
        let live = PhaseMethod::RtpghiLookahead;
        let (live, _) = invert(&spec, RATE, live, &frames, |_| 0.0, 0.0);
        let convergence = |sound: &[f32]| spectral_convergence_db(&spec, &frames, sound);
        let live = convergence(&live);
        live_mean += live / clips.len() as f64;
        for (iteration, mean) in BOTH.iter().zip(&mut means) {
            let of = |n| convergence(&sounded(&spec, &frames, *iteration, n));
            let (none, all) = (of(0), of(ITERATIONS));
            println!("{name}, {iteration:?}: {none:.1} dB, then {all:.1}, live {live:.1}");
            // A steady tone leaves nothing to improve.
            let gain = if *name == "tone" { 0.0 } else { 2.0 };
            assert!(all < none - gain, "{name}: {all} dB after {none}");
            // Where drums begin again and again, causal phases are as good.
            assert!(all < live + 1.0, "{name}: {all} dB, live {live}");
            *mean += all / clips.len() as f64;
        }
    }
    println!("means {means:.2?}, live {live_mean:.2}");
    assert!(means[0] < -33.0, "{means:?}");
    assert!(means[1] < means[0] - 0.5, "{means:?}");
    assert!(means[1] < live_mean - 2.0, "{means:?}, live {live_mean}");
}

#[test]
fn work_in_shares_gives_the_same_bits() {
    for (fft_size, redundancy, count) in [(256, 4, 1), (512, 8, 5), (1024, 4, 40)] {
        let spec = spec(fft_size, redundancy);
        let (_, sound) = &clips(RATE)[0];
        let frames = &magnitudes(&spec, &sound[..22_000])[..count * spec.bins()];
        for iteration in BOTH {
            let mut workspace = WholeInverse::new(&spec, 40, iteration);
            let at_once = workspace.invert(frames, ITERATIONS, 7).unwrap().to_vec();
            for share in [1, 3, 64, 10_000] {
                workspace.begin(frames, ITERATIONS, 7).unwrap();
                let steps = std::iter::repeat_with(|| workspace.step(share));
                let steps = steps.take_while(|done| !done).count();
                assert_eq!(workspace.spectra(), at_once, "shares of {share}");
                if iteration == Iteration::Sequential && share < 64 {
                    // As many shares at least as visits ask for.
                    assert!(steps >= ITERATIONS * count / share, "{steps} of {share}");
                }
            }
        }
    }
}

#[test]
fn sweeps_over_what_no_sound_has_do_not_lead_away() {
    let random = |seed| Stream::new(seed, Purpose::NOISE, 0, 0);
    for (fft_size, redundancy) in [(256, 4), (512, 8), (1024, 8)] {
        let spec = spec(fft_size, redundancy);
        let noise = random(1);
        let values = (0..60 * spec.bins() as u64).map(|n| noise.uniform_at(n));
        let frames: Vec<f32> = values.collect();
        let of = |n| {
            let sound = sounded(&spec, &frames, Iteration::Sequential, n);
            spectral_convergence_db(&spec, &frames, &sound)
        };
        let (none, some, many) = (of(0), of(ITERATIONS), of(4 * ITERATIONS));
        println!("{fft_size}/{redundancy}: {none:.2}, {some:.2}, {many:.2} dB");
        assert!(some < none - 1.0, "{some} after {none}");
        assert!(many < some + 0.1, "{many} after {some}");
    }
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
                let back = sounded(&spec, frames, Iteration::Sequential, iterations);
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
    for iteration in BOTH {
        let mut workspace = WholeInverse::new(&spec, frames.len() / spec.bins() + 9, iteration);
        let first = workspace.invert(&frames, 5, 3).unwrap().to_vec();
        workspace.invert(&vec![1.0; 9 * spec.bins()], 2, 4).unwrap();
        assert_eq!(workspace.invert(&frames, 5, 3).unwrap(), first);
        assert_eq!(
            invert_whole(&frames, &spec, iteration, 5, 3).unwrap(),
            first
        );
    }
}

#[test]
fn magnitudes_stay_what_they_were() {
    let spec = spec(512, 4);
    let frames = magnitudes(&spec, &chord(RATE)[..6000]);
    let counts = [(BOTH[0], 0), (BOTH[0], 3), (BOTH[1], 3)];
    for (iteration, iterations) in counts {
        let spectra = invert_whole(&frames, &spec, iteration, iterations, 1).unwrap();
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
            for iteration in BOTH {
                let spectra = invert_whole(&given, &spec, iteration, 6, 1).unwrap();
                assert_eq!(spectra.len(), given.len());
                let finite = spectra.iter().all(|value| value.is_finite());
                assert!(finite, "{name}, {frames} frames, {iteration:?}");
            }
        }
    }
}

#[test]
fn a_wrong_size_is_refused_with_both_sides() {
    let spec = spec(256, 8);
    let bins = spec.bins();
    let mut workspace = WholeInverse::new(&spec, 2, Iteration::Sequential);
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
