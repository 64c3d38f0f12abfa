//! The packs that can be chosen: linked in, installed beside this binary, in the user's folder.
//!
//! The loader thread reads them; the window draws from a copy. Nothing here is for the audio thread.

use std::path::PathBuf;
use std::sync::Arc;

use afterimage_neural::Pack;
use afterimage_neural::shelf::{PackFacts, Place, ShelfPack, packs_in, user_packs_folder};
use parking_lot::RwLock;

use crate::locate;
use crate::opening;
use crate::state::ModelReference;

/// Folder of packs among the bundle's resources.
const INSTALLED_FOLDER: &str = "packs";

/// What lay on the shelf when it was last read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shelf {
    /// Each pack once, in the order of [`Place`], then of file names.
    pub packs: Vec<ShelfPack>,
    /// False until it was read for the first time.
    pub is_read: bool,
    /// Where a user's own packs are looked for, whether or not that folder exists.
    pub user_folder: Option<PathBuf>,
}

/// Shared between loader and window.
pub type SharedShelf = Arc<RwLock<Arc<Shelf>>>;

/// Where packs are looked for besides the binary itself.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Folders that came with the plugin.
    pub installed: Vec<PathBuf>,
    /// The user's own.
    pub user: Option<PathBuf>,
}

impl Places {
    /// The places of this very binary and this user.
    pub fn here() -> Self {
        let resources = locate::resource_folders().into_iter();
        Self {
            installed: resources
                .map(|folder| folder.join(INSTALLED_FOLDER))
                .collect(),
            user: user_packs_folder(),
        }
    }

    /// Makes the user's folder, so that there is a place to put packs into. A person who may not
    /// make it learns that from the file manager.
    pub fn make_user_folder(&self) {
        let _ = self.user.as_ref().map(std::fs::create_dir_all);
    }

    fn files(&self) -> impl Iterator<Item = (Place, PathBuf)> {
        let installed = self
            .installed
            .iter()
            .map(|folder| (Place::Installed, folder));
        let user = self.user.iter().map(|folder| (Place::User, folder));
        installed
            .chain(user)
            .flat_map(|(place, folder)| packs_in(folder).into_iter().map(move |path| (place, path)))
    }
}

/// Opens every pack there is and keeps what each says. Takes a second where there are many.
pub fn read(places: &Places) -> Shelf {
    let embedded = opening::embedded().iter();
    let embedded = embedded.map(|pack| ShelfPack::new(pack.name, Place::Embedded, pack.open()));
    let files = places.files();
    let files = files.map(|(place, path)| ShelfPack::read(&path, place));
    let mut packs: Vec<ShelfPack> = Vec::new();
    for pack in embedded.chain(files) {
        let is_same = |other: &ShelfPack| match (&pack.content, &other.content) {
            (Ok(one), Ok(other)) => one.hash == other.hash,
            _ => false,
        };
        // The resources of both plugin formats hold the same packs.
        if !packs.iter().any(is_same) {
            packs.push(pack);
        }
    }
    Shelf {
        packs,
        is_read: true,
        user_folder: places.user.clone(),
    }
}

/// Opens the pack that a session or the window names: by its path, else by its id on the shelf.
///
/// Among packs of one id the one with the very hash comes first, then the first in the order of
/// [`Place`].
///
/// # Errors
/// One sentence.
pub fn find(wish: &ModelReference, places: &Places) -> Result<Pack, String> {
    if let Some(path) = &wish.path
        && (path.exists() || wish.id.is_empty())
    {
        return Pack::open(path).map_err(|error| error.to_string());
    }
    if wish.id.is_empty() {
        return opening::pack().map_err(|error| error.to_string());
    }
    let embedded = opening::embedded().iter().map(opening::EmbeddedPack::open);
    let files = places.files().map(|(_, path)| Pack::open(&path));
    let mut other_version = None;
    for pack in embedded.chain(files).flatten() {
        if pack.manifest().id != wish.id {
            continue;
        }
        if wish.hash.is_empty() || pack.hash() == wish.hash {
            return Ok(pack);
        }
        other_version.get_or_insert(pack);
    }
    other_version.ok_or_else(|| is_missing(&wish.id, places))
}

fn is_missing(id: &str, places: &Places) -> String {
    let folder = places.user.clone();
    format!(
        "This session plays the pack '{id}', which is not on this machine; put it into {} and load the session again. \
         The session keeps asking for it.",
        folder
            .unwrap_or_else(|| PathBuf::from("the packs folder"))
            .display()
    )
}

/// What stands under one heading of the shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Packs that notes can play.
    Instruments,
    /// Packs that their makers tagged as below target.
    Lab,
    /// Packs that continue notes or sound.
    Composers,
    /// Packs that do something else.
    Others,
    /// Files that cannot be opened.
    Unreadable,
}

impl Section {
    /// In the order of the window.
    pub const ALL: [Self; 5] = [
        Self::Instruments,
        Self::Composers,
        Self::Lab,
        Self::Others,
        Self::Unreadable,
    ];

    /// Where `pack` stands.
    pub fn of(pack: &ShelfPack) -> Self {
        match &pack.content {
            Err(_) => Self::Unreadable,
            Ok(facts) if facts.is_lab() => Self::Lab,
            Ok(facts) if facts.is_instrument() => Self::Instruments,
            Ok(facts) if facts.is_composer() || facts.is_continuer() => Self::Composers,
            Ok(_) => Self::Others,
        }
    }
}

impl Shelf {
    /// The packs of one section.
    pub fn section(&self, section: Section) -> impl Iterator<Item = &ShelfPack> {
        let packs = self.packs.iter();
        packs.filter(move |pack| Section::of(pack) == section)
    }

    /// The instrument `by` places after the one that plays, round and round; from elsewhere, the
    /// first or the last. `None` where that is the one that plays.
    pub fn stepped(&self, playing_hash: &str, by: isize) -> Option<&PackFacts> {
        let instruments = self.section(Section::Instruments);
        let instruments: Vec<&PackFacts> = instruments
            .filter_map(|pack| pack.content.as_ref().ok())
            .collect();
        let count = instruments.len() as isize;
        let now = instruments
            .iter()
            .position(|facts| facts.hash == playing_hash);
        let next = match now {
            Some(now) => now as isize + by,
            None if by > 0 => by - 1,
            None => by,
        };
        let next = next.checked_rem_euclid(count)? as usize;
        (now != Some(next)).then(|| instruments[next])
    }
}

/// The reference that chooses this very pack.
pub fn reference_to(facts: &PackFacts) -> ModelReference {
    ModelReference {
        id: facts.manifest.id.clone(),
        hash: facts.hash.clone(),
        ..ModelReference::default()
    }
}

#[cfg(test)]
pub(crate) mod tests;
