//! Reads the `.npy` files of `tests/golden` (format version 1, little-endian, C order).
//!
//! Regenerate them with `python -m afterimage_models.reference.golden --write DIR` in `models/`.
#![allow(dead_code, reason = "each test binary reads its own kinds")]

use std::path::Path;

/// Element type and raw bytes; a caller knows the shape.
pub struct Array {
    kind: String,
    bytes: Vec<u8>,
}

pub fn load(name: &str) -> Array {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.npy"));
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(&file[..8], b"\x93NUMPY\x01\x00", "{name}");
    let header_end = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let header = std::str::from_utf8(&file[10..header_end]).unwrap();
    assert!(
        header.contains("'fortran_order': False"),
        "{name}: {header}"
    );
    let after = |key: &str, open: char, close: char| {
        let rest = &header[header.find(key).unwrap() + key.len()..];
        let rest = &rest[rest.find(open).unwrap() + 1..];
        rest[..rest.find(close).unwrap()].to_owned()
    };
    Array {
        kind: after("'descr':", '\'', '\''),
        bytes: file[header_end..].to_vec(),
    }
}

pub fn f32s(name: &str) -> Vec<f32> {
    let array = load(name);
    assert_eq!(array.kind, "<f4", "{name}");
    array
        .bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect()
}

pub fn u64s(name: &str) -> Vec<u64> {
    let array = load(name);
    assert_eq!(array.kind, "<u8", "{name}");
    array
        .bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|b| u64::from_le_bytes(*b))
        .collect()
}
