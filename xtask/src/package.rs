//! One archive of the bundles for this platform, to be handed to somebody else.

use std::fs;

use afterimage_tests::bundle::target_folder;
use anyhow::{Context, Result};

use crate::arguments::Arguments;
use crate::bundle::{self, Kind, NAME};
use crate::process::{command as program, run, say};

/// `cargo xtask package`.
pub fn command(arguments: Arguments) -> Result<()> {
    arguments.finish()?;
    let bundles = bundle::build(Kind::Release)?;
    let folder = target_folder().join("package");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name = format!(
        "{NAME}-{}-{}-{}.tar.gz",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let archive = folder.join(&name);
    let mut tar = program("tar");
    tar.arg("--create")
        .arg("--gzip")
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(&bundles);
    let mut members: Vec<_> = fs::read_dir(&bundles)?
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .collect();
    members.sort();
    run(tar.args(members), "pack the bundles")?;
    say(&format!(
        "{} holds the bundles; unpack it into a plugin folder",
        archive.display()
    ));
    Ok(())
}
