//! Nets over samples: a continuation is a function of what was heard, of the seed and of the labels; sentences for the rest.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::path::{Path, PathBuf};

use afterimage_engine::continuation::{Continuer, SoundStart, Style};
use afterimage_neural::{BackendKind, Pack, PackError, Runtime, check_model, load_continuer};
use fixture::{assert_says, folder, runtimes};
use serde_json::Value;

const SAMPLES: usize = 700;

fn fixture_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wave")
}

fn continuer() -> Box<dyn Continuer> {
    let pack = Pack::open(&fixture_folder()).unwrap();
    load_continuer(&pack, &Runtime::embedded())
        .unwrap()
        .continuer
}

fn tone(samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|n| 0.3 * (n as f32 * 0.21).sin())
        .collect()
}

/// The first samples that follow, asked for in slices of `block`.
fn continued(continuer: &mut dyn Continuer, start: &SoundStart, block: usize) -> Vec<f32> {
    continuer.begin(start);
    let (mut out, mut made) = (vec![0.0; SAMPLES], 0);
    while made < SAMPLES {
        let end = SAMPLES.min(made + block);
        let given = continuer.go_on(&start.style, &mut out[made..end]).unwrap();
        assert!(given > 0, "nothing came of a slice of {}", end - made);
        made += given;
    }
    out
}

#[test]
fn what_follows_depends_on_what_was_heard_however_it_was_cut() {
    let mut continuer = continuer();
    let start = SoundStart::new(4);
    let sound = tone(901);
    continuer.hear(&sound).unwrap();
    let whole = continued(continuer.as_mut(), &start, SAMPLES);
    for block in [1, 7, 64, 600] {
        continuer.forget();
        for part in sound.chunks(block) {
            continuer.hear(part).unwrap();
        }
        assert_eq!(
            continued(continuer.as_mut(), &start, block),
            whole,
            "blocks of {block}"
        );
    }
    continuer.hear(&sound[..3]).unwrap();
    assert_ne!(continued(continuer.as_mut(), &start, SAMPLES), whole);
}

#[test]
fn hearing_does_not_touch_a_continuation_under_way() {
    let mut continuer = continuer();
    let start = SoundStart::new(9);
    let whole = continued(continuer.as_mut(), &start, SAMPLES);
    continuer.begin(&start);
    let mut out = vec![0.0; 100];
    let mut made = continuer.go_on(&start.style, &mut out).unwrap();
    continuer.hear(&tone(333)).unwrap();
    continuer.forget();
    while made < 100 {
        made += continuer.go_on(&start.style, &mut out[made..]).unwrap();
    }
    assert_eq!(out, whole[..100]);
}

#[test]
fn seeds_labels_and_temperature_are_heard_and_nothing_else_is() {
    let mut continuer = continuer();
    continuer.hear(&tone(500)).unwrap();
    let first = continued(continuer.as_mut(), &SoundStart::new(1), SAMPLES);
    assert_eq!(
        continued(continuer.as_mut(), &SoundStart::new(1), SAMPLES),
        first
    );
    let mut other_label = SoundStart::new(1);
    other_label.style.class[0] = 2;
    let mut colder = SoundStart::new(1);
    colder.style.temperature = 0.5;
    for other in [SoundStart::new(2), other_label, colder] {
        assert_ne!(
            continued(continuer.as_mut(), &other, SAMPLES),
            first,
            "{other:?}"
        );
    }
}

#[test]
fn an_empty_prompt_leaves_what_was_heard_aside() {
    let mut continuer = continuer();
    let empty = SoundStart {
        follows_heard: false,
        ..SoundStart::new(3)
    };
    let fresh = continued(continuer.as_mut(), &empty, SAMPLES);
    continuer.hear(&tone(500)).unwrap();
    assert_eq!(continued(continuer.as_mut(), &empty, SAMPLES), fresh);
}

#[test]
fn input_that_is_no_sound_leaves_finite_samples() {
    let mut continuer = continuer();
    continuer
        .hear(&[f32::NAN, 1e9, -1e9, f32::INFINITY, 1e-40])
        .unwrap();
    let mut start = SoundStart::new(1);
    start.style = Style {
        class: [999; 4],
        temperature: 3.0,
        ..Style::default()
    };
    let out = continued(continuer.as_mut(), &start, SAMPLES);
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
}

#[test]
fn every_runtime_agrees_with_the_kernel() {
    for runtime in runtimes() {
        let check = check_model(&fixture_folder(), &runtime);
        assert!(check.is_sound, "{}", check.text);
        assert!(
            check.text.contains("agrees with the kernel"),
            "{}",
            check.text
        );
    }
}

#[test]
fn it_runs_on_the_native_kernel_and_says_its_speed() {
    let pack = Pack::open(&fixture_folder()).unwrap();
    let loaded = load_continuer(&pack, &Runtime::embedded()).unwrap();
    assert_eq!(loaded.report.backend, BackendKind::Native);
    let spec = loaded.continuer.spec();
    assert_eq!(
        (spec.sample_rate_hz, spec.context_samples),
        (16_000, 7 + 31 + 8 + 1300 * 64)
    );
    assert!(spec.speed > 1.0 && spec.speed == loaded.report.speed);
}

/// What loading says of the fixture with its manifest changed.
fn refusal(name: &str, change: impl Fn(&mut Value)) -> PackError {
    let to = folder(name);
    let copy = |file: &str| std::fs::copy(fixture_folder().join(file), to.join(file)).unwrap();
    copy("wave-continue.onnx");
    let bytes = std::fs::read(fixture_folder().join("manifest.json")).unwrap();
    let mut manifest = serde_json::from_slice(&bytes).unwrap();
    change(&mut manifest);
    std::fs::write(to.join("manifest.json"), manifest.to_string()).unwrap();
    let loaded =
        Pack::open(Path::new(&to)).and_then(|pack| load_continuer(&pack, &Runtime::embedded()));
    loaded.err().unwrap()
}

#[test]
fn states_that_no_kernel_has_are_refused_in_one_sentence() {
    let short = refusal("wave-short", |manifest| {
        manifest["state"][12]["kind"] = "replace".into()
    });
    assert_says(&short, &["layers.7.gate.weight", "delay(d)", "there are 7"]);
    let grows = refusal("wave-grows", |manifest| {
        manifest["state"][12]["kind"] = "append(8)".into()
    });
    assert_says(
        &grows,
        &["state.layer7", "replace or delay(d)", "append(8)"],
    );
    let nameless = refusal("wave-nameless", |manifest| {
        manifest["state"][12]["kind"] = "delay".into()
    });
    assert_says(&nameless, &["state[12].kind", "delay(d)"]);
}

#[test]
fn a_graph_that_takes_no_sound_is_refused_in_one_sentence() {
    let deaf = refusal("wave-deaf", |manifest| {
        manifest["graphs"]["predict"]["inputs"][0]["role"] = "frame".into();
    });
    assert_says(&deaf, &["audio"]);
}
