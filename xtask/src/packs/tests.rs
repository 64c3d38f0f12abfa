//! What ships, and how packs are laid out, on the list itself and on folders of each test's own.

use super::{
    LIMIT_BYTES, Named, ShippedPack, check, install_into, named, shipped, unlisted, weigh,
    workspace_root,
};
use afterimage_neural::Pack;
use serde_json::json;
use std::path::PathBuf;

#[test]
fn every_pack_of_the_list_is_there_and_may_ship() {
    let packs = shipped().unwrap();
    assert!(packs.iter().any(|pack| pack.embedded));
    check(&packs).unwrap();
}

#[test]
fn every_pack_of_the_list_opens_and_has_the_id_of_its_manifest() {
    for pack in shipped().unwrap() {
        let opened = Pack::open(&pack.path()).unwrap();
        assert_eq!(opened.manifest().id, pack.id());
    }
}

#[test]
fn a_pack_opens_on_its_default_preset_and_conditions() {
    let packs = shipped().unwrap();
    let mut pack = packs
        .into_iter()
        .find(|pack| pack.name == "keys-vae")
        .unwrap();
    pack.manifest["latent"]["presets"] = json!([
        {"name": "Other", "latent": [0.0, 0.0]},
        {"name": "Mine", "latent": [-3.0, 1.5, 9.0]},
    ]);
    pack.manifest["play"]["default_preset"] = json!("Mine");
    pack.manifest["conditions"] = json!([
        {"name": "Drum", "kind": "class", "labels": ["kick", "snare"], "default": "snare"},
        {"name": "Air", "kind": "continuous", "range": [-1.0, 3.0], "default": 0.0},
    ]);
    let expected = [
        ("latent_1", 0.0),
        ("latent_2", 0.75),
        ("latent_3", 1.0),
        ("class_1", 1.0 / 31.0),
        ("descriptor_1", 0.25),
    ];
    assert_eq!(
        pack.opening(),
        expected.map(|(id, place)| (id.to_owned(), place))
    );
}

#[test]
fn every_pack_of_the_list_is_in_the_notices() {
    let notices = std::fs::read_to_string(workspace_root().join("NOTICES.md")).unwrap();
    for pack in shipped().unwrap() {
        let row = format!("| {}, ", pack.name);
        assert!(notices.contains(&row), "{row}");
    }
}

#[test]
fn graphs_over_the_limit_are_refused() {
    assert!(weigh(LIMIT_BYTES).is_ok());
    assert!(weigh(LIMIT_BYTES + 1).is_err());
}

#[test]
fn a_folder_and_an_id_name_the_pack_that_ships() {
    for word in ["keys-vae", "afterimage.keys-vae"] {
        let found = named(word).unwrap();
        assert!(matches!(found, Named::Shipped(pack) if pack.name == "keys-vae"));
    }
}

#[test]
fn a_path_to_nothing_is_refused_and_another_word_may_be_an_id() {
    for path in ["nowhere/keys-vae", "nothing.onnx"] {
        let sentence = named(path).err().map(|error| error.to_string());
        assert!(
            sentence.is_some_and(|sentence| sentence.contains(path)),
            "{path}"
        );
    }
    assert!(matches!(named("a.pack").unwrap(), Named::Other(id) if id == "a.pack"));
}

#[test]
fn a_path_that_exists_is_taken_as_it_is() {
    let path = shipped().unwrap()[0].path();
    let word = path.display().to_string();
    assert!(matches!(named(&word).unwrap(), Named::At(found) if found == path));
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("afterimage-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(below)).into_iter().flatten();
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.flatten().map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // one that stays harms nobody
    }
}

#[test]
fn the_resources_hold_the_installed_packs_and_no_embedded_one() {
    let resources = Folder::new("resources");
    install_into(&resources.0).unwrap();
    let installed = shipped().unwrap().into_iter().filter(|pack| !pack.embedded);
    assert_eq!(resources.names(super::FOLDER).len(), installed.count());
}

#[test]
fn a_pack_of_one_graph_is_copied_as_its_single_file_and_opens_there() {
    let folder = Folder::new("single");
    let pack = shipped().unwrap().remove(0);
    pack.copy_into(&folder.0).unwrap();
    let file = format!("{}.onnx", pack.name);
    assert_eq!(folder.names(""), [file.as_str()]);
    let copied = Pack::open(&folder.0.join(file)).unwrap();
    assert_eq!(copied.hash(), Pack::open(&pack.path()).unwrap().hash());
}

#[test]
fn a_pack_of_several_graphs_is_copied_as_a_folder_with_nothing_else_in_it() {
    let (models, packs) = (Folder::new("several-from"), Folder::new("several-to"));
    let from = models.0.join("two");
    std::fs::create_dir_all(&from).unwrap();
    let manifest = r#"{"graphs":{"predict":{"file":"b.onnx"},"decode":{"file":"a.onnx"}}}"#;
    for (file, text) in [
        ("manifest.json", manifest),
        ("a.onnx", ""),
        ("b.onnx", ""),
        ("two.pt", ""),
    ] {
        std::fs::write(from.join(file), text).unwrap();
    }
    let pack = ShippedPack::read(&models.0, "two", false).unwrap();
    pack.copy_into(&packs.0).unwrap();
    assert_eq!(packs.names("two"), ["a.onnx", "b.onnx", "manifest.json"]);
}

#[test]
fn a_pack_that_the_list_leaves_out_is_named_and_other_folders_are_not() {
    let models = Folder::new("left-out");
    for name in ["made", "listed", "pieces"] {
        std::fs::create_dir_all(models.0.join(name)).unwrap();
    }
    for name in ["made", "listed"] {
        std::fs::write(models.0.join(name).join("manifest.json"), "{}").unwrap();
    }
    let listed = ShippedPack::read(&models.0, "listed", true).unwrap();
    assert_eq!(unlisted(&models.0, &[listed]).unwrap(), ["made"]);
}

#[test]
fn a_pack_that_the_list_names_and_nobody_made_is_missed() {
    let models = Folder::new("nothing");
    let sentence = ShippedPack::read(&models.0, "dream", false).err();
    assert!(sentence.is_some_and(|error| error.to_string().contains("'dream'")));
}
