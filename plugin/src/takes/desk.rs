//! Between the window, the session and the keeper: wishes one way, the list the other. Any thread but
//! the audio thread, except that the framework may load a state inside the callback.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::Thread;

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::record::TakeRecord;
use super::session::PackedTake;
use super::sound::WavForm;

/// What a person wants of a take, by its id.
#[derive(Clone, Debug, PartialEq)]
pub enum TakeWish {
    /// Another name.
    Name(String, String),
    /// Never make room with it, and let it travel in the session.
    Keep(String),
    /// The end of that.
    LetGo(String),
    /// Away with it.
    Delete(String),
    /// Let it be heard.
    Audition(String),
    /// Another one of sound from the same prompt, with the next seed.
    Another(String),
    /// End what is auditioned.
    Hush,
    /// A WAV file of its own.
    ExportSound(String, WavForm),
    /// A MIDI file of its own.
    ExportNotes(String),
    /// Put the session's takes into the folder.
    Unpack,
}

/// What the window shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TakeList {
    /// The newest first.
    pub takes: Vec<TakeRecord>,
    /// The one that is heard.
    pub auditioned: Option<String>,
    /// One sentence when something needs the person's attention, or says where a file went.
    pub sentence: String,
}

/// Shared by all that know of takes.
#[derive(Clone, Default)]
pub struct TakesDesk {
    cell: Arc<Cell>,
}

#[derive(Default)]
struct Cell {
    wishes: Mutex<VecDeque<TakeWish>>,
    list: RwLock<Arc<TakeList>>,
    packed: Mutex<Vec<PackedTake>>,
    keeper: Mutex<Option<Thread>>,
}

impl TakesDesk {
    /// Leaves a wish for the keeper.
    pub fn wish(&self, wish: TakeWish) {
        self.cell.wishes.lock().push_back(wish);
        if let Some(keeper) = &*self.cell.keeper.lock() {
            keeper.unpark();
        }
    }

    /// Takes the oldest wish. Keeper thread.
    pub fn next_wish(&self) -> Option<TakeWish> {
        self.cell.wishes.lock().pop_front()
    }

    /// What the window shows now.
    pub fn list(&self) -> Arc<TakeList> {
        Arc::clone(&self.cell.list.read())
    }

    /// Shows another list. Keeper thread.
    pub fn publish(&self, list: TakeList) {
        *self.cell.list.write() = Arc::new(list);
    }

    /// The takes that a session saves now.
    pub fn packed(&self) -> MutexGuard<'_, Vec<PackedTake>> {
        self.cell.packed.lock()
    }

    /// Replaces them.
    pub fn set_packed(&self, packed: Vec<PackedTake>) {
        *self.cell.packed.lock() = packed;
    }

    /// Names the thread that a wish wakes.
    pub fn set_keeper(&self, thread: Option<Thread>) {
        *self.cell.keeper.lock() = thread;
    }
}
