//! Models of tokens: what is wrong with a pack is named.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::sound::{Case, assert_named};
use serde_json::json;

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
