//! What a session saves besides parameters: which pack it plays. Main thread, loader thread.
//!
//! Loading state does not re-activate the plugin, so `set` only leaves the wish in a mailbox and
//! wakes the loader; it may be called from inside the audio callback by the framework.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use afterimage_engine::{Engine, LoadGuard};
use afterimage_neural::Pack;
use nice_plug::params::persist::PersistentField;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Version of the saved model reference; older ones are migrated by serde's defaults.
pub const REFERENCE_VERSION: u32 = 1;

/// A pack as a session names it: by id and hash, never by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelReference {
    /// Version of this record.
    pub version: u32,
    /// The manifest's id; empty means the pack the plugin opens with.
    pub id: String,
    /// SHA-256 of the pack, hexadecimal; empty accepts any version.
    pub hash: String,
    /// Where it was loaded from, if it did not come with the plugin.
    pub path: Option<PathBuf>,
    /// The backend that rendered the session, so that a fallback can be announced.
    pub backend: String,
}

impl Default for ModelReference {
    fn default() -> Self {
        Self {
            version: REFERENCE_VERSION,
            id: String::new(),
            hash: String::new(),
            path: None,
            backend: String::new(),
        }
    }
}

impl ModelReference {
    /// Names a pack that plays.
    pub fn to(pack: &Pack, path: Option<PathBuf>, backend: &str) -> Self {
        Self {
            version: REFERENCE_VERSION,
            id: pack.manifest().id.clone(),
            hash: pack.hash().to_owned(),
            path,
            backend: backend.to_owned(),
        }
    }

    /// Whether it names no pack, so that the plugin's own is meant.
    pub fn names_none(&self) -> bool {
        self.id.is_empty() && self.path.is_none()
    }
}

/// A sound that the knobs are to be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceSource {
    /// A WAV or FLAC file.
    File(PathBuf),
    /// The newest take of sound.
    LastTake,
}

/// How the shelf is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShelfWish {
    /// Only read.
    Read,
    /// Made for a person who looks at it: with a folder to put packs into.
    ReadAndMakeFolder,
}

/// The saved reference and the mailbox of wishes to load another.
#[derive(Clone, Default)]
pub struct ModelField {
    cell: Arc<ModelCell>,
}

#[derive(Default)]
struct ModelCell {
    reference: Mutex<ModelReference>,
    wish: Mutex<Option<(ModelReference, Option<LoadGuard>)>>,
    shelf_wish: Mutex<Option<ShelfWish>>,
    /// Hash of the pack that a person chose, until its controls were set.
    chosen: Mutex<Option<String>>,
    place_wish: Mutex<Option<PlaceSource>>,
    /// Hash of the pack in whose latent space a sound was placed, and its place, until the knobs stand there.
    placed: Mutex<Option<(String, Vec<f32>)>>,
    engine: OnceLock<Arc<Engine>>,
    loader: Mutex<Option<Thread>>,
}

impl ModelField {
    /// Asks the loader for a pack. The reference itself changes only when the load succeeds or the
    /// session said so.
    pub fn wish(&self, reference: ModelReference) {
        // Announced here, so that an offline render that starts right now waits for the load.
        let announced = self.cell.engine.get().map(Engine::announce_load);
        *self.cell.wish.lock() = Some((reference, announced));
        self.wake_loader();
    }

    /// Asks the loader for a pack of the shelf that a person chose: once it plays, its controls go to
    /// where it opens. Window thread.
    pub fn choose(&self, reference: ModelReference) {
        *self.cell.chosen.lock() = Some(reference.hash.clone());
        self.wish(reference);
    }

    /// Whether the pack that plays now was chosen and its controls were not set yet; says so once.
    /// Window thread.
    pub fn take_chosen(&self, playing_hash: &str) -> bool {
        let mut chosen = self.cell.chosen.lock();
        let plays = chosen.as_deref() == Some(playing_hash);
        plays && chosen.take().is_some()
    }

    /// Asks the loader where a sound lies in the pack's latent space. Window thread.
    pub fn wish_place(&self, source: PlaceSource) {
        *self.cell.place_wish.lock() = Some(source);
        self.wake_loader();
    }

    /// Takes the newest sound that is to be placed. Loader thread.
    pub fn take_place_wish(&self) -> Option<PlaceSource> {
        self.cell.place_wish.lock().take()
    }

    /// Leaves the place of a sound, in knob units, in the pack of that hash. Loader thread.
    pub fn put_place(&self, pack_hash: &str, place: Vec<f32>) {
        *self.cell.placed.lock() = Some((pack_hash.to_owned(), place));
    }

    /// Where the knobs are to stand, said once; nothing if the pack changed meanwhile. Window thread.
    pub fn take_place(&self, playing_hash: &str) -> Option<Vec<f32>> {
        let placed = self.cell.placed.lock().take();
        placed
            .filter(|(hash, _)| hash == playing_hash)
            .map(|(_, place)| place)
    }

    /// Asks the loader to read the shelf. Window thread.
    pub fn wish_shelf(&self, wish: ShelfWish) {
        *self.cell.shelf_wish.lock() = Some(wish);
        self.wake_loader();
    }

    /// Takes the newest wish for the shelf. Loader thread.
    pub fn take_shelf_wish(&self) -> Option<ShelfWish> {
        self.cell.shelf_wish.lock().take()
    }

    fn wake_loader(&self) {
        if let Some(loader) = &*self.cell.loader.lock() {
            loader.unpark();
        }
    }

    /// Takes the newest wish. Loader thread.
    ///
    /// The guard keeps the load announced; drop it when the load has ended.
    pub fn take_wish(&self) -> Option<(ModelReference, Option<LoadGuard>)> {
        self.cell.wish.lock().take()
    }

    /// True while a wish waits to be taken.
    pub fn has_wish(&self) -> bool {
        self.cell.wish.lock().is_some()
    }

    /// Names the engine that loads are announced to. The first call counts.
    pub fn set_engine(&self, engine: Arc<Engine>) {
        let _ = self.cell.engine.set(engine);
    }

    /// Names the thread that `wish` wakes.
    pub fn set_loader(&self, thread: Option<Thread>) {
        *self.cell.loader.lock() = thread;
    }

    /// The reference a session would save now.
    pub fn reference(&self) -> ModelReference {
        self.cell.reference.lock().clone()
    }

    /// Records what is loaded now.
    pub fn record(&self, reference: ModelReference) {
        *self.cell.reference.lock() = reference;
    }
}

impl PersistentField<'_, ModelReference> for ModelField {
    fn set(&self, new_value: ModelReference) {
        // Kept even when the load fails: saving again must not lose what the session asked for.
        *self.cell.reference.lock() = new_value.clone();
        self.wish(new_value);
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&ModelReference) -> R,
    {
        f(&self.cell.reference.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::{ModelField, ModelReference, PlaceSource};
    use nice_plug::params::persist::PersistentField;

    fn reference(id: &str) -> ModelReference {
        ModelReference {
            id: id.into(),
            ..ModelReference::default()
        }
    }

    #[test]
    fn loading_state_leaves_one_wish_the_newest() {
        let field = ModelField::default();
        field.set(reference("first"));
        field.set(reference("second"));
        let wish = field.take_wish().map(|(wish, _)| wish);
        assert_eq!(wish, Some(reference("second")));
        assert!(field.take_wish().is_none());
    }

    #[test]
    fn a_session_keeps_its_reference_until_another_is_recorded() {
        let field = ModelField::default();
        field.set(reference("missing"));
        field.take_wish();
        assert_eq!(field.map(Clone::clone), reference("missing"));
    }

    #[test]
    fn an_older_record_without_fields_still_reads() {
        let old: ModelReference = serde_json::from_str(r#"{"id":"a"}"#).expect("reads");
        assert_eq!(old, reference("a"));
    }

    #[test]
    fn a_place_is_given_once_and_only_to_the_pack_it_was_found_in() {
        let field = ModelField::default();
        field.wish_place(PlaceSource::LastTake);
        assert_eq!(field.take_place_wish(), Some(PlaceSource::LastTake));
        assert_eq!(field.take_place_wish(), None);
        field.put_place("ab", vec![0.5]);
        assert_eq!(field.take_place("ab"), Some(vec![0.5]));
        assert_eq!(field.take_place("ab"), None);
        field.put_place("ab", vec![0.5]);
        assert_eq!(field.take_place("cd"), None);
        assert_eq!(field.take_place("ab"), None);
    }

    #[test]
    fn a_chosen_pack_asks_for_its_opening_once_and_only_when_it_plays() {
        let field = ModelField::default();
        let reference = ModelReference {
            hash: "ab".to_owned(),
            ..ModelReference::default()
        };
        field.wish(reference.clone());
        assert!(!field.take_chosen("ab"), "a session's knobs stay");
        field.choose(reference);
        assert!(!field.take_chosen("cd"));
        assert!(field.take_chosen("ab"));
        assert!(!field.take_chosen("ab"));
    }
}
