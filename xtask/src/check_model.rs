//! Opens a pack as the plugin would, and says what is right and wrong with it.
//!
//! Needs the model code with both runtimes: see [`crate::with_models`].

#[cfg(feature = "models")]
use anyhow::Context;
use anyhow::Result;

use crate::arguments::Arguments;

/// `cargo xtask check-model PACK`.
#[cfg(not(feature = "models"))]
pub fn command(_: Arguments) -> Result<()> {
    crate::with_models::again("the checker")
}

/// `cargo xtask check-model PACK`; of a pack that continues sound, what it makes of `--heard FILE|FOLDER`.
#[cfg(feature = "models")]
pub fn command(mut arguments: Arguments) -> Result<()> {
    let pack = arguments.positional().context(
        "check-model PACK says which: a name of the shelf, an .onnx, a folder or an .afterimage",
    )?;
    let wish = crate::continued::Wish::read(&mut arguments)?;
    arguments.finish()?;
    check(&place(&pack)?, &wish)
}

/// Where the pack lies that `word` names, on the shelf or by a path.
#[cfg(feature = "models")]
fn place(word: &str) -> Result<std::path::PathBuf> {
    use crate::packs::{Named, named};
    use afterimage_neural::shelf::{Place, ShelfPack, packs_in, user_packs_folder};

    let id = match named(word)? {
        Named::Shipped(pack) => return Ok(pack.path()),
        Named::At(path) => return Ok(path),
        Named::Other(id) => id,
    };
    let own = user_packs_folder().map(|folder| packs_in(&folder));
    let is_meant = |path: &std::path::PathBuf| {
        let content = ShelfPack::read(path, Place::User).content;
        content.is_ok_and(|facts| facts.manifest.id == id)
    };
    own.into_iter().flatten().find(is_meant).with_context(|| {
        format!("'{id}' is neither a file nor on the shelf; `cargo xtask packs` lists what is")
    })
}

#[cfg(feature = "models")]
fn check(pack: &std::path::Path, wish: &crate::continued::Wish) -> Result<()> {
    use afterimage_neural::{Pack, Runtime, check_model, is_continuer};

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
    let opened = Pack::open(pack)?;
    if is_continuer(opened.manifest()) {
        wish.fulfil(&opened, &runtime)?;
    }
    Ok(())
}
