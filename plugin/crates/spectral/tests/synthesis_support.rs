//! Synthesis windows shorter than the transform: sooner heard, still exact where phases are true.
#![allow(clippy::unwrap_used, reason = "a test may stop")]
mod signals;

use afterimage_spectral::stft::{Synthesis, istft, magnitudes, stft};
use afterimage_spectral::{PhaseMethod, SpecError, StftSpec, VoiceInverse};
use signals::clips::{chord, clips};
use signals::{
    Lcg, db, harmonics, invert, magnitudes_with_past, render, rms, spec, spectral_convergence_db,
};

const RATE: f64 = 22_050.0;

/// Every geometry: half-widths of an eighth, a quarter and half of the transform, where hops fit them.
fn geometries() -> Vec<StftSpec> {
    let mut all = Vec::new();
    for fft_size in [256, 1024, 2048] {
        for redundancy in [4, 8, 16] {
            for part in [8, 4, 2] {
                let spec = spec(fft_size, redundancy);
                all.extend(spec.with_synthesis_support(fft_size / part));
            }
        }
    }
    assert_eq!(
        all.len(),
        3 * (2 + 3 + 3),
        "an eighth is half a hop at redundancy 4"
    );
    all
}

#[test]
fn true_phases_give_the_sound_back_from_the_first_sample_on() {
    let mut random = Lcg(3);
    for spec in geometries() {
        let samples = 6 * spec.fft_size();
        let sound: Vec<f32> = (0..samples).map(|_| random.gaussian() as f32).collect();
        let heard = samples - spec.fft_size();
        let back = istft(&spec, &stft(&spec, &sound), heard).unwrap();
        let worst = back.iter().zip(&sound).map(|(b, s)| (b - s).abs());
        let worst = worst.fold(0.0, f32::max);
        assert!(worst < 2e-5, "{spec:?}: {worst}");
    }
}

#[test]
fn a_frame_is_heard_from_its_support_on_and_not_before() {
    for spec in geometries() {
        let (frames, changed) = (40, 20);
        let mut spectra = stft(&spec, &vec![0.0; (frames - 1) * spec.hop()]);
        spectra[changed * spec.bins() + 9].re = 1.0;
        let back = istft(&spec, &spectra, frames * spec.hop()).unwrap();
        let from = changed * spec.hop() - spec.synthesis_support();
        assert!(back[..from].iter().all(|x| *x == 0.0), "{spec:?}");
        assert!(rms(&back[from..from + spec.hop()]) > 0.0, "{spec:?}");
    }
}

#[test]
fn a_voice_waits_for_the_frames_that_its_window_reaches() {
    for spec in geometries() {
        for method in [PhaseMethod::Rtpghi, PhaseMethod::RtpghiLookahead] {
            let voice = VoiceInverse::new(&spec, RATE as f32, method);
            let reach = spec.synthesis_support() / spec.hop();
            assert_eq!(voice.frames_ahead(), reach + method.lookahead_frames());
        }
    }
}

#[test]
fn a_hop_is_complete_once_those_frames_are_there_and_not_sooner() {
    let spec = spec(1024, 8).with_synthesis_support(256).unwrap();
    let spectra = stft(&spec, &chord(RATE)[..4000]);
    let first_hop = |frames: usize| {
        let mut synthesis = Synthesis::new(&spec);
        let pushed = spectra.chunks(spec.bins()).take(frames);
        pushed.for_each(|spectrum| synthesis.push(spectrum));
        let mut hop = vec![0.0; spec.hop()];
        synthesis.pull_hop(&mut hop);
        hop
    };
    let all = first_hop(9);
    assert_eq!(first_hop(1 + spec.pre_centre_frames()), all);
    assert_ne!(first_hop(spec.pre_centre_frames()), all);
}

#[test]
fn a_quarter_of_the_transform_costs_gradient_integration_less_than_half_a_decibel() {
    let whole = spec(1024, 8);
    let quarter = whole.with_synthesis_support(256).unwrap();
    for method in [PhaseMethod::Rtpghi, PhaseMethod::RtpghiLookahead] {
        let mut cost = 0.0;
        let clips = clips(RATE);
        for (_, sound) in &clips {
            let frames = magnitudes(&whole, sound);
            let [with, without] = [&quarter, &whole].map(|spec| {
                let (back, _) = invert(spec, RATE, method, &frames, |_| 0.0, 0.0);
                // The shorter window lets the last hops out too; both are judged on the same ones.
                let common = frames.len() / spec.bins() * spec.hop() - 2 * spec.fft_size();
                // A steady tone comes back 10 dB better than the ear or this measure ask for.
                spectral_convergence_db(&whole, &frames, &back[..common]).max(-40.0)
            });
            cost += (with - without) / clips.len() as f64;
        }
        assert!(cost < 0.5, "{method:?}: {cost} dB");
    }
}

#[test]
fn a_locked_note_starts_at_its_level_and_keeps_it() {
    let rate = 48_000.0;
    for part in [8, 4, 2] {
        let spec = spec(1024, 8).with_synthesis_support(1024 / part).unwrap();
        let sound = render(&harmonics(330.0, rate, 6.0, 1), rate, 0, 30_000);
        for past in [0, 8192] {
            // Once a note that begins with its frames, once one whose frames were never cut.
            let longer = render(&harmonics(330.0, rate, 6.0, 1), rate, -past, 30_000);
            let frames = magnitudes_with_past(&spec, &longer, past as usize);
            let (back, _) = invert(&spec, rate, PhaseMethod::F0Lock, &frames, |_| 330.0, 0.0);
            // Two periods at a time.
            for start in [0, 291, 1000, 8000] {
                let at = start..start + 291;
                let level = db(rms(&back[at.clone()]) / rms(&sound[at]));
                assert!(
                    level.abs() < 1.5,
                    "1/{part}, past {past}, {start}: {level} dB"
                );
            }
        }
    }
}

#[test]
fn a_support_that_hops_do_not_fill_is_refused_with_both_sides() {
    let spec = spec(1024, 8);
    for samples in [0, 100, 640, usize::MAX] {
        let refused = spec.with_synthesis_support(samples).unwrap_err();
        let (hop, most) = (128, 512);
        assert_eq!(refused, SpecError::Support { samples, hop, most });
        let sentence = refused.to_string();
        assert!(
            sentence.contains("128") && sentence.contains("512"),
            "{sentence}"
        );
    }
    assert_eq!(spec.with_synthesis_support(512), Ok(spec));
}
