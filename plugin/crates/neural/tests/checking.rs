//! What `check-model` tells a model maker.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod fixture;

use afterimage_neural::{ModelCheck, check_model};
use fixture::{path, runtimes};

fn check(name: &str) -> ModelCheck {
    check_model(&path(name), &runtimes().remove(0))
}

fn assert_tells(check: &ModelCheck, parts: &[&str]) {
    for part in parts {
        assert!(
            check.text.contains(part),
            "'{part}' is missing in:\n{}",
            check.text
        );
    }
}

#[test]
fn a_sound_pack_is_described_and_measured_on_every_runtime() {
    let good = check("good");
    assert!(good.is_sound, "{}", good.text);
    assert_tells(
        &good,
        &[
            "Good 1.0.0 (test.good)",
            "Licence CC0-1.0",
            "log-amplitude, phase f0-lock",
        ],
    );
    assert_tells(
        &good,
        &[
            "latent           [batch, 4]       float32   latent",
            "16 rows a call",
            "rten",
            "Axis 4",
        ],
    );
    assert_tells(&good, &["'metrics' is empty", "the plugin plays it"]);
    if runtimes().len() == 2 {
        assert_tells(&good, &["they agree", "ONNX Runtime: ready"]);
    }
}

#[test]
fn a_graph_without_a_manifest_shows_its_shapes_and_what_is_missing() {
    let plain = check("plain");
    assert!(!plain.is_sound);
    assert_tells(
        &plain,
        &[
            "'neural_audio.manifest'",
            "[batch, 33]",
            "frame?",
            "latent?",
            "velocity?",
        ],
    );
    assert_tells(
        &plain,
        &[
            "representation: kind",
            "found: model_author = someone",
            "n_fft 64",
            "does NOT play it",
        ],
    );
}

#[test]
fn a_bad_pack_shows_its_sentence_and_its_shapes() {
    assert_tells(
        &check("wrong_shape"),
        &["[batch, 33]", "[batch, 32]", "does NOT play it"],
    );
    assert_tells(&check("nan"), &["must be finite", "NOT fit to ship"]);
    assert_tells(
        &check("no-such-file"),
        &["cannot be read", "does NOT play it"],
    );
}

#[test]
fn an_event_model_is_tried_on_every_runtime_and_composes() {
    let events = check("events");
    assert!(events.is_sound, "{}", events.text);
    assert_tells(
        &events,
        &[
            "events, 22 tokens",
            "rten",
            "a token in",
            "notes in 16 bars",
            "continues notes with it",
        ],
    );
}
