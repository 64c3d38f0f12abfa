//! Zipped packs: they open as their folder does, and hostile archives give one sentence.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod fixture;

use afterimage_neural::{Pack, PackError};
use fixture::{assert_says, bytes, folder, good_manifest};
use serde_json::json;

/// One entry of an archive under construction.
struct Entry {
    name: String,
    data: Vec<u8>,
    deflate: bool,
    /// Unix mode with file type; 0 leaves it out.
    mode: u32,
    /// Declared size, where it lies.
    declared: Option<u32>,
    flags: u16,
}

impl Entry {
    fn new(name: &str, data: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            data: data.into(),
            deflate: true,
            mode: 0o100_644,
            declared: None,
            flags: 0,
        }
    }
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Writes an archive as Info-ZIP does.
fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let packed = if entry.deflate {
            miniz_oxide::deflate::compress_to_vec(&entry.data, 6)
        } else {
            entry.data.clone()
        };
        let mut shared = Vec::new();
        shared.extend(20_u16.to_le_bytes());
        shared.extend(entry.flags.to_le_bytes());
        shared.extend((if entry.deflate { 8_u16 } else { 0 }).to_le_bytes());
        shared.extend([0; 4]);
        shared.extend(crc32(&entry.data).to_le_bytes());
        shared.extend((packed.len() as u32).to_le_bytes());
        shared.extend(
            entry
                .declared
                .unwrap_or(entry.data.len() as u32)
                .to_le_bytes(),
        );
        shared.extend((entry.name.len() as u16).to_le_bytes());
        shared.extend([0; 2]);
        let offset = file.len() as u32;
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&shared);
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(&shared);
        file.extend(entry.name.as_bytes());
        file.extend(&packed);
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn pack_entries() -> Vec<Entry> {
    vec![
        Entry::new("manifest.json", good_manifest().to_string()),
        Entry::new("good.onnx", bytes("good")),
    ]
}

fn open(entries: &[Entry]) -> Result<Pack, PackError> {
    Pack::from_bytes("a.afterimage", zip(entries))
}

#[test]
fn an_archive_opens_as_its_folder_does() {
    let folder = folder("zipped");
    for entry in pack_entries() {
        std::fs::write(folder.join(&entry.name), &entry.data).unwrap();
    }
    let from_folder = Pack::open(&folder).unwrap();
    let mut stored = pack_entries();
    stored.iter_mut().for_each(|entry| entry.deflate = false);
    let mut reversed = pack_entries();
    reversed.reverse();
    for entries in [pack_entries(), stored, reversed] {
        let from_archive = open(&entries).unwrap();
        assert_eq!(from_archive.manifest(), from_folder.manifest());
        assert_eq!(from_archive.hash(), from_folder.hash());
    }
    let file = folder.join("pack.afterimage");
    std::fs::write(&file, zip(&pack_entries())).unwrap();
    assert_eq!(Pack::open(&file).unwrap().hash(), from_folder.hash());
}

#[test]
fn an_archive_of_the_folder_itself_opens_too() {
    let mut entries = pack_entries();
    entries
        .iter_mut()
        .for_each(|entry| entry.name = format!("keys/{}", entry.name));
    entries.insert(
        0,
        Entry {
            deflate: false,
            mode: 0o040_755,
            ..Entry::new("keys/", "")
        },
    );
    assert_eq!(
        open(&entries).unwrap().hash(),
        open(&pack_entries()).unwrap().hash()
    );
}

#[test]
fn names_that_leave_the_pack_are_refused() {
    for name in [
        "../evil.onnx",
        "/etc/evil",
        "a/../../evil",
        "C:\\evil",
        "a\\evil",
        "./evil",
        "a//evil",
    ] {
        let mut entries = pack_entries();
        entries.push(Entry::new(name, "x"));
        let error = open(&entries).unwrap_err();
        assert!(
            matches!(error, PackError::Escapes { .. }),
            "{name}: {error}"
        );
        assert_says(&error, &["a.afterimage", name]);
    }
}

#[test]
fn links_and_devices_are_refused() {
    for mode in [0o120_777, 0o020_666, 0o060_666] {
        let mut entries = pack_entries();
        entries.push(Entry {
            mode,
            ..Entry::new("link", "/etc/passwd")
        });
        assert_says(
            &open(&entries).unwrap_err(),
            &["a.afterimage", "'link'", "plain file", "a link or a device"],
        );
    }
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let mut entries = pack_entries();
    entries.push(Entry::new("good.onnx", "other"));
    assert_says(
        &open(&entries).unwrap_err(),
        &["'good.onnx'", "there once", "twice"],
    );
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let mut honest = pack_entries();
    honest.push(Entry::new("zeros", vec![0; 8 << 20]));
    assert_says(
        &open(&honest).unwrap_err(),
        &["'zeros'", "200 to 1", "8388608 bytes out of"],
    );
    let mut lying = pack_entries();
    lying[1] = Entry {
        declared: Some(1000),
        ..Entry::new("good.onnx", vec![0; 8 << 20])
    };
    assert_says(
        &open(&lying).unwrap_err(),
        &["'good.onnx'", "1000 bytes", "it holds more"],
    );
    let mut large = pack_entries();
    large.push(Entry {
        declared: Some(u32::MAX - 1),
        ..Entry::new("large", "x")
    });
    assert_says(
        &open(&large).unwrap_err(),
        &["'large'", "512 MB", "4095 MB"],
    );
    let many: Vec<Entry> = (0..300)
        .map(|index| Entry::new(&format!("{index}"), "x"))
        .collect();
    assert_says(&open(&many).unwrap_err(), &["256 entries", "300 entries"]);
}

#[test]
fn overlapping_entries_are_refused() {
    let mut file = zip(&pack_entries());
    // The second directory entry is made to point at the first one's data under its own name: both must agree.
    let second = file
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    file[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    let error = Pack::from_bytes("a.afterimage", file).unwrap_err();
    assert_says(&error, &["'good.onnx'", "of one name", "gives another"]);
}

#[test]
fn encrypted_and_unknown_methods_are_refused() {
    let mut entries = pack_entries();
    entries[1].flags = 1;
    assert_says(&open(&entries).unwrap_err(), &["'good.onnx'", "encrypted"]);
    let mut file = zip(&pack_entries());
    let second = file
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    file[second + 10] = 93;
    assert_says(
        &Pack::from_bytes("a.afterimage", file).unwrap_err(),
        &["stored or deflated", "93"],
    );
}

#[test]
fn a_damaged_entry_is_found_by_its_checksum() {
    let mut entries = pack_entries();
    entries.iter_mut().for_each(|entry| entry.deflate = false);
    let mut file = zip(&entries);
    let at = file.len() / 2;
    file[at] ^= 0x10;
    assert_says(
        &Pack::from_bytes("a.afterimage", file).unwrap_err(),
        &["'good.onnx'", "intact", "checksum"],
    );
}

#[test]
fn an_archive_cut_off_anywhere_gives_a_sentence_and_no_panic() {
    let whole = zip(&pack_entries());
    for length in (4..whole.len()).step_by(13).chain([whole.len() - 1]) {
        assert_says(
            &Pack::from_bytes("a.afterimage", whole[..length].to_vec()).unwrap_err(),
            &["a.afterimage"],
        );
    }
    for step in 0..400 {
        let mut damaged = whole.clone();
        let at = (step * 7919) % damaged.len();
        damaged[at] ^= 1 << (step % 8);
        let _ = Pack::from_bytes("a.afterimage", damaged);
    }
}

#[test]
fn an_archive_without_a_manifest_says_so() {
    let error = open(&[Entry::new("readme.txt", "hello")]).unwrap_err();
    assert_says(&error, &["a.afterimage", "without manifest.json"]);
}

#[test]
fn the_hash_of_a_pack_follows_manifest_and_graphs() {
    let pack = open(&pack_entries()).unwrap();
    let mut manifest = good_manifest();
    manifest["name"] = json!("Other");
    let mut entries = pack_entries();
    entries[0] = Entry::new("manifest.json", manifest.to_string());
    assert_ne!(open(&entries).unwrap().hash(), pack.hash());
    assert_eq!(pack.hash().len(), 64);
}
