//! Golden vectors: compared with, or written by, the independent NumPy implementation.

use anyhow::Result;

use crate::arguments::Arguments;
use crate::process::{run, say};
use crate::python;

const MODULE: &str = "afterimage_models.reference.golden";
const FOLDER: &str = "plugin/crates/spectral/tests/golden";

/// `cargo xtask golden`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let write = arguments.switch("--write");
    arguments.finish()?;
    let interpreter = python::provide()?;
    let (mode, what) = if write {
        ("--write", "write the golden vectors")
    } else {
        ("--check", "compare the golden vectors with their source")
    };
    say(what);
    let mut golden = python::command_of(&interpreter);
    golden
        .env("PYTHONPATH", "models")
        .args(["-m", MODULE, mode, FOLDER]);
    run(&mut golden, what)
}
