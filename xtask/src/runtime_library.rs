//! Fetches the pinned inference runtime once, verifies it, keeps it under `target/runtime`.
//!
//! It is taken out of a Python wheel, since that is where its makers put prebuilt libraries for
//! every platform. When it cannot be had, the plugin runs on its embedded runtime: said, not fatal.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::platform::{self, RUNTIME_VERSION, Runtime};
use crate::process::{command, run_quietly, say};
use crate::system;

/// Where the runtime library lies when there is one.
pub fn path() -> PathBuf {
    let runtime = platform::current()
        .ok()
        .and_then(|platform| platform.runtime.as_ref());
    let name = runtime.map_or("none", |runtime| runtime.name);
    afterimage_tests::bundle::target_folder()
        .join("runtime")
        .join(name)
}

/// The runtime library, fetched if need be; nothing when this machine has to do without.
pub fn provide() -> Result<Option<PathBuf>> {
    let platform = platform::current()?;
    let Some(runtime) = &platform.runtime else {
        say(&format!(
            "no runtime library is made for {} on {}: the embedded one is used",
            platform.os, platform.arch
        ));
        return Ok(None);
    };
    let library = path();
    let folder = library
        .parent()
        .context("the runtime lies in no folder")?
        .to_owned();
    if library.exists() && sha256(&library)? == runtime.sha256 {
        return Ok(Some(library));
    }
    system::provide(&system::FETCH)?;
    say(&format!("fetching the inference runtime {RUNTIME_VERSION}"));
    match fetch(runtime, &folder, &library) {
        Ok(()) => Ok(Some(library)),
        Err(error) => {
            println!("    cannot fetch it: {error:#}");
            println!(
                "    the bundle will run on its embedded runtime instead; sounds are the same, decoding is slower"
            );
            Ok(None)
        }
    }
}

fn fetch(runtime: &Runtime, folder: &Path, library: &Path) -> Result<()> {
    let download = folder.join("download");
    fs::create_dir_all(&download).with_context(|| format!("cannot make {}", download.display()))?;
    run_quietly(
        command("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--python-version",
                "3.12",
            ])
            .args(["--platform", runtime.wheel])
            .arg(format!("onnxruntime=={RUNTIME_VERSION}"))
            .arg("--dest")
            .arg(&download),
        "download the runtime with pip",
    )?;
    let wheel = fs::read_dir(&download)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel")?;
    run_quietly(
        command("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(&wheel)
            .arg(&download),
        "unpack the runtime's wheel",
    )?;
    let member = download.join(runtime.member);
    let found = sha256(&member)?;
    ensure!(
        found == runtime.sha256,
        "the library in the wheel has SHA-256 {found}, but {} is pinned; it is not used",
        runtime.sha256
    );
    fs::rename(&member, library)
        .with_context(|| format!("cannot put {} in place", library.display()))?;
    fs::remove_dir_all(&download).with_context(|| format!("cannot remove {}", download.display()))
}

fn sha256(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
