//! Opens a pack as the plugin would, and says what is right and wrong with it.
//!
//! Needs the model code with both runtimes: see [`crate::with_models`].

#[cfg(feature = "models")]
use anyhow::Context;
use anyhow::Result;

use crate::arguments::Arguments;

/// `cargo xtask check-model PATH`.
#[cfg(not(feature = "models"))]
pub fn command(_: Arguments) -> Result<()> {
    crate::with_models::again("the checker")
}

/// `cargo xtask check-model PATH`.
#[cfg(feature = "models")]
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
