//! Builds the plugin and lays out its bundles, resources included.
//!
//! ```text
//! target/bundled/Afterimage.vst3/Contents/{x86_64-linux/Afterimage.so, Resources/...}
//! target/bundled/Afterimage.clap            and beside it  Afterimage.resources/...
//! ```
//! The resources are the inference runtime, the packs that `bundler.toml` puts beside the binary, and
//! the notices. With `--debug`
//! the same lies in `target/bundled-debug`, built with the guard that ends the process when the
//! callback allocates.

use std::fs;
use std::path::{Path, PathBuf};

use afterimage_tests::bundle::{target_folder, workspace_root};
use anyhow::{Context, Result, ensure};

use crate::arguments::Arguments;
use crate::platform::{self, Platform};
use crate::process::{cargo, run, say};
use crate::{packs, runtime_library, system};

/// Name of the bundles; `bundler.toml` says the same.
pub const NAME: &str = "Afterimage";
/// The package that holds the plugin.
const PACKAGE: &str = "afterimage";
/// The package that proves the guard.
const MISBEHAVING: &str = "afterimage-misbehaving";
/// Compiles the allocation guard into a debug build.
const GUARD_FEATURE: &str = "nice-plug/assert_process_allocs";

/// Which build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Optimised, for people.
    Release,
    /// With debug assertions and the allocation guard, for the tests.
    Guard,
}

impl Kind {
    /// The folder that holds the bundles.
    pub fn folder(self) -> PathBuf {
        target_folder().join(match self {
            Self::Release => "bundled",
            Self::Guard => "bundled-debug",
        })
    }

    fn cargo_folder(self) -> PathBuf {
        target_folder().join(match self {
            Self::Release => "release",
            Self::Guard => "debug",
        })
    }
}

/// `cargo xtask bundle`.
pub fn command(mut arguments: Arguments) -> Result<()> {
    let kind = if arguments.switch("--debug") {
        Kind::Guard
    } else {
        Kind::Release
    };
    let standalone = arguments.switch("--standalone");
    arguments.finish()?;
    system::provide(&system::BUILD)?;
    let folder = build(kind)?;
    if standalone {
        build_standalone(&folder)?;
    }
    say(&format!("bundles in {}", folder.display()));
    Ok(())
}

/// Builds the standalone instrument beside the bundles; it finds the resources of the CLAP there.
fn build_standalone(folder: &Path) -> Result<()> {
    system::provide(&system::STANDALONE)?;
    say("building the standalone");
    let mut build = cargo();
    build.args([
        "build",
        "--release",
        "--package",
        PACKAGE,
        "--bin",
        PACKAGE,
        "--features",
        "standalone",
    ]);
    run(&mut build, "build the standalone")?;
    let suffix = std::env::consts::EXE_SUFFIX;
    let built = Kind::Release
        .cargo_folder()
        .join(format!("{PACKAGE}{suffix}"));
    copy(&built, &folder.join(format!("{NAME}{suffix}")))
}

/// Builds and lays out the bundles; returns their folder.
pub fn build(kind: Kind) -> Result<PathBuf> {
    let platform = platform::current()?;
    packs::check(&packs::shipped()?)?;
    let runtime = runtime_library::provide()?;
    say(match kind {
        Kind::Release => "building the plugin (release; the first time takes minutes)",
        Kind::Guard => "building the plugin with the allocation guard",
    });
    let mut build = cargo();
    build.args(["build", "--package", PACKAGE]);
    match kind {
        Kind::Release => build.arg("--release"),
        // In one call with the plugin that proves the guard, so that both carry the same one.
        Kind::Guard => build.args(["--package", MISBEHAVING, "--features", GUARD_FEATURE]),
    };
    run(&mut build, "build the plugin")?;
    let folder = kind.folder();
    let resources = Resources { runtime };
    lay_out(platform, &kind.cargo_folder(), &folder, &resources)?;
    if kind == Kind::Guard {
        let library = platform
            .built_library
            .replace(PACKAGE, "afterimage_misbehaving");
        copy(
            &kind.cargo_folder().join(library),
            &folder.join("Misbehaving.clap"),
        )?;
    }
    Ok(folder)
}

/// Files that lie beside the binary.
struct Resources {
    runtime: Option<PathBuf>,
}

impl Resources {
    fn copy_to(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if let Some(runtime) = &self.runtime {
            copy(
                runtime,
                &folder.join(
                    runtime
                        .file_name()
                        .context("the runtime has no file name")?,
                ),
            )?;
        }
        packs::install_into(folder)?;
        for notice in ["LICENSE", "NOTICES.md", "THIRD-PARTY-NOTICES.md"] {
            let from = workspace_root().join(notice);
            if from.exists() {
                copy(&from, &folder.join(notice))?;
            }
        }
        Ok(())
    }
}

fn lay_out(platform: &Platform, built: &Path, folder: &Path, resources: &Resources) -> Result<()> {
    let library = built.join(platform.built_library);
    ensure!(
        library.exists(),
        "cargo built no {}; is the plugin's crate-type cdylib?",
        library.display()
    );
    // An older pack or runtime must not survive in a new bundle.
    for stale in [format!("{NAME}.vst3"), format!("{NAME}.resources")] {
        remove_if_there(&folder.join(stale))?;
    }
    let contents = folder.join(format!("{NAME}.vst3")).join("Contents");
    match platform.vst3_extension {
        Some(extension) => {
            copy(
                &library,
                &contents
                    .join(platform.vst3_folder)
                    .join(format!("{NAME}.{extension}")),
            )?;
            copy(&library, &folder.join(format!("{NAME}.clap")))?;
            resources.copy_to(&folder.join(format!("{NAME}.resources")))?;
        }
        None => {
            mac_binary(&library, &contents, "vst3")?;
            let clap = folder.join(format!("{NAME}.clap"));
            remove_if_there(&clap)?;
            mac_binary(&library, &clap.join("Contents"), "clap")?;
            resources.copy_to(&clap.join("Contents").join("Resources"))?;
        }
    }
    resources.copy_to(&contents.join("Resources"))?;
    Ok(())
}

/// macOS reads the binary's name and kind from property lists.
fn mac_binary(library: &Path, contents: &Path, format: &str) -> Result<()> {
    copy(library, &contents.join("MacOS").join(NAME))?;
    fs::write(contents.join("PkgInfo"), "BNDL????")?;
    let list = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CFBundleExecutable</key><string>{NAME}</string>
<key>CFBundleIdentifier</key><string>org.afterimage.instrument.{format}</string>
<key>CFBundleName</key><string>{NAME}</string>
<key>CFBundlePackageType</key><string>BNDL</string>
<key>CFBundleVersion</key><string>{version}</string>
<key>CFBundleShortVersionString</key><string>{version}</string>
</dict></plist>
"#,
        version = env!("CARGO_PKG_VERSION")
    );
    fs::write(contents.join("Info.plist"), list)
        .with_context(|| format!("cannot write into {}", contents.display()))
}

/// Copies a file, with the folders above it.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    // A host may have the old file mapped: a new file takes its place instead of its bytes.
    remove_if_there(to)?;
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
    } else if path.exists() {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Copies a file or a folder with everything in it.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return copy(from, to);
    }
    remove_if_there(to)?;
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{NAME, PACKAGE, workspace_root};

    #[test]
    fn the_name_is_the_one_in_bundler_toml() {
        let text = std::fs::read_to_string(workspace_root().join("bundler.toml")).unwrap();
        assert!(
            text.contains(&format!("[{PACKAGE}]\nname = \"{NAME}\"")),
            "{text}"
        );
    }
}
