//! Commands that need the model code, which the others do without: they start this program again, built
//! with the feature `models`.

use afterimage_tests::bundle::workspace_root;
use anyhow::{Context, Result};

use crate::process::cargo;

/// Runs this very command line again with the model code; `what` names what has to be built.
pub fn again(what: &str) -> Result<()> {
    // Beside the output, which a program may read.
    eprintln!("==> building {what} (the first time takes a minute)");
    let mut again = cargo();
    again
        // Paths on the command line are relative to where the person stands.
        .current_dir(std::env::current_dir().context("the working directory is gone")?)
        .args(["run", "--quiet", "--package", "xtask"])
        .args(["--features", "models", "--manifest-path"])
        .arg(workspace_root().join("Cargo.toml"))
        .arg("--")
        .args(std::env::args_os().skip(1));
    let status = again.status().context("cannot start cargo")?;
    if !status.success() {
        // Its one sentence is on the terminal; only the verdict is left to pass on.
        std::process::exit(status.code().unwrap_or(1));
    }
    Ok(())
}
