//! Takes on a disk that may be full, left alone, or shared.

use std::fs;
use std::path::PathBuf;

use super::{Store, WholeTake};
use crate::takes::record::{TakeNote, TakeRecord};
use crate::takes::sound::Sound;

/// A folder that goes with the value.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = format!("afterimage-takes-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = fs::remove_dir_all(&folder); // of a run that was ended
        Self(folder)
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.0.clone(), u64::MAX)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // a temporary folder that stays harms nobody
    }
}

pub(crate) fn take(id: &str) -> WholeTake {
    let samples = |count: usize| (0..count).map(|n| (n as f32 * 0.1).sin()).collect();
    let sound = |count| Sound {
        rate_hz: 48_000,
        channels: 1,
        samples: samples(count),
    };
    WholeTake {
        record: TakeRecord {
            version: 1,
            id: id.to_owned(),
            name: format!("take {id}"),
            pack: "Grains".to_owned(),
            seed: 7,
            rate_hz: 48_000,
            length_samples: 1000,
            tempo_bpm: Some(120.0),
            ..TakeRecord::default()
        },
        sound: sound(1000),
        heard: sound(500),
    }
}

fn ids(store: &Store) -> Vec<String> {
    store.list().into_iter().map(|record| record.id).collect()
}

#[test]
fn a_take_comes_back_bit_for_bit_and_the_newest_is_first() {
    let folder = Folder::new("round");
    let store = folder.store();
    let mut of_notes = take("0002");
    of_notes.sound = Sound::default();
    of_notes.record.notes = vec![TakeNote {
        tick: 0,
        duration_ticks: 24,
        key: 60,
        velocity: 0.5,
    }];
    for written in [take("0001"), of_notes.clone()] {
        store.write(&written).unwrap();
    }
    assert_eq!(ids(&store), ["0002", "0001"]);
    assert_eq!(store.read("0001").unwrap(), take("0001"));
    assert_eq!(store.read("0002").unwrap(), of_notes);
    assert!(folder.0.join("0002/notes.mid").is_file());
}

#[test]
fn half_a_take_is_never_listed() {
    let folder = Folder::new("half");
    let store = folder.store();
    store.write(&take("0001")).unwrap();
    fs::create_dir_all(folder.0.join("partial-0002")).unwrap();
    fs::create_dir_all(folder.0.join("0003")).unwrap();
    fs::write(folder.0.join("0003/take.json"), "{\"id\": \"0003\"").unwrap();
    fs::create_dir_all(folder.0.join("0004")).unwrap();
    fs::write(folder.0.join("0004/take.json"), "{\"id\": \"0009\"}").unwrap();
    assert_eq!(ids(&store), ["0001"]);
}

#[test]
fn a_disk_that_takes_nothing_says_so_and_keeps_no_pieces() {
    let folder = Folder::new("full");
    fs::create_dir_all(&folder.0).unwrap();
    // A file where the folder should be refuses everybody, root too.
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    let store = Store::new(file.clone(), u64::MAX);
    let sentence = store.write(&take("0001")).unwrap_err();
    assert!(sentence.contains("cannot be written"), "{sentence}");
    assert!(store.list().is_empty() && file.is_file());
}

#[test]
fn the_oldest_that_nobody_kept_make_room() {
    let folder = Folder::new("cap");
    let unlimited = folder.store();
    for id in ["0001", "0002", "0003"] {
        unlimited.write(&take(id)).unwrap();
    }
    unlimited
        .change("0001", |record| record.kept = true)
        .unwrap();
    let of_one = super::size_of_folder(&folder.0.join("0002"));
    let store = Store::new(folder.0.clone(), 3 * of_one + of_one / 2);
    store.write(&take("0004")).unwrap();
    assert_eq!(ids(&store), ["0004", "0003", "0001"]);
    let tiny = Store::new(folder.0.clone(), 1);
    tiny.write(&take("0005")).unwrap();
    assert_eq!(ids(&tiny), ["0005", "0001"], "the newest is never refused");
}

#[test]
fn names_and_keeping_are_changed_and_deleting_twice_is_no_error() {
    let folder = Folder::new("change");
    let store = folder.store();
    store.write(&take("0001")).unwrap();
    let changed = store.change("0001", |record| record.set_name("the one"));
    assert_eq!(changed.unwrap().name, "the one");
    assert_eq!(store.list()[0].name, "the one");
    store.delete("0001").unwrap();
    store.delete("0001").unwrap();
    assert!(store.change("0001", |_| ()).unwrap_err().contains("gone"));
    assert!(store.delete("../x").is_err());
}
