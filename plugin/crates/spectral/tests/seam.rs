//! Going on from heard sound: no step at the seam, true phases across it, and nothing else changed.
#![allow(clippy::unwrap_used)]

use afterimage_spectral::StftSpec;
use afterimage_spectral::seam::{Heard, SeamInverse};
use afterimage_spectral::stft::magnitudes;

const RATE_HZ: f32 = 22_050.0;

fn spec() -> StftSpec {
    StftSpec::new(1024, 256).unwrap()
}

/// Two partials that do not meet a bin's centre.
fn tones(samples: usize) -> Vec<f32> {
    let wave = |n: usize, hz: f32| (std::f32::consts::TAU * hz * n as f32 / RATE_HZ).sin();
    (0..samples)
        .map(|n| 0.5 * wave(n, 437.0) + 0.2 * wave(n, 1_563.0))
        .collect()
}

/// What follows `heard` samples of `sound` when the frames after them are the sound's own, times `gain`.
fn continued(sound: &[f32], heard_samples: usize, gain: f32) -> Vec<f32> {
    let spec = spec();
    let mut heard = Heard::new(&spec);
    let mut complete = 0;
    heard.push(&sound[..heard_samples], |_| complete += 1);
    let mut inverse = SeamInverse::new(&spec);
    inverse.begin(Some(&heard), 7);
    let all = magnitudes(&spec, sound);
    let mut out = Vec::new();
    for frame in all.chunks(spec.bins()).skip(complete) {
        let frame: Vec<f32> = frame.iter().map(|value| gain * value).collect();
        inverse.push(&frame, &mut out);
    }
    out
}

#[test]
fn a_steady_sound_goes_on_as_it_would_have_from_any_sample() {
    let sound = tones(22_050);
    for heard in [8_192, 8_193, 8_300, 8_447] {
        let out = continued(&sound, heard, 1.0);
        let truth = &sound[heard..heard + 4096];
        let error: f32 = truth.iter().zip(&out).map(|(t, o)| (t - o).powi(2)).sum();
        let power: f32 = truth.iter().map(|t| t * t).sum();
        let level_db = 10.0 * (error / power).log10();
        assert!(level_db < -25.0, "after {heard} samples: {level_db} dB");
    }
}

#[test]
fn frames_of_another_level_begin_without_a_jump() {
    let sound = tones(22_050);
    let step = |samples: &[f32]| (samples[1] - samples[0]).abs();
    let usual = sound.windows(2).map(step).fold(0.0, f32::max);
    for heard in [8_192, 8_301] {
        let out = continued(&sound, heard, 0.3);
        let seam = (out[0] - sound[heard - 1]).abs();
        assert!(seam <= 1.1 * usual, "{seam} where {usual} is usual");
    }
}

#[test]
fn a_seam_that_forgets_what_was_heard_is_noticed() {
    // The control of the two tests above: the same frames from nothing are another wave.
    let (sound, spec) = (tones(22_050), spec());
    let all = magnitudes(&spec, &sound);
    let mut inverse = SeamInverse::new(&spec);
    inverse.begin(None, 7);
    let mut out = Vec::new();
    for frame in all.chunks(spec.bins()).skip(31) {
        inverse.push(frame, &mut out);
    }
    let error: f32 = sound[8_192..]
        .iter()
        .zip(&out)
        .map(|(t, o)| (t - o).powi(2))
        .sum();
    let power: f32 = sound[8_192..].iter().map(|t| t * t).sum();
    assert!(10.0 * (error / power).log10() > -6.0);
}

#[test]
fn how_the_samples_are_cut_changes_nothing() {
    let (sound, spec) = (tones(6_000), spec());
    let all = magnitudes(&spec, &tones(12_000));
    let outcome = |cut: usize| {
        let mut heard = Heard::new(&spec);
        let mut frames = Vec::new();
        for samples in sound.chunks(cut) {
            heard.push(samples, |frame| frames.extend_from_slice(frame));
        }
        let mut inverse = SeamInverse::new(&spec);
        inverse.begin(Some(&heard), 1);
        let mut out = Vec::new();
        for frame in all.chunks(spec.bins()).skip(frames.len() / spec.bins()) {
            inverse.push(frame, &mut out);
        }
        (frames, out)
    };
    let wanted = outcome(6_000);
    for cut in [1, 63, 256, 1_000] {
        assert_eq!(outcome(cut), wanted, "cut into {cut}");
    }
}

#[test]
fn a_few_samples_and_none_can_be_gone_on_from() {
    let (spec, sound) = (spec(), tones(4_096));
    let all = magnitudes(&spec, &sound);
    for heard_samples in [0, 100, 512, 600, 900] {
        let mut heard = Heard::new(&spec);
        heard.push(&sound[..heard_samples], |_| {});
        let mut inverse = SeamInverse::new(&spec);
        inverse.begin(Some(&heard), 1);
        let mut out = Vec::new();
        for frame in all.chunks(spec.bins()) {
            inverse.push(frame, &mut out);
        }
        assert!(out.len() > 1_024 && out.iter().all(|x| x.is_finite()));
    }
}
