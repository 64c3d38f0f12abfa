//! Keeps takes: fetches finished ones, writes them, and does what the window wants of them.
//!
//! One thread an instance, woken by wishes and four times a second. A take that cannot be written
//! stays in memory and is tried again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use afterimage_engine::continuation::Continuer;
use afterimage_neural::shelf::user_data_folder;
use parking_lot::Mutex;

use super::audition::AuditionLink;
use super::desk::TakesDesk;
use super::store::{CAP_BYTES, Store, WholeTake};
use super::work::{Places, Sources, Work};

/// Names a folder of takes other than the user's. Tools and tests set it; nothing else does.
pub const FOLDER_VARIABLE: &str = "AFTERIMAGE_TAKES_FOLDER";
/// Between two looks for finished takes.
const PERIOD: Duration = Duration::from_millis(250);

/// The keeper of one instance.
pub struct Keeper {
    work: Arc<Mutex<Work>>,
    stop: Arc<AtomicBool>,
    desk: TakesDesk,
    thread: Option<JoinHandle<()>>,
}

/// Gives the next finished take, if there is one.
pub type FinishedTakes = Box<dyn FnMut() -> Option<WholeTake> + Send>;
/// Gives a continuer of its own for a take, the one that is chosen now; or a sentence.
pub type FreshContinuer = Box<dyn Fn() -> Result<Box<dyn Continuer>, String> + Send>;
/// Tells the host's rate in hertz; 0 while it is not known.
pub type HostRate = Box<dyn Fn() -> u32 + Send>;

impl Keeper {
    /// A keeper in the user's data folder that does nothing until it is started.
    pub fn new(desk: &TakesDesk, link: &Arc<AuditionLink>, sources: Sources) -> Self {
        let work = Work::new(desk.clone(), Arc::clone(link), sources, places());
        Self {
            work: Arc::new(Mutex::new(work)),
            stop: Arc::default(),
            desk: desk.clone(),
            thread: None,
        }
    }

    /// Starts the thread if it does not run. Idempotent. Main thread.
    pub fn start(&mut self) {
        if self.thread.is_some() {
            return;
        }
        let (work, stop) = (Arc::clone(&self.work), Arc::clone(&self.stop));
        let run = move || {
            while !stop.load(Ordering::Acquire) {
                let is_making = work.lock().step();
                if !is_making {
                    std::thread::park_timeout(PERIOD);
                }
            }
        };
        // Without a thread the takes are written when the host deactivates.
        if let Ok(thread) = Builder::new().name("afterimage-takes".into()).spawn(run) {
            self.desk.set_keeper(Some(thread.thread().clone()));
            self.thread = Some(thread);
        }
    }

    /// Writes what is finished before the host goes on, and says where this instance's takes lie.
    /// Main thread.
    pub fn settle(&self) -> Vec<PathBuf> {
        let mut work = self.work.lock();
        work.step();
        work.written().to_vec()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.desk.set_keeper(None);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join(); // what it could not write is tried once more
        }
        self.work.lock().last_step();
    }
}

/// The folder of takes.
pub fn store() -> Store {
    places().store
}

/// The user's folders, or temporary ones where there is no home.
fn places() -> Places {
    let data = user_data_folder().unwrap_or_else(|| std::env::temp_dir().join("afterimage"));
    let given = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    Places {
        store: Store::new(given.unwrap_or_else(|| data.join("takes")), CAP_BYTES),
        exports: data.join("exports"),
    }
}
