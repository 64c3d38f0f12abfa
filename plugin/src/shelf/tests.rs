//! Looking for packs and stepping through them, on folders of each test's own.

use std::path::{Path, PathBuf};

use afterimage_neural::shelf::{Place, ShelfPack};
use afterimage_neural::{Manifest, Pack};
use serde_json::Value;

use super::{Places, Section, Shelf, find, read, reference_to};
use crate::opening;
use crate::state::ModelReference;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("afterimage-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    /// Puts the opening pack's graph under a manifest of another id and version.
    fn put(&self, name: &str, id: &str, version: &str) -> &Self {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/keys-vae");
        let text = std::fs::read_to_string(models.join("manifest.json")).expect("a manifest");
        let mut manifest: Value = serde_json::from_str(&text).expect("JSON");
        manifest["id"] = id.into();
        manifest["version"] = version.into();
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the pack");
        std::fs::write(folder.join("manifest.json"), manifest.to_string()).expect("written");
        let graph = "keys-vae.onnx";
        std::fs::copy(models.join(graph), folder.join(graph)).expect("copied");
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: a temporary folder that stays harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn places(installed: &Folder, user: &Folder) -> Places {
    Places {
        installed: vec![installed.0.clone()],
        user: Some(user.0.clone()),
    }
}

fn wish(id: &str, hash: &str) -> ModelReference {
    ModelReference {
        id: id.into(),
        hash: hash.into(),
        ..ModelReference::default()
    }
}

fn version(found: Result<Pack, String>) -> Result<String, String> {
    found.map(|pack| pack.manifest().version.clone())
}

#[test]
fn a_session_finds_its_pack_by_id_installed_before_the_users_own() {
    let (installed, user) = (Folder::new("by-id-installed"), Folder::new("by-id-user"));
    installed.put("one", "test.one", "installed");
    user.put("one", "test.one", "user")
        .put("two", "test.two", "user");
    let places = places(&installed, &user);
    assert_eq!(
        version(find(&wish("test.one", ""), &places)),
        Ok("installed".into())
    );
    assert_eq!(
        version(find(&wish("test.two", ""), &places)),
        Ok("user".into())
    );
}

#[test]
fn the_pack_with_the_very_hash_comes_before_others_of_its_id() {
    let (installed, user) = (
        Folder::new("by-hash-installed"),
        Folder::new("by-hash-user"),
    );
    installed.put("one", "test.one", "installed");
    user.put("one", "test.one", "user");
    let places = places(&installed, &user);
    let own = Pack::open(&user.0.join("one")).expect("a sound pack");
    assert_eq!(
        version(find(&wish("test.one", own.hash()), &places)),
        Ok("user".into())
    );
    let unknown = wish("test.one", &"0".repeat(64));
    assert_eq!(version(find(&unknown, &places)), Ok("installed".into()));
}

#[test]
fn a_path_that_is_gone_gives_way_to_the_id() {
    let (installed, user) = (Folder::new("gone-installed"), Folder::new("gone-user"));
    user.put("one", "test.one", "user");
    let gone = ModelReference {
        path: Some(user.0.join("moved.onnx")),
        ..wish("test.one", "")
    };
    assert_eq!(
        version(find(&gone, &places(&installed, &user))),
        Ok("user".into())
    );
}

#[test]
fn a_pack_that_is_nowhere_is_named_with_the_folder_to_put_it_into() {
    let (installed, user) = (
        Folder::new("nowhere-installed"),
        Folder::new("nowhere-user"),
    );
    let missing = find(&wish("test.none", ""), &places(&installed, &user));
    let sentence = missing.expect_err("there is no such pack");
    assert!(sentence.contains("test.none"), "{sentence}");
    assert!(
        sentence.contains(&user.0.display().to_string()),
        "{sentence}"
    );
}

#[test]
fn the_shelf_lists_each_pack_once_and_a_bad_file_with_its_sentence() {
    let (installed, user) = (Folder::new("list-installed"), Folder::new("list-user"));
    installed.put("one", "test.one", "1");
    // The same pack under another name, and what is none.
    user.put("twin", "test.one", "1");
    std::fs::write(user.0.join("bad.onnx"), b"\x08\x09 no graph").expect("written");
    std::fs::write(user.0.join("notes.txt"), b"no pack").expect("written");
    let shelf = read(&places(&installed, &user));
    let embedded = opening::embedded().len();
    let rows: Vec<_> = shelf.packs[embedded..]
        .iter()
        .map(|pack| (pack.file.as_str(), pack.place, Section::of(pack)))
        .collect();
    assert_eq!(
        rows,
        [
            ("one", Place::Installed, Section::Instruments),
            ("bad.onnx", Place::User, Section::Unreadable),
        ]
    );
    let sentence = shelf.packs[embedded + 1].content.as_ref().err();
    assert!(
        sentence.is_some_and(|sentence| sentence.contains("bad.onnx")),
        "{sentence:?}"
    );
}

#[test]
fn the_users_folder_is_made_for_who_looks_at_it_and_by_no_reading() {
    let (installed, user) = (Folder::new("made-installed"), Folder::new("made-user"));
    let mut places = places(&installed, &user);
    let folder = user.0.join("afterimage/packs");
    places.user = Some(folder.clone());
    assert!(read(&places).is_read && !folder.exists());
    places.make_user_folder();
    assert!(folder.is_dir());
}

/// A shelf of the opening pack's manifest with these tags and tasks.
pub(crate) fn shelf_of(rows: &[(&str, &[&str], &str)]) -> Shelf {
    let pack = opening::pack().expect("the opening pack is sound");
    let packs = rows.iter().map(|(hash, tags, task)| {
        let mut value: Value = serde_json::from_str(&pack.manifest().to_json()).expect("JSON");
        value["tags"] = Value::from(tags.to_vec());
        value["tasks"] = Value::from(vec![*task]);
        if *task == "transform" {
            // It needs an encoder; none of these graphs is run.
            value["graphs"]["encode"] = value["graphs"]["decode"].clone();
        }
        let mut row = ShelfPack::new(hash, Place::User, Ok(pack.clone()));
        let facts = row.content.as_mut().expect("it was opened");
        facts.hash = (*hash).to_owned();
        facts.manifest = Manifest::parse(value.to_string().as_bytes(), hash).expect("a manifest");
        row
    });
    Shelf {
        packs: packs.collect(),
        is_read: true,
        user_folder: None,
    }
}

#[test]
fn lab_packs_and_packs_without_the_task_to_play_stand_apart() {
    let shelf = shelf_of(&[
        ("sound", &["bowed"], "play"),
        ("rough", &["bowed", "lab"], "play"),
        ("tunes", &[], "imagine"),
    ]);
    let sections: Vec<_> = shelf.packs.iter().map(Section::of).collect();
    assert_eq!(
        sections,
        [Section::Instruments, Section::Lab, Section::Others]
    );
}

#[test]
fn stepping_goes_round_the_instruments_and_passes_the_others_by() {
    let shelf = shelf_of(&[
        ("a", &[], "play"),
        ("lab", &["lab"], "play"),
        ("b", &[], "play"),
        ("tunes", &[], "imagine"),
        ("c", &[], "play"),
    ]);
    let to = |from: &str, by| shelf.stepped(from, by).map(|facts| facts.hash.as_str());
    assert_eq!(
        [to("a", 1), to("b", 1), to("c", 1)],
        [Some("b"), Some("c"), Some("a")]
    );
    assert_eq!([to("a", -1), to("c", -1)], [Some("c"), Some("b")]);
    assert_eq!([to("lab", 1), to("lab", -1)], [Some("a"), Some("c")]);
}

#[test]
fn there_is_no_step_from_the_only_instrument_nor_on_an_empty_shelf() {
    let shelf = shelf_of(&[("a", &[], "play"), ("tunes", &[], "imagine")]);
    assert_eq!(shelf.stepped("a", 1), None);
    assert_eq!(Shelf::default().stepped("a", 1), None);
}

#[test]
fn a_choice_on_the_shelf_opens_that_very_pack() {
    let (installed, user) = (Folder::new("choice-installed"), Folder::new("choice-user"));
    installed.put("one", "test.one", "installed");
    user.put("one", "test.one", "user");
    let places = places(&installed, &user);
    let chosen = read(&places)
        .packs
        .into_iter()
        .filter_map(|pack| pack.content.ok());
    for facts in chosen {
        let opened = find(&reference_to(&facts), &places).expect("it was listed");
        assert_eq!(opened.hash(), facts.hash);
    }
}
