//! Likeness: a memory of what was heard joins in with nets of frames and of tokens.
#![allow(clippy::unwrap_used)]

mod fixture;

use afterimage_engine::continuation::{Continuer, SoundStart, Style};
use fixture::sound::{SAMPLES, continued, embedded, plainly};

/// Samples of a figure that comes again and again: 64 frames of eight samples.
const FIGURE: usize = 512;
/// Seconds heard: less than one and a bit are too little to walk through.
const HEARD_S: f32 = 2.5;

/// A figure of noise, many times.
fn repeated(samples: usize) -> Vec<f32> {
    let noise =
        |n: usize| ((n * 7919 % 1021) as f32 / 510.5 - 1.0) * (0.02 + (n / 32 % 5) as f32 * 0.15);
    (0..samples).map(|n| noise(n % FIGURE)).collect()
}

fn at_likeness(continuer: &mut dyn Continuer, seed: u64, likeness: f32) -> Vec<f32> {
    let style = Style {
        likeness,
        ..Style::default()
    };
    continued(continuer, &SoundStart::new(seed), &style, SAMPLES)
}

/// Every fixture, having heard the figure in calls of `block` samples.
fn heard(block: usize) -> impl Iterator<Item = (&'static str, Box<dyn Continuer>)> {
    embedded().map(move |(name, mut continuer)| {
        let rate_hz = continuer.spec().sample_rate_hz as f32;
        let samples = repeated((HEARD_S * rate_hz) as usize / FIGURE * FIGURE);
        for part in samples.chunks(block) {
            continuer.hear(part).unwrap();
        }
        (name, continuer)
    })
}

#[test]
fn likeness_changes_what_follows() {
    for (name, mut continuer) in heard(FIGURE) {
        let plain = plainly(continuer.as_mut(), 3);
        assert_ne!(at_likeness(continuer.as_mut(), 3, 1.0), plain, "{name}");
    }
}

/// Level of each stretch of 64 samples: what does not depend on phases that the seed draws.
fn levels(samples: &[f32]) -> Vec<f32> {
    let square = |part: &[f32]| part.iter().map(|sample| sample * sample).sum::<f32>();
    samples.chunks(64).map(|part| square(part).sqrt()).collect()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    let pairs = levels(a).into_iter().zip(levels(b));
    pairs.map(|(a, b)| (a - b).abs()).sum()
}

#[test]
fn at_likeness_1_what_came_again_and_again_goes_on_whatever_the_seed() {
    for (name, mut continuer) in heard(FIGURE) {
        let mut apart = |likeness| {
            let one = at_likeness(continuer.as_mut(), 1, likeness);
            distance(&one, &at_likeness(continuer.as_mut(), 2, likeness))
        };
        let (alike, free) = (apart(1.0), apart(0.0));
        assert!(alike < 0.3 * free, "{name}: {alike} against {free}");
    }
}

#[test]
fn how_what_is_heard_is_cut_changes_nothing() {
    for ((name, mut one), (_, mut other)) in heard(FIGURE).zip(heard(37)) {
        let likeness = 0.25;
        assert_eq!(
            at_likeness(one.as_mut(), 3, likeness),
            at_likeness(other.as_mut(), 3, likeness),
            "{name}"
        );
    }
}

#[test]
fn the_memory_goes_with_what_was_heard() {
    for (name, mut continuer) in heard(FIGURE) {
        continuer.forget();
        assert_eq!(
            at_likeness(continuer.as_mut(), 3, 1.0),
            plainly(continuer.as_mut(), 3),
            "{name}"
        );
    }
}
