//! Models of tokens: a memory of what was heard joins in, and what is wrong with a pack is named.
#![allow(clippy::unwrap_used)]

mod fixture;

use afterimage_engine::continuation::{Continuer, SoundStart, Style};
use afterimage_neural::Runtime;
use fixture::sound::{Case, SAMPLES, assert_named, continued, loaded, plainly};
use serde_json::json;

/// Samples of a figure that comes again and again: 32 groups of two frames of eight samples.
const FIGURE: usize = 512;

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

fn heard() -> Box<dyn Continuer> {
    let mut continuer = loaded("tokens", &Runtime::embedded()).continuer;
    continuer.hear(&repeated(12 * FIGURE)).unwrap();
    continuer
}

#[test]
fn likeness_0_is_the_net_alone_and_more_is_not() {
    let mut continuer = heard();
    let plain = plainly(continuer.as_mut(), 3);
    assert_eq!(at_likeness(continuer.as_mut(), 3, 0.0), plain);
    assert_ne!(at_likeness(continuer.as_mut(), 3, 1.0), plain);
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
    let mut continuer = heard();
    let mut apart = |likeness| {
        let one = at_likeness(continuer.as_mut(), 1, likeness);
        distance(&one, &at_likeness(continuer.as_mut(), 2, likeness))
    };
    let (alike, free) = (apart(1.0), apart(0.0));
    assert!(alike < 0.3 * free, "{alike} against {free}");
}

#[test]
fn the_memory_goes_with_what_was_heard() {
    let mut continuer = heard();
    continuer.forget();
    assert_eq!(
        at_likeness(continuer.as_mut(), 3, 1.0),
        plainly(continuer.as_mut(), 3)
    );
}

#[test]
fn what_is_wrong_with_a_token_model_is_named() {
    let cases: &[Case] = &[
        ("whole", |_| {}, &[]),
        (
            "levels",
            |m| m["vocabulary"]["levels"] = json!([]),
            &["vocabulary.levels", "1 to 8"],
        ),
        (
            "codes",
            |m| m["vocabulary"]["levels"][0]["codes"] = json!(9),
            &["logits", "25 values", "24"],
        ),
        (
            "places",
            |m| m["vocabulary"]["levels"][1]["places"] = json!(3),
            &["token"],
        ),
        (
            "group",
            |m| m["vocabulary"]["group_frames"] = json!(3),
            &[
                "frames_per_call",
                "multiple of 'vocabulary.group_frames'",
                "2",
            ],
        ),
        (
            "before",
            |m| m["vocabulary"]["before_groups"] = json!(2),
            &["token", "12 values", "9"],
        ),
        (
            "bins",
            |m| m["graphs"]["decode"]["frames_per_call"] = json!(4),
            &["token", "12 values"],
        ),
        (
            "role",
            |m| m["graphs"]["predict"]["inputs"][1]["role"] = json!("event"),
            &["level", "event", "token, level, class, state"],
        ),
        (
            "encoder",
            |m| {
                m["graphs"].as_object_mut().unwrap().remove("encode");
            },
            &["encode"],
        ),
        (
            "state",
            |m| m["state"][0]["kind"] = json!("append(4)"),
            &["state.h", "replace", "append(4)"],
        ),
    ];
    assert_named("tokens", cases);
}

#[test]
fn what_is_wrong_with_prime_is_named() {
    let cases: &[Case] = &[
        ("whole", |_| {}, &[]),
        (
            "state",
            |m| {
                let prime = &mut m["graphs"]["prime"];
                prime["inputs"].as_array_mut().unwrap().pop();
                prime["outputs"].as_array_mut().unwrap().pop();
            },
            &["prime"],
        ),
        (
            "role",
            |m| m["graphs"]["prime"]["inputs"][0]["role"] = json!("event"),
            &["token", "event", "token, class, state"],
        ),
        (
            "other",
            |m| {
                m["state"][0]["input"] = json!("state.far");
                m["state"][0]["output"] = json!("state.far.out");
            },
            &["state.h", "'state'"],
        ),
    ];
    assert_named("primed_tokens", cases);
}
