//! Models of other tools: one sentence says what the file is and what to export instead.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod fixture;

use std::path::PathBuf;

use afterimage_neural::shelf::{Place, ShelfPack, packs_in};
use afterimage_neural::{Pack, PackError, check_model};
use fixture::{assert_says, bytes, folder, runtimes};

/// A zip archive that holds empty entries of these names; only its directory is ever read.
fn archive(names: &[&str]) -> Vec<u8> {
    let mut file = b"PK\x03\x04".to_vec();
    file.resize(64, 0);
    let start = file.len() as u32;
    for name in names {
        file.extend(b"PK\x01\x02");
        file.extend([0; 24]);
        file.extend((name.len() as u16).to_le_bytes());
        file.extend([0; 16]);
        file.extend(name.as_bytes());
    }
    let length = file.len() as u32 - start;
    let count = (names.len() as u16).to_le_bytes();
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count);
    file.extend(count);
    file.extend(length.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

const PROGRAM: [&str; 4] = [
    "vintage/data.pkl",
    "vintage/code/__torch__/rave.py",
    "vintage/constants.pkl",
    "vintage/version",
];

fn written(folder_name: &str, file: &str, content: &[u8]) -> PathBuf {
    let path = folder(folder_name).join(file);
    std::fs::write(&path, content).unwrap();
    path
}

fn complaint(file: &str, content: &[u8]) -> PackError {
    let path = written(&format!("foreign-{file}"), file, content);
    Pack::open(&path).unwrap_err()
}

#[test]
fn a_torchscript_program_is_named_and_told_what_to_export() {
    for file in ["vintage.ts", "vintage.afterimage", "vintage"] {
        let error = complaint(file, &archive(&PROGRAM));
        assert_says(&error, &[file, "TorchScript", "export_onnx", "check-model"]);
    }
}

#[test]
fn a_neutone_model_is_told_from_other_torchscript_by_what_it_holds() {
    let mut names = PROGRAM.to_vec();
    names.push("vintage/extra/metadata.json");
    for file in ["vintage.nm", "vintage.ts"] {
        assert_says(&complaint(file, &archive(&names)), &["Neutone", "wraps"]);
    }
}

#[test]
fn weights_alone_are_called_weights_alone() {
    let zipped = archive(&["last/data.pkl", "last/data/0", "last/version"]);
    let old = b"\x80\x02\x8a\x0al\xfc\x9cF".to_vec();
    for (file, content) in [("last.ckpt", zipped), ("old.pth", old)] {
        assert_says(&complaint(file, &content), &["checkpoint", "without"]);
    }
}

#[test]
fn where_the_content_says_nothing_the_ending_decides() {
    assert_says(&complaint("cut.nm", b""), &["Neutone"]);
    assert_says(
        &complaint("cut.ts", b"PK\x03\x04 cut off"),
        &["TorchScript"],
    );
    assert_says(&complaint("noise.ts", b"\x47\x40\x11"), &["TorchScript"]);
}

#[test]
fn what_is_no_model_of_another_tool_is_left_to_the_other_complaints() {
    for (file, content) in [
        ("notes.afterimage", archive(&["notes/readme.txt"])),
        ("notes.onnx", b"{}".to_vec()),
        ("named-wrong.ts", archive(&["pack/manifest.json"])),
    ] {
        let error = complaint(file, &content);
        assert!(!matches!(error, PackError::Foreign { .. }), "{error}");
    }
    let good = written("foreign-none", "good.onnx", &bytes("good"));
    assert!(Pack::open(&good).is_ok());
}

#[test]
fn a_foreign_file_in_the_packs_folder_is_a_row_that_explains_itself() {
    let path = written("foreign-shelf", "vintage.ts", &archive(&PROGRAM));
    assert_eq!(packs_in(path.parent().unwrap()), vec![path.clone()]);
    let sentence = ShelfPack::read(&path, Place::User).content.unwrap_err();
    assert!(sentence.contains("TorchScript"), "{sentence}");
    let check = check_model(&path, &runtimes().remove(0));
    assert!(!check.is_sound && check.text.starts_with(&sentence));
}
