//! A library of the right version that does not work: in a process of its own, because that one
//! cannot be given another library afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_macros,
    reason = "tests may unwrap and print"
)]

mod fixture;

use afterimage_neural::Runtime;
use fixture::{fake_library, plays_embedded};

#[test]
fn a_library_that_lies_about_its_version_neither_panics_nor_silences_the_plugin() {
    let Some(folder) = fake_library("1.28.0") else {
        println!("SKIPPED: no rustc to build a library");
        return;
    };
    for _ in 0..2 {
        let runtime = Runtime::discover(std::slice::from_ref(&folder));
        let sentence = &runtime.status().sentence;
        assert!(sentence.contains("it broke off"), "{sentence}");
        plays_embedded(&runtime);
    }
}
