//! Which pack the release bundle plays: by its place, by its id on the shelf, or the opening one.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::path::{Path, PathBuf};

use afterimage_tests::bundle::{self, INSTRUMENT_ID, workspace_root};
use afterimage_tests::bundle_copy::BundleCopy;
use afterimage_tests::host::{RenderSpec, Rendered, Session, Timeline};
use afterimage_tests::listen::{first_difference, rms};
use afterimage_tests::saved_state::{ModelChoice, SavedState};
use serde_json::Value;

const RATE_HZ: f64 = 48_000.0;
const SECOND_ID: &str = "test.second";
/// What the second pack's makers take off its level, so that it is told by its sound.
const SOFTER_DB: f64 = 9.0;

fn session() -> Session {
    Session::load(&bundle::clap().unwrap(), INSTRUMENT_ID).unwrap()
}

fn play(session: &mut Session) -> Rendered {
    let mut timeline = Timeline::new();
    timeline.note(480, 19_200, 57, 0.6);
    session
        .render(&RenderSpec::offline(RATE_HZ, 0.6, timeline))
        .unwrap()
}

fn sentence(rendered: &Rendered) -> String {
    let status = rendered.status.as_ref();
    status
        .expect("the plugin writes its status")
        .sentence
        .clone()
}

/// The opening pack as a file.
fn opening_pack() -> PathBuf {
    workspace_root().join("models/keys-vae/keys-vae.onnx")
}

/// Puts a second pack on the shelf of a copied bundle: the same graph, another id, softer.
fn put_second_pack(copy: &BundleCopy) -> PathBuf {
    let models = workspace_root().join("models/keys-vae");
    let text = std::fs::read_to_string(models.join("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    let gain_db = manifest["play"]["gain_db"].as_f64().unwrap_or(0.0);
    manifest["play"]["gain_db"] = (gain_db - SOFTER_DB).into();
    manifest["id"] = SECOND_ID.into();
    manifest["name"] = "Second".into();
    let folder = copy.resources().join("packs/second");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    std::fs::copy(opening_pack(), folder.join("keys-vae.onnx")).unwrap();
    folder
}

fn choose(session: &mut Session, choice: &ModelChoice) {
    let mut state = SavedState::parse(&session.save().unwrap()).unwrap();
    state.set_model(choice).unwrap();
    session.restore(&state.bytes().unwrap()).unwrap();
}

fn by_id(id: &str) -> ModelChoice {
    ModelChoice {
        id: id.into(),
        ..ModelChoice::default()
    }
}

fn at(path: &Path) -> ModelChoice {
    ModelChoice {
        path: Some(path.to_owned()),
        ..ModelChoice::default()
    }
}

fn louder_db(sound: &Rendered, than: &Rendered) -> f64 {
    20.0 * (rms(&sound.audio[0]) / rms(&than.audio[0])).log10()
}

#[test]
fn a_session_that_names_an_installed_pack_by_id_gets_its_sound() {
    let opening = play(&mut session());
    let copy = BundleCopy::new("second-by-id").unwrap();
    put_second_pack(&copy);
    let mut session = copy.session().unwrap();
    choose(&mut session, &by_id(SECOND_ID));
    let second = play(&mut session);
    assert_eq!(sentence(&second), "");
    let softer_db = -louder_db(&second, &opening);
    assert!((softer_db - SOFTER_DB).abs() < 0.1, "{softer_db} dB softer");
}

#[test]
fn a_pack_of_hits_asks_the_host_for_a_longer_lead_and_gets_it() {
    let mut of_keys = session();
    let keys = play(&mut of_keys);
    // A session's own pack is loaded once the host has activated, and been told of ten milliseconds.
    let mut of_hits = session();
    choose(&mut of_hits, &by_id("afterimage.drum-gan"));
    let hits = play(&mut of_hits);
    let asked = (of_keys.restarts_requested(), of_hits.restarts_requested());
    assert!(asked.1 > asked.0, "the host was not asked: {asked:?}");
    let lead_ms = |rendered: &Rendered| 1e3 * f64::from(rendered.latency_samples) / RATE_HZ;
    let (keys, hits) = (lead_ms(&keys), lead_ms(&hits));
    assert!(keys < 20.0 && hits >= 20.0, "{keys} and {hits} ms");
}

#[test]
fn an_installed_pack_that_no_session_names_leaves_the_opening_sound() {
    let opening = play(&mut session());
    let copy = BundleCopy::new("second-unnamed").unwrap();
    put_second_pack(&copy);
    let sound = play(&mut copy.session().unwrap());
    assert_eq!(first_difference(&opening.audio[0], &sound.audio[0]), None);
}

#[test]
fn a_session_saved_with_an_installed_pack_names_it_without_a_path_and_brings_it_back() {
    let copy = BundleCopy::new("second-saved").unwrap();
    put_second_pack(&copy);
    let mut original = copy.session().unwrap();
    choose(&mut original, &by_id(SECOND_ID));
    let expected = play(&mut original);
    let saved = original.save().unwrap();
    let model = SavedState::parse(&saved).unwrap().model().unwrap();
    assert_eq!((model.id.as_str(), model.path), (SECOND_ID, None));
    assert_eq!(model.hash.len(), 64);
    let mut restored = copy.session().unwrap();
    restored.restore(&saved).unwrap();
    let sound = play(&mut restored);
    assert_eq!(first_difference(&expected.audio[0], &sound.audio[0]), None);
}

#[test]
fn a_pack_that_was_moved_onto_the_shelf_is_found_by_its_id() {
    let copy = BundleCopy::new("second-moved").unwrap();
    let second = put_second_pack(&copy);
    let mut by_place = copy.session().unwrap();
    choose(&mut by_place, &at(&second));
    let expected = play(&mut by_place);
    let mut moved = copy.session().unwrap();
    let choice = ModelChoice {
        path: Some(PathBuf::from("/nowhere/second.onnx")),
        ..by_id(SECOND_ID)
    };
    choose(&mut moved, &choice);
    let sound = play(&mut moved);
    assert_eq!(first_difference(&expected.audio[0], &sound.audio[0]), None);
}

#[test]
fn a_pack_named_by_its_place_is_loaded_and_sounds_as_the_one_in_the_binary() {
    let expected = play(&mut session());
    let mut session = session();
    choose(&mut session, &at(&opening_pack()));
    let rendered = play(&mut session);
    assert_eq!(sentence(&rendered), "");
    assert_eq!(
        first_difference(&expected.audio[0], &rendered.audio[0]),
        None
    );
}

#[test]
fn a_truncated_pack_is_named_in_a_sentence_and_the_old_sound_goes_on() {
    let expected = play(&mut session());
    let copy = BundleCopy::new("truncated-pack").unwrap();
    let pack = copy.folder().join("truncated.onnx");
    let bytes = std::fs::read(opening_pack()).unwrap();
    std::fs::write(&pack, &bytes[..bytes.len() / 2]).unwrap();
    let mut session = session();
    choose(&mut session, &at(&pack));
    let rendered = play(&mut session);
    let sentence = sentence(&rendered);
    assert!(sentence.contains("truncated"), "{sentence:?}");
    assert_eq!(
        first_difference(&expected.audio[0], &rendered.audio[0]),
        None
    );
}

#[test]
fn a_session_whose_model_is_gone_says_so_keeps_its_reference_and_still_plays() {
    let mut session = session();
    let gone = ModelChoice {
        id: "a-model-that-never-was".into(),
        hash: "0".repeat(64),
        path: Some(PathBuf::from("/nowhere/a-model-that-never-was.onnx")),
        ..ModelChoice::default()
    };
    choose(&mut session, &gone);
    let rendered = play(&mut session);
    let status = rendered
        .status
        .clone()
        .expect("the plugin writes its status");
    assert!(
        status.sentence.contains("a-model-that-never-was"),
        "{:?}",
        status.sentence
    );
    assert!(
        rms(&rendered.audio[0]) > 1e-4,
        "the sound that was there must go on: {:?}",
        status
    );
    let kept = SavedState::parse(&session.save().unwrap())
        .unwrap()
        .model()
        .unwrap();
    assert_eq!(
        kept.id, gone.id,
        "saving again must not lose what the session asked for"
    );
}
