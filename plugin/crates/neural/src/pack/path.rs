//! Which paths a manifest and an archive may name: plain relative ones, inside the pack.

use crate::error::PackError;

/// Longest path; what file systems take as one name.
const MAX_PATH_BYTES: usize = 255;

/// Checks that `path` is a plain relative path with forward slashes.
///
/// # Errors
/// Absolute paths, drives, backslashes, `.`, `..`, empty parts, control characters, very long ones.
pub(super) fn check(pack: &str, path: &str) -> Result<(), PackError> {
    let found = if path.is_empty() {
        "it is empty"
    } else if path.len() > MAX_PATH_BYTES {
        "it is longer than 255 bytes"
    } else if path.starts_with('/') || path.contains(':') {
        "it is an absolute path"
    } else if path.contains('\\') {
        "it has backslashes"
    } else if path.chars().any(char::is_control) {
        "it has control characters"
    } else if path.split('/').any(|part| part == "..") {
        "it leaves the pack"
    } else if path.split('/').any(|part| part.is_empty() || part == ".") {
        "it has empty parts"
    } else {
        return Ok(());
    };
    let path = path.chars().take(80).collect();
    Err(PackError::Escapes {
        pack: pack.to_owned(),
        path,
        found: found.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_plain_relative_paths_pass() {
        for good in ["a.onnx", "graphs/decode.onnx", "a b.onnx", "..a/b"] {
            assert!(check("P", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/a",
            "../a",
            "a/../../b",
            "C:/a",
            "C:a",
            "a\\b",
            "a//b",
            "./a",
            "a/.",
            "a\0b",
            "a\nb",
        ] {
            assert!(check("P", bad).is_err(), "{bad:?}");
        }
        assert!(check("P", &"x".repeat(256)).is_err());
    }
}
