//! A copy of the CLAP bundle that a test may change or damage.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::bundle::{self, INSTRUMENT_ID};
use crate::host::Session;

const RESOURCES: &str = "Afterimage.resources";

/// The copy; it goes with the value.
pub struct BundleCopy {
    folder: PathBuf,
}

impl BundleCopy {
    /// Copies the release bundle; `name` keeps the copies of parallel tests apart.
    ///
    /// # Errors
    /// When the bundle has not been built or cannot be copied.
    pub fn new(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("afterimage-{name}-{}", std::process::id()));
        let copy = Self { folder };
        copy_tree(&bundle::folder().join(RESOURCES), &copy.resources())?;
        fs::copy(bundle::clap()?, copy.folder.join("Afterimage.clap"))?;
        Ok(copy)
    }

    /// The folder that holds the copy.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder beside the binary.
    pub fn resources(&self) -> PathBuf {
        self.folder.join(RESOURCES)
    }

    /// The runtime library among the resources.
    ///
    /// # Errors
    /// When the bundle was built without.
    pub fn runtime(&self) -> Result<PathBuf> {
        let mut files =
            fs::read_dir(self.resources())?.filter_map(|entry| Some(entry.ok()?.path()));
        files
            .find(|path| path.to_string_lossy().contains("onnxruntime"))
            .context("the bundle holds no runtime")
    }

    /// An instance of the copied plugin.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn session(&self) -> Result<Session> {
        Session::load(&self.folder.join("Afterimage.clap"), INSTRUMENT_ID)
    }
}

impl Drop for BundleCopy {
    fn drop(&mut self) {
        // Best effort: a temporary folder that stays harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let into = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &into)?;
        } else {
            fs::copy(entry.path(), into)?;
        }
    }
    Ok(())
}
