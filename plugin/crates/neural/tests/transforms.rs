//! Packs that transform sound: their manifests, and sentences for what does not fit.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::sound::assert_named;
use serde_json::json;

#[test]
fn what_does_not_fit_is_named_in_one_sentence() {
    assert_named(
        "transform_same",
        &[
            ("as-it-is", |_| {}, &[]),
            (
                "stereo",
                |m| m["representation"]["channels"] = json!(2),
                &["audio_in", "[batch, 2, 256]", "it has 256"],
            ),
            (
                "odd",
                |m| m["graphs"]["transform"]["frames_per_call"] = json!(255),
                &["frames_per_call", "even number", "255"],
            ),
            (
                "unsaid",
                |m| {
                    let graph = m["graphs"]["transform"].as_object_mut().unwrap();
                    graph.remove("frames_per_call");
                },
                &["frames_per_call", "even number", "it is 1"],
            ),
            (
                "endless",
                |m| m["graphs"]["transform"]["frames_per_call"] = json!(1 << 20),
                &["frames_per_call", "65536"],
            ),
            (
                "deaf",
                |m| m["graphs"]["transform"]["inputs"][0]["role"] = json!("noise"),
                &["audio_in", "audio", "noise"],
            ),
            (
                "mute",
                |m| m["graphs"]["transform"]["outputs"][0]["role"] = json!("frame"),
                &["graphs.transform.outputs", "audio"],
            ),
            (
                "renamed",
                |m| m["graphs"]["transform"]["inputs"][0]["tensor"] = json!("x"),
                &["'x'", "audio_in"],
            ),
            (
                "frames",
                |m| {
                    m["representation"] = json!({"kind": "mel", "sample_rate": 48_000,
                        "n_fft": 64, "hop": 8, "bins": 8});
                },
                &["representation.kind", "waveform"],
            ),
            (
                "promised",
                |m| {
                    let graph = m["graphs"].as_object_mut().unwrap().remove("transform");
                    m["graphs"]["encode"] = graph.unwrap();
                },
                &["graphs.transform", "encode", "decode"],
            ),
        ],
    );
}

#[test]
fn states_of_a_graph_over_sound_are_paired() {
    assert_named(
        "transform_later",
        &[
            ("as-it-is", |_| {}, &[]),
            (
                "unpaired",
                |m| m["state"] = json!([]),
                &["state.past", "pair"],
            ),
        ],
    );
}
