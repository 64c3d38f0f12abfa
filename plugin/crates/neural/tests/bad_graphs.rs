//! Packs whose graph is damaged, refused, or not what the manifest says: each gives one sentence.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod fixture;

use std::time::{Duration, Instant};

use afterimage_neural::{LoadLimits, Pack, PackError, Runtime, load, load_within};
use fixture::{assert_says, bytes, open, runtimes};

fn refusal(name: &str) -> PackError {
    open(name).expect_err(name)
}

#[test]
fn external_data_is_refused_with_tensor_and_place() {
    let error = refusal("external_data");
    assert!(matches!(error, PackError::ExternalData { .. }));
    assert_says(
        &error,
        &[
            "external_data.onnx",
            "'b2'",
            "'../weights.bin'",
            "external data switched off",
        ],
    );
}

#[test]
fn a_custom_operator_is_refused_with_its_domain() {
    assert_says(
        &refusal("custom_operator"),
        &[
            "custom_operator.onnx",
            "'Sparkle'",
            "'com.example'",
            "standard",
        ],
    );
}

#[test]
fn an_operator_that_draws_its_own_numbers_is_refused() {
    assert_says(
        &refusal("random_operator"),
        &["'RandomNormalLike'", "would not repeat", "role 'noise'"],
    );
}

#[test]
fn a_wrong_element_type_is_refused_with_both_types() {
    assert_says(
        &refusal("wrong_dtype"),
        &["wrong_dtype.onnx", "'frame'", "float32", "float64", "cast"],
    );
}

#[test]
fn a_wrong_shape_is_refused_with_both_shapes() {
    assert_says(
        &refusal("wrong_shape"),
        &["wrong_shape.onnx", "'frame'", "[batch, 33]", "[batch, 32]"],
    );
}

#[test]
fn a_pitched_pack_without_a_pitch_input_is_refused() {
    assert_says(
        &refusal("missing_pitch"),
        &[
            "missing_pitch.onnx",
            "graphs.decode.inputs",
            "'pitch'",
            "none",
        ],
    );
}

#[test]
fn mfccs_are_refused_because_they_have_no_usable_inverse() {
    let error = refusal("mfcc");
    assert!(matches!(error, PackError::Mfcc { .. }));
    assert_says(
        &error,
        &[
            "mfcc.onnx",
            "representation.kind",
            "'mfcc'",
            "no usable inverse",
            "mel or log-amplitude",
        ],
    );
}

#[test]
fn a_shape_that_asks_for_terabytes_is_refused_before_anything_runs() {
    assert_says(
        &refusal("huge_shape"),
        &["huge_shape.onnx", "'shape'", "1048576, 1048576", "16777216"],
    );
}

#[test]
fn a_weight_that_declares_more_than_it_holds_is_refused() {
    assert_says(
        &refusal("lying_weight"),
        &["lying_weight.onnx", "'b2'", "268435456"],
    );
}

#[test]
fn values_that_are_not_numbers_are_found_before_they_are_heard() {
    let pack = open("nan").unwrap();
    for runtime in runtimes() {
        let error = load(&pack, &runtime).err().unwrap();
        assert!(matches!(error, PackError::NotFinite { .. }), "{error}");
        assert_says(
            &error,
            &["nan.onnx", "'frame'", "33 of 33", "latent knobs 3.0"],
        );
    }
}

#[test]
fn a_file_cut_off_anywhere_gives_a_sentence_and_no_panic() {
    let whole = bytes("good");
    for length in (0..whole.len())
        .step_by(17)
        .chain([1, 2, 3, whole.len() - 1])
    {
        let error = Pack::from_bytes("cut.onnx", whole[..length].to_vec()).expect_err("cut off");
        assert_says(&error, &["cut.onnx"]);
    }
}

#[test]
fn flipped_bits_never_panic() {
    let whole = bytes("good");
    let runtime = Runtime::embedded();
    for step in 0..600 {
        let mut damaged = whole.clone();
        let at = (step * 7919) % damaged.len();
        damaged[at] ^= 1 << (step % 8);
        if let Ok(pack) = Pack::from_bytes("flipped.onnx", damaged) {
            // The whole load for some of them: the runtimes must not break the process either.
            if step % 20 == 0 {
                drop(load(&pack, &runtime));
            }
        }
    }
}

#[test]
fn what_is_not_a_pack_says_what_it_is() {
    assert_says(
        &Pack::from_bytes("x.onnx", Vec::new()).unwrap_err(),
        &["x.onnx", "an empty file"],
    );
    assert_says(
        &Pack::from_bytes("x.onnx", b"RIFF....WAVE".to_vec()).unwrap_err(),
        &["52, 49, 46, 46"],
    );
    assert_says(
        &Pack::from_bytes("x.json", b"{}".to_vec()).unwrap_err(),
        &["a JSON text"],
    );
    let missing = Pack::open(std::path::Path::new("/nowhere/at/all.onnx")).unwrap_err();
    assert_says(&missing, &["all.onnx", "/nowhere/at/all.onnx", "exists"]);
    assert_says(
        &Pack::open(&fixture::folder("empty-pack")).unwrap_err(),
        &["empty-pack", "without manifest.json"],
    );
}

#[test]
fn a_graph_without_a_manifest_names_the_keys_it_has() {
    assert_says(
        &refusal("plain"),
        &[
            "plain.onnx",
            "'neural_audio.manifest'",
            "'model_type'",
            "check-model",
        ],
    );
}

#[test]
fn a_decoder_slower_than_its_budget_is_refused_with_both_times() {
    let limits = LoadLimits {
        call: Duration::ZERO,
        ..LoadLimits::default()
    };
    let error = load_within(&open("good").unwrap(), &Runtime::embedded(), &limits)
        .err()
        .unwrap();
    assert!(matches!(error, PackError::OverBudget { .. }));
    assert_says(
        &error,
        &["good.onnx", "one call of the decoder", "under 0 ms"],
    );
}

#[test]
fn every_bad_fixture_is_refused_in_less_than_a_second() {
    for name in [
        "external_data",
        "custom_operator",
        "wrong_dtype",
        "huge_shape",
        "lying_weight",
        "mfcc",
    ] {
        let start = Instant::now();
        refusal(name);
        assert!(start.elapsed() < Duration::from_secs(1), "{name}");
    }
}
