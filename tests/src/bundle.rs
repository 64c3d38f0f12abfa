//! Where the built bundles lie.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// CLAP id of the instrument.
pub const INSTRUMENT_ID: &str = "org.afterimage.instrument";
/// CLAP id of the audio effect.
pub const EFFECT_ID: &str = "org.afterimage.fx";
/// Names a folder of bundles other than `target/bundled`.
pub const BUNDLE_VARIABLE: &str = "AFTERIMAGE_BUNDLES";

/// The workspace's root folder.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The target folder that cargo uses here.
pub fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        // Joining an absolute path replaces the root, as wanted.
        Some(given) => workspace_root().join(given),
        None => workspace_root().join("target"),
    }
}

/// The folder of the release bundles.
pub fn folder() -> PathBuf {
    std::env::var_os(BUNDLE_VARIABLE).map_or_else(|| target_folder().join("bundled"), PathBuf::from)
}

/// The CLAP file of the release bundle.
///
/// # Errors
/// When it has not been built.
pub fn clap() -> Result<PathBuf> {
    existing(folder().join("Afterimage.clap"))
}

/// The VST3 folder of the release bundle.
///
/// # Errors
/// When it has not been built.
pub fn vst3() -> Result<PathBuf> {
    existing(folder().join("Afterimage.vst3"))
}

/// The CLAP file of the bundle with the allocation guard.
///
/// # Errors
/// When it has not been built.
pub fn guarded_clap() -> Result<PathBuf> {
    existing(
        target_folder()
            .join("bundled-debug")
            .join("Afterimage.clap"),
    )
}

/// The plugin that allocates in its callback when told to, built with the same guard.
///
/// # Errors
/// When it has not been built.
pub fn misbehaving_clap() -> Result<PathBuf> {
    existing(
        target_folder()
            .join("bundled-debug")
            .join("Misbehaving.clap"),
    )
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    ensure!(
        path.exists(),
        "{} does not exist; build it with: cargo xtask bundle",
        path.display()
    );
    Ok(path)
}
