//! Manifests with a field missing or wrong: each gives one sentence that names it.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod fixture;

use afterimage_neural::{Manifest, Pack, PackError};
use fixture::{assert_says, bytes, folder, good_manifest};
use serde_json::{Value, json};

/// The good manifest with the value at a JSON pointer replaced, or removed where it is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = good_manifest();
    if let (Some(place), false) = (manifest.pointer_mut(pointer), value.is_null()) {
        *place = value;
        return manifest;
    }
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = manifest.pointer_mut(parent).unwrap();
    if value.is_null() {
        parent.as_object_mut().unwrap().remove(key);
    } else {
        parent[key] = value;
    }
    manifest
}

fn parse(manifest: &Value) -> Result<Manifest, PackError> {
    Manifest::parse(&serde_json::to_vec(manifest).unwrap(), "pack.json")
}

/// A folder pack of the good graph with this manifest.
fn folder_pack(name: &str, manifest: &Value) -> Result<Pack, PackError> {
    let folder = folder(name);
    std::fs::write(folder.join("good.onnx"), bytes("good")).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    Pack::open(&folder)
}

#[test]
fn each_wrong_field_is_named_with_what_is_expected_and_what_was_found() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/wrong_fields.json")).unwrap();
    for case in cases {
        let pointer = case["field"].as_str().unwrap();
        let error = parse(&with(pointer, case["value"].clone())).expect_err(pointer);
        let says = case["says"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part.as_str().unwrap());
        assert_says(&error, &["pack.json"]);
        assert_says(&error, &says.collect::<Vec<_>>());
    }
}

#[test]
fn removing_any_required_field_gives_a_sentence_and_no_panic() {
    fn pointers(value: &Value, path: &str, into: &mut Vec<String>) {
        if let Value::Object(object) = value {
            for (key, value) in object {
                into.push(format!("{path}/{key}"));
                pointers(value, &format!("{path}/{key}"), into);
            }
        }
    }
    let mut all = Vec::new();
    pointers(&good_manifest(), "", &mut all);
    for pointer in all {
        for value in [
            Value::Null,
            json!({}),
            json!("?"),
            json!(-1e300),
            json!([[[]]]),
        ] {
            if let Err(error) = parse(&with(&pointer, value)) {
                assert_says(&error, &["pack.json"]);
            }
        }
    }
}

#[test]
fn unknown_fields_are_left_alone() {
    let mut manifest = with("/future", json!({"deep": [1, 2, 3]}));
    manifest["latent"]["axes"][0]["colour"] = json!("blue");
    assert!(parse(&manifest).is_ok());
}

#[test]
fn a_manifest_survives_being_written_and_read() {
    let manifest = parse(&good_manifest()).unwrap();
    assert_eq!(
        Manifest::parse(manifest.to_json().as_bytes(), "again").unwrap(),
        manifest
    );
}

#[test]
fn json_that_is_cut_off_or_too_deep_is_refused_with_its_place() {
    let error = Manifest::parse(b"{\"schema\": 1,", "cut.json").unwrap_err();
    assert_says(&error, &["cut.json", "JSON", "line 1"]);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_says(
        &Manifest::parse(deep.as_bytes(), "deep.json").unwrap_err(),
        &["deep.json", "recursion"],
    );
    let long = format!("[{}1]", "1,".repeat(1 << 20));
    assert_says(
        &Manifest::parse(long.as_bytes(), "long.json").unwrap_err(),
        &["1048576 bytes", "2097155 bytes"],
    );
}

#[test]
fn a_tensor_that_the_graph_does_not_have_is_named_with_those_it_has() {
    let mut manifest = good_manifest();
    manifest["graphs"]["decode"]["inputs"][0]["tensor"] = json!("z");
    let error = folder_pack("missing-tensor", &manifest).unwrap_err();
    assert_says(
        &error,
        &["missing-tensor", "'z'", "inputs", "latent, pitch, velocity"],
    );
}

#[test]
fn a_tensor_that_the_manifest_does_not_name_is_refused() {
    let mut manifest = good_manifest();
    manifest["graphs"]["decode"]["inputs"]
        .as_array_mut()
        .unwrap()
        .pop();
    let error = folder_pack("unnamed-tensor", &manifest).unwrap_err();
    assert_says(
        &error,
        &[
            "unnamed-tensor",
            "'time_off'",
            "graphs.decode.inputs",
            "does not name it",
        ],
    );
}

#[test]
fn sizes_that_contradict_each_other_are_refused_with_both() {
    let mut manifest = good_manifest();
    manifest["latent"] = json!({"size": 2, "axes": [{"name": "a"}, {"name": "b"}], "presets": []});
    manifest["play"]["default_preset"] = json!("");
    manifest["play"]["mod_wheel_path"] = json!([]);
    let error = folder_pack("latent-size", &manifest).unwrap_err();
    assert_says(
        &error,
        &["latent-size", "'latent'", "have 2 values", "it has 4"],
    );
    let unit = with("/graphs/decode/outputs/0/unit", json!("ln"));
    assert_says(
        &folder_pack("unit", &unit).unwrap_err(),
        &["'frame'", "'db'", "'ln'"],
    );
    let spare = with(
        "/conditions",
        json!([{"name": "x", "kind": "class", "labels": ["a"]}]),
    );
    assert_says(
        &folder_pack("spare", &spare).unwrap_err(),
        &["'conditions'", "1 declared, 0 taken"],
    );
}

#[test]
fn kinds_without_columns_open_but_do_not_load() {
    let mut manifest = good_manifest();
    manifest["representation"]["kind"] = json!("waveform");
    let pack = folder_pack("waveform", &manifest).unwrap();
    let error = afterimage_neural::load(&pack, &afterimage_neural::Runtime::embedded())
        .err()
        .unwrap();
    assert_says(
        &error,
        &[
            "waveform",
            "'representation.kind'",
            "'log-amplitude'",
            "is waveform",
        ],
    );
}

#[test]
fn bands_that_no_bin_can_serve_are_refused_with_both_sides() {
    let mut manifest = good_manifest();
    let representation = &mut manifest["representation"];
    for (key, value) in [
        ("kind", json!("mel")),
        ("f_min", json!(800.0)),
        ("f_max", json!(900.0)),
    ] {
        representation[key] = value;
    }
    let error = folder_pack("blind", &manifest).unwrap_err();
    assert_says(
        &error,
        &[
            "blind",
            "'representation'",
            "from 800 to 900 Hz",
            "750 Hz apart",
        ],
    );
}

#[test]
fn a_hop_that_the_inverse_cannot_take_is_refused() {
    let error = folder_pack("hop", &with("/representation/hop", json!(20))).unwrap_err();
    assert_says(
        &error,
        &[
            "hop",
            "'representation.hop'",
            "20 with an n_fft of 64",
            "n_fft / hop",
        ],
    );
}

#[test]
fn a_changed_graph_is_found_by_its_hash() {
    let manifest = with("/graphs/decode/sha256", json!("0".repeat(64)));
    let error = folder_pack("hash", &manifest).unwrap_err();
    assert!(matches!(error, PackError::Hash { .. }));
    assert_says(&error, &["hash", "'good.onnx'", &"0".repeat(64), "SHA-256"]);
    let right = Pack::open(&fixture::path("good"))
        .unwrap()
        .graph("decode")
        .unwrap()
        .sha256
        .clone();
    assert!(
        folder_pack("hash", &with("/graphs/decode/sha256", json!(right)))
            .unwrap()
            .warnings()
            .is_empty()
    );
}

#[test]
fn a_graph_path_that_leaves_the_folder_is_refused() {
    for file in ["../good.onnx", "/etc/passwd", "a\\b.onnx", "C:/x.onnx"] {
        let error = folder_pack("escape", &with("/graphs/decode/file", json!(file))).unwrap_err();
        assert!(matches!(error, PackError::Escapes { .. }), "{error}");
        assert_says(&error, &["escape", file, "beside the manifest"]);
    }
    let missing =
        folder_pack("absent", &with("/graphs/decode/file", json!("no.onnx"))).unwrap_err();
    assert_says(
        &missing,
        &["absent", "'decode'", "'no.onnx'", "graphs.decode.file"],
    );
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused() {
    let folder = folder("linked");
    std::fs::write(folder.join("manifest.json"), good_manifest().to_string()).unwrap();
    std::os::unix::fs::symlink(fixture::path("good"), folder.join("good.onnx")).unwrap();
    assert_says(
        &Pack::open(&folder).unwrap_err(),
        &["linked", "'good.onnx'", "a link to a place outside"],
    );
}
