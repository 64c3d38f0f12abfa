//! Finding the runtime: what is missing or wrong is said, breaks nothing, and a fallback plays.
//!
//! One process, one environment: these tests load wrong libraries before and after the good one.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    reason = "tests may unwrap and print"
)]

mod fixture;

use std::path::Path;

use afterimage_neural::{BackendKind, LIBRARY_NAME, Runtime, RuntimeStatus, load};
use fixture::{fake_library, folder, open, plays_embedded, request};

fn says(status: &RuntimeStatus, parts: &[&str]) {
    for part in parts
        .iter()
        .chain(&["embedded runtime", "1.28.0", "install the bundle again"])
    {
        assert!(
            status.sentence.contains(part),
            "'{part}' is missing in: {}",
            status.sentence
        );
    }
}

/// Names of this process's threads but rten's, whose pools end when they like; where the system tells.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    let mut names: Vec<String> = tasks
        .filter_map(name)
        .filter(|name| !name.starts_with("rten"))
        .collect();
    names.sort();
    names
}

/// One test, because the process can only be poisoned once.
#[test]
fn missing_and_wrong_libraries_leave_the_fallback_and_a_later_good_one_working() {
    let empty = folder("no-library");
    let missing = Runtime::discover(std::slice::from_ref(&empty));
    says(missing.status(), &["it is not there", LIBRARY_NAME]);
    plays_embedded(&missing);

    says(Runtime::discover(&[]).status(), &["no folder to look in"]);
    says(
        Runtime::from_library(Path::new(LIBRARY_NAME)).status(),
        &["its path is relative"],
    );

    let text = folder("text-library");
    std::fs::write(text.join(LIBRARY_NAME), "not a library").unwrap();
    let refused = Runtime::discover(&[text]);
    says(refused.status(), &["it does not load"]);
    plays_embedded(&refused);

    for version in ["1.20.1", "1.32.0"] {
        let Some(folder) = fake_library(version) else {
            println!("SKIPPED: no rustc to build a library of version {version}");
            continue;
        };
        let refused = Runtime::discover(&[folder]);
        says(refused.status(), &["it is version", version]);
        plays_embedded(&refused);
    }

    let Some(good) = fixture::onnxruntime() else {
        return;
    };
    assert_eq!(good.status().kind, BackendKind::OnnxRuntime);
    let before = threads();
    let mut loaded = load(&open("good").unwrap(), &good).unwrap();
    assert_eq!(loaded.report.backend, BackendKind::OnnxRuntime);
    fixture::decode(&mut loaded.decoder, &[request(0)]);
    assert_eq!(threads(), before, "ONNX Runtime started threads of its own");
    // A runtime that was made without the library goes on without it.
    plays_embedded(&missing);
    // The process keeps the library it has, whatever is asked for later.
    let later = Runtime::discover(&[empty]);
    assert_eq!(later.status().library, good.status().library);
}
