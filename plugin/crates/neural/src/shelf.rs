//! What packs lie where, and what each says of itself. Loader thread and tools: reads whole files.
//!
//! Listing opens and checks every pack as loading does, and runs none.

use std::path::{Path, PathBuf};

use crate::continuers::is_continuer;
use crate::error::PackError;
use crate::events::is_event_model;
use crate::manifest::{Manifest, Task};
use crate::pack::{FOREIGN_ENDINGS, MANIFEST_FILE, Pack, name_of};

/// File endings that a pack may have.
const PACK_ENDINGS: [&str; 2] = ["onnx", "afterimage"];
/// Tag of a pack that is below the numbers its makers aimed at.
const LAB_TAG: &str = "lab";

/// Where a pack of the shelf lies. In the order in which a session looks for its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Linked into the plugin.
    Embedded,
    /// Among the resources beside the plugin.
    Installed,
    /// In the user's own folder.
    User,
}

impl Place {
    /// The word in lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Installed => "installed",
            Self::User => "user",
        }
    }
}

/// One row of the shelf.
#[derive(Clone, Debug, PartialEq)]
pub struct ShelfPack {
    /// Name of the file or folder.
    pub file: String,
    /// Where it lies.
    pub place: Place,
    /// What it says of itself, or the one sentence that says why it cannot be opened.
    pub content: Result<PackFacts, String>,
}

/// What an opened pack says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct PackFacts {
    /// Its manifest.
    pub manifest: Manifest,
    /// Hexadecimal SHA-256, as [`Pack::hash`].
    pub hash: String,
}

impl ShelfPack {
    /// The row of a pack that was opened, or was not.
    pub fn new(file: &str, place: Place, opened: Result<Pack, PackError>) -> Self {
        let facts = |pack: Pack| PackFacts {
            manifest: pack.manifest().clone(),
            hash: pack.hash().to_owned(),
        };
        Self {
            file: file.to_owned(),
            place,
            content: opened.map(facts).map_err(|error| error.to_string()),
        }
    }

    /// Opens the pack at `path` and keeps what it says.
    pub fn read(path: &Path, place: Place) -> Self {
        Self::new(&name_of(path), place, Pack::open(path))
    }
}

impl PackFacts {
    /// True for a pack that its makers tagged as below its target.
    pub fn is_lab(&self) -> bool {
        self.manifest.tags.iter().any(|tag| tag == LAB_TAG)
    }

    /// True for a pack that notes can play: other tasks make no instrument.
    pub fn is_instrument(&self) -> bool {
        self.manifest.tasks.contains(&Task::Play)
    }

    /// Whether it can continue sound.
    pub fn is_continuer(&self) -> bool {
        is_continuer(&self.manifest)
    }

    /// Whether it can continue notes.
    pub fn is_composer(&self) -> bool {
        is_event_model(&self.manifest)
    }
}

/// Files and folders of `folder` that may be packs, or that a person may take for one, in the order of
/// their names. None where there is no such folder.
pub fn packs_in(folder: &Path) -> Vec<PathBuf> {
    let is_pack = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        path.join(MANIFEST_FILE).is_file()
            || ending.is_some_and(|ending| {
                PACK_ENDINGS.contains(&ending) || FOREIGN_ENDINGS.contains(&ending)
            })
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(is_pack).collect();
    paths.sort();
    paths
}

/// Where a user's own packs lie, whether or not that folder exists: `packs` in
/// [`user_data_folder`].
pub fn user_packs_folder() -> Option<PathBuf> {
    Some(user_data_folder()?.join("packs"))
}

/// Where everything lies that a user's instances share, whether or not that folder exists.
///
/// `$XDG_DATA_HOME/afterimage` or `~/.local/share/afterimage`; on macOS
/// `~/Library/Application Support/afterimage`; on Windows `%APPDATA%\afterimage`.
pub fn user_data_folder() -> Option<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = if cfg!(target_os = "windows") {
        variable("APPDATA")?
    } else if cfg!(target_os = "macos") {
        variable("HOME")?.join("Library/Application Support")
    } else {
        variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")))?
    };
    Some(base.join("afterimage"))
}

#[cfg(test)]
mod tests {
    use super::{Place, ShelfPack, packs_in, user_packs_folder};
    use std::path::Path;

    #[test]
    fn the_users_folder_is_absolute_and_our_own() {
        let folder = user_packs_folder().expect("a machine with a home folder");
        assert!(folder.is_absolute() && folder.ends_with("afterimage/packs"));
    }

    #[test]
    fn a_folder_that_is_not_there_holds_no_packs() {
        assert!(packs_in(Path::new("/nowhere/packs")).is_empty());
    }

    #[test]
    fn only_files_with_a_packs_ending_are_looked_at_in_the_order_of_their_names() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let found = packs_in(&fixtures);
        assert!(found.iter().any(|path| path.ends_with("good.onnx")));
        assert!(!found.iter().any(|path| path.ends_with("make.py")));
        assert!(found.is_sorted());
    }

    #[test]
    fn a_bad_file_is_a_row_with_the_sentence_that_opening_it_gives() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let good = ShelfPack::read(&fixtures.join("good.onnx"), Place::User);
        assert!(
            good.content
                .is_ok_and(|facts| facts.is_instrument() && !facts.is_lab())
        );
        let bad = ShelfPack::read(&fixtures.join("plain.onnx"), Place::User);
        let sentence = bad.content.expect_err("it has no manifest");
        assert!(sentence.contains("plain.onnx"), "{sentence}");
    }
}
