//! Opens a pack as the plugin would, and says what is right and wrong with it.
//!
//! Needs the model code with both runtimes: see [`crate::with_models`].

#[cfg(feature = "models")]
use std::path::Path;

#[cfg(feature = "models")]
use afterimage_neural::{BareModel, ImportFacts, Imported, Runtime};
#[cfg(feature = "models")]
use anyhow::Context;
use anyhow::Result;

use crate::arguments::Arguments;

/// `cargo xtask check-model PACK`.
#[cfg(not(feature = "models"))]
pub fn command(_: Arguments) -> Result<()> {
    crate::with_models::again("the checker")
}

/// `cargo xtask check-model PACK`; of a pack that continues sound, what it makes of `--heard FILE|FOLDER`; with
/// `--rate`, `--block` or another fact about a graph without a manifest, the pack that is made of it.
#[cfg(feature = "models")]
pub fn command(mut arguments: Arguments) -> Result<()> {
    let pack = arguments.positional().context(
        "check-model PACK says which: a name of the shelf, an .onnx, a folder or an .afterimage",
    )?;
    let facts = import_facts(&mut arguments)?;
    if facts != ImportFacts::default() {
        let out = arguments.path("--out")?;
        arguments.finish()?;
        let out = out.context("--out FOLDER says where the imported pack is to lie")?;
        return import(&place(&pack)?, &facts, &out);
    }
    let wish = crate::continued::Wish::read(&mut arguments)?;
    arguments.finish()?;
    check(&place(&pack)?, &wish)
}

/// What the command line says of a graph without a manifest.
#[cfg(feature = "models")]
fn import_facts(arguments: &mut Arguments) -> Result<ImportFacts> {
    Ok(ImportFacts {
        rate_hz: arguments.parsed("--rate")?,
        block: arguments.parsed("--block")?,
        latency: arguments.parsed("--latency")?,
        name: arguments.value("--name")?,
        license: arguments.value("--license")?,
    })
}

/// Makes a pack of a bare graph, and checks it as any other.
#[cfg(feature = "models")]
fn import(graph: &Path, facts: &ImportFacts, out: &Path) -> Result<()> {
    let imported = BareModel::open(graph)?.write(facts, out, &runtime()?)?;
    let Imported {
        folder,
        rate_hz,
        block,
        latency,
        ..
    } = &imported;
    let why = match (facts.latency, imported.measured_latency) {
        (Some(said), Some(measured)) if said != measured => {
            format!("as you said; a noise came back after {measured}")
        }
        (Some(_), _) => "as you said".to_owned(),
        (None, Some(_)) => "measured with a noise".to_owned(),
        (None, None) => "taken for none: a noise does not come back alike".to_owned(),
    };
    println!(
        "Imported into {}: {rate_hz} Hz, {block} samples a call, latency {latency} samples ({why})",
        folder.display()
    );
    println!("{}", imported.remark);
    check(folder, &crate::continued::Wish::default())
}

/// The runtime that packs are checked on, the embedded one where the library is not there.
#[cfg(feature = "models")]
pub fn runtime() -> Result<Runtime> {
    Ok(match crate::runtime_library::provide()? {
        Some(library) => Runtime::from_library(&library),
        None => Runtime::embedded(),
    })
}

/// Where the pack lies that `word` names, on the shelf or by a path.
#[cfg(feature = "models")]
fn place(word: &str) -> Result<std::path::PathBuf> {
    path_of(&crate::packs::named(word)?)
}

/// Where a pack lies that the command line named.
#[cfg(feature = "models")]
pub fn path_of(pack: &crate::packs::Named) -> Result<std::path::PathBuf> {
    use crate::packs::Named;
    use afterimage_neural::shelf::{Place, ShelfPack, packs_in, user_packs_folder};

    let id = match pack {
        Named::Shipped(pack) => return Ok(pack.path()),
        Named::At(path) => return Ok(path.clone()),
        Named::Other(id) => id,
    };
    let own = user_packs_folder().map(|folder| packs_in(&folder));
    let is_meant = |path: &std::path::PathBuf| {
        let content = ShelfPack::read(path, Place::User).content;
        content.is_ok_and(|facts| facts.manifest.id == *id)
    };
    own.into_iter().flatten().find(is_meant).with_context(|| {
        format!("'{id}' is neither a file nor on the shelf; `cargo xtask packs` lists what is")
    })
}

#[cfg(feature = "models")]
fn check(pack: &Path, wish: &crate::continued::Wish) -> Result<()> {
    use afterimage_neural::{Pack, check_model, is_continuer};

    let runtime = runtime()?;
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
