//! Models of frames and of tokens: a continuation is a function of what was heard, of the seed and of the labels.
#![allow(clippy::unwrap_used)]

mod fixture;

use afterimage_engine::continuation::{SoundStart, Style};
use afterimage_neural::{Runtime, is_continuer, load_continuer};
use fixture::sound::{
    Case, FIXTURES, SAMPLES, assert_named, changed, continued, embedded, loaded, plainly, tone,
};
use fixture::{assert_says, open, runtimes};
use serde_json::json;

#[test]
fn what_follows_depends_on_what_was_heard_however_it_was_cut() {
    let on = |runtime| FIXTURES.map(|name| loaded(name, runtime).continuer);
    for mut continuer in runtimes().iter().flat_map(on) {
        let sound = tone(1_001);
        continuer.hear(&sound).unwrap();
        let wanted = plainly(continuer.as_mut(), 3);
        assert!(wanted.iter().any(|sample| sample.abs() > 1e-4));
        for cut in [1, 7, 64, 333] {
            continuer.forget();
            for samples in sound.chunks(cut) {
                continuer.hear(samples).unwrap();
            }
            assert_eq!(
                plainly(continuer.as_mut(), 3),
                wanted,
                "heard {cut} at a time"
            );
        }
        continuer.forget();
        continuer.hear(&tone(500)).unwrap();
        assert_ne!(plainly(continuer.as_mut(), 3), wanted);
    }
}

#[test]
fn the_size_of_slices_changes_nothing() {
    for (_, mut continuer) in embedded() {
        continuer.hear(&tone(900)).unwrap();
        let wanted = plainly(continuer.as_mut(), 5);
        for block in [1, 13, 480] {
            let start = SoundStart::new(5);
            let given = continued(continuer.as_mut(), &start, &Style::default(), block);
            assert_eq!(given, wanted, "{block} samples at a time");
        }
    }
}

#[test]
fn one_seed_draws_one_sound_and_another_draws_another() {
    for (_, mut continuer) in embedded() {
        continuer.hear(&tone(900)).unwrap();
        let wanted = plainly(continuer.as_mut(), 5);
        assert_eq!(plainly(continuer.as_mut(), 5), wanted);
        assert_ne!(plainly(continuer.as_mut(), 6), wanted);
    }
}

#[test]
fn what_is_heard_while_it_plays_changes_nothing_of_it() {
    for (_, mut continuer) in embedded() {
        continuer.hear(&tone(900)).unwrap();
        let wanted = plainly(continuer.as_mut(), 5);
        let (mut out, mut made) = (vec![0.0; SAMPLES], 0);
        continuer.begin(&SoundStart::new(5));
        while made < SAMPLES {
            made += continuer
                .go_on(&Style::default(), &mut out[made..])
                .unwrap();
            continuer.hear(&tone(37)).unwrap();
        }
        assert_eq!(out, wanted);
    }
}

#[test]
fn labels_temperature_and_an_empty_prompt_are_heard() {
    for (_, mut continuer) in embedded() {
        continuer.hear(&tone(900)).unwrap();
        let start = SoundStart::new(5);
        let plain = plainly(continuer.as_mut(), 5);
        let (mut labelled, mut cold) = (Style::default(), Style::default());
        labelled.class[0] = 2;
        cold.temperature = 0.0;
        let from_nothing = SoundStart {
            follows_heard: false,
            ..start
        };
        for (what, start, style) in [
            ("label", &start, labelled),
            ("temperature", &start, cold),
            ("empty prompt", &from_nothing, Style::default()),
        ] {
            let given = continued(continuer.as_mut(), start, &style, SAMPLES);
            assert_ne!(given, plain, "{what}");
        }
        continuer.forget();
        let empty = continued(
            continuer.as_mut(),
            &from_nothing,
            &Style::default(),
            SAMPLES,
        );
        assert_eq!(plainly(continuer.as_mut(), 5), empty, "nothing was heard");
    }
}

#[test]
fn priming_knows_what_single_steps_would_know() {
    // Without `prime` every frame is heard by `predict`: the same sound, to the rounding of sums.
    let without = changed("frames", "unprimed", |m| {
        m["graphs"].as_object_mut().unwrap().remove("prime");
    });
    let mut single = load_continuer(&without.unwrap(), &Runtime::embedded()).unwrap();
    let mut primed = loaded("frames", &Runtime::embedded());
    for continuer in [&mut single.continuer, &mut primed.continuer] {
        continuer.hear(&tone(1_203)).unwrap();
    }
    let one = plainly(single.continuer.as_mut(), 1);
    let other = plainly(primed.continuer.as_mut(), 1);
    let difference = one.iter().zip(&other).map(|(a, b)| (a - b).abs());
    assert!(difference.fold(0.0, f32::max) < 1e-4);
}

#[test]
fn a_continuer_that_never_began_is_silent() {
    for (_, mut continuer) in embedded() {
        let mut out = [1.0; 64];
        assert_eq!(continuer.go_on(&Style::default(), &mut out), Ok(64));
        assert_eq!(out, [0.0; 64]);
    }
}

#[test]
fn loading_measures_it() {
    for name in FIXTURES {
        let loaded = loaded(name, &Runtime::embedded());
        assert!(is_continuer(&loaded.manifest));
        let rate_hz = loaded.manifest.representation.sample_rate;
        assert_eq!(loaded.continuer.spec().sample_rate_hz, rate_hz);
        assert!(loaded.report.speed >= 0.2 && loaded.report.hearing_speed > 0.0);
    }
}

#[test]
fn what_is_wrong_with_a_frame_model_is_named() {
    let cases: &[Case] = &[
        ("whole", |_| {}, &[]),
        (
            "bins",
            |m| {
                m["representation"]["n_fft"] = json!(128);
                m["representation"]["hop"] = json!(16);
                m["representation"]["bins"] = json!(65);
            },
            &["'frame'", "65 values"],
        ),
        (
            "unit",
            |m| m["graphs"]["predict"]["outputs"][0]["unit"] = json!("ln"),
            &["next", "'db'", "'ln'"],
        ),
        ("state", |m| m["state"] = json!([]), &["state.h", "'state'"]),
        (
            "role",
            |m| m["graphs"]["predict"]["inputs"][3]["role"] = json!("noise"),
            &["uniform", "noise"],
        ),
        (
            "prime",
            |m| m["graphs"]["prime"]["inputs"][0]["role"] = json!("uniform"),
            &["prime", "frame", "uniform"],
        ),
        (
            "labels",
            |m| m["conditions"] = json!([]),
            &["label", "class condition"],
        ),
    ];
    assert_named("frames", cases);
}

#[test]
fn what_does_not_continue_sound_says_so() {
    let error = load_continuer(&open("good").unwrap(), &Runtime::embedded());
    assert_says(&error.err().unwrap(), &["good.onnx", "predict", "decode"]);
}
