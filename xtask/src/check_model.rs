//! Opens a pack as the plugin would, and says what is right and wrong with it.
//!
//! Needs the model code with both runtimes, which the other commands do without: the command starts
//! this program again, built with the feature `models`.

use anyhow::{Context, Result};

use crate::arguments::Arguments;

/// `cargo xtask check-model PATH`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let pack = arguments
        .positional()
        .context("check-model PATH says which pack: an .onnx, a folder or an .afterimage")?;
    arguments.finish()?;
    let pack = std::path::absolute(pack).context("the working directory is gone")?;
    check(&pack)
}

#[cfg(feature = "models")]
fn check(pack: &std::path::Path) -> Result<()> {
    use afterimage_neural::{Runtime, check_model};

    let runtime = match crate::runtime_library::provide()? {
        Some(library) => Runtime::from_library(&library),
        None => Runtime::embedded(),
    };
    let check = check_model(pack, &runtime);
    print!("{}", check.text);
    anyhow::ensure!(
        check.is_sound,
        "{} is not ready to be played",
        pack.display()
    );
    Ok(())
}

#[cfg(not(feature = "models"))]
fn check(pack: &std::path::Path) -> Result<()> {
    use crate::process::{cargo, say};

    say("building the checker (the first time takes a minute)");
    let mut again = cargo();
    again
        .args([
            "run",
            "--quiet",
            "--package",
            "xtask",
            "--features",
            "models",
            "--",
            "check-model",
        ])
        .arg(pack);
    let status = again.status().context("cannot start cargo")?;
    // The report is on the terminal; only its verdict is left to pass on.
    anyhow::ensure!(status.success(), "the check did not pass");
    Ok(())
}
