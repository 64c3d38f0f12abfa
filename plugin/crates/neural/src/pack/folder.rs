//! A pack as a folder on disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Files, MAX_FILE_BYTES, path};
use crate::error::PackError;

/// A folder, its links resolved once.
pub(super) struct Folder {
    pack: String,
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(pack: &str, folder: &Path) -> Result<Self, PackError> {
        let root = folder
            .canonicalize()
            .map_err(|error| unreadable(pack, folder, &error))?;
        Ok(Self {
            pack: pack.to_owned(),
            root,
        })
    }
}

impl Files for Folder {
    fn read(&mut self, file: &str) -> Result<Option<Vec<u8>>, PackError> {
        path::check(&self.pack, file)?;
        let joined = self.root.join(file);
        let Ok(resolved) = joined.canonicalize() else {
            return Ok(None);
        };
        if !resolved.starts_with(&self.root) {
            let found = "it is a link to a place outside".to_owned();
            return Err(PackError::Escapes {
                pack: self.pack.clone(),
                path: file.to_owned(),
                found,
            });
        }
        if resolved.is_dir() {
            return Ok(None);
        }
        read_file(&self.pack, &resolved).map(Some)
    }
}

/// Reads a whole file, up to the largest size a pack's file may have.
pub(crate) fn read_file(pack: &str, file: &Path) -> Result<Vec<u8>, PackError> {
    let failed = |error: std::io::Error| unreadable(pack, file, &error);
    let metadata = fs::metadata(file).map_err(failed)?;
    if !metadata.is_file() {
        let found = "something that is neither a file nor a folder".to_owned();
        return Err(PackError::NotAPack {
            pack: pack.to_owned(),
            found,
        });
    }
    // The size may change while it is read: the reader is bounded too.
    let mut bytes = Vec::new();
    if metadata.len() <= MAX_FILE_BYTES {
        let open = fs::File::open(file).map_err(failed)?;
        open.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    let size = metadata.len().max(bytes.len() as u64);
    if size <= MAX_FILE_BYTES {
        return Ok(bytes);
    }
    Err(PackError::TooLarge {
        pack: pack.to_owned(),
        what: format!("'{}'", super::name_of(file)),
        limit: format!("{} MB", MAX_FILE_BYTES >> 20),
        found: format!("{} MB", size >> 20),
        advice: "export a smaller model",
    })
}

fn unreadable(pack: &str, path: &Path, error: &std::io::Error) -> PackError {
    PackError::Unreadable {
        pack: pack.to_owned(),
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
