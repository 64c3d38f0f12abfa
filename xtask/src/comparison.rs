//! The spectral inverse beside librosa's and the NumPy reference, on real sounds, in one run.
//!
//! The table is printed by `models/afterimage_models/inversion_comparison.py`, with the spectral crate's
//! own code for the plugin's part. Its gates are the crate's tests on generated clips; here people look.

use afterimage_tests::bundle::target_folder;
use anyhow::Result;

use crate::process::{cargo, run, say};
use crate::python;

const MODULE: &str = "afterimage_models.inversion_comparison";
const PACKAGE: &str = "afterimage-spectral";
const PROGRAM: &str = "invert";

/// Builds the inverse, fetches the clips and prints the tables. Takes minutes; needs the network once.
pub fn print() -> Result<()> {
    say("the spectral inverse beside others, on real sounds");
    run(
        cargo()
            .args(["build", "--release", "--quiet", "--package", PACKAGE])
            .args(["--example", PROGRAM]),
        "build the inverse",
    )?;
    let program = target_folder()
        .join("release/examples")
        .join(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
    let mut comparison = python::command_of(&python::provide_for_comparison()?);
    comparison
        .env("PYTHONPATH", "models")
        .args(["-m", MODULE, "--inverse"])
        .arg(program)
        .arg("--cache")
        .arg(target_folder().join("clips"));
    run(&mut comparison, "compare the inverses")
}
