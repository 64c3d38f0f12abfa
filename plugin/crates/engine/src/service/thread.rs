//! The one background thread: spawns, parks and joins it. What it does is [`Worker::step`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, Thread, park};

use super::worker::{Step, Worker};
use crate::precedence::ask_for_precedence;

/// A running worker thread. Stop it with [`stop_and_join`](Self::stop_and_join).
pub(super) struct WorkerThread {
    handle: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl WorkerThread {
    /// Spawns the thread. `on_start` runs on it before the first step.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn spawn(mut worker: Worker, on_start: fn()) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stop_seen = Arc::clone(&stop);
        let handle = Builder::new()
            .name("afterimage-worker".to_owned())
            .spawn(move || {
                let _ = ask_for_precedence();
                on_start();
                while !stop_seen.load(Ordering::Acquire) {
                    if worker.step() == Step::Idle {
                        // A wake between the step and here leaves a token: park returns at once.
                        park();
                    }
                }
            })?;
        Ok(Self { handle, stop })
    }

    /// The handle by which it is woken.
    pub(super) fn thread(&self) -> Thread {
        self.handle.thread().clone()
    }

    /// Stops after the step that runs, and joins.
    pub(super) fn stop_and_join(self) {
        self.stop.store(true, Ordering::Release);
        self.handle.thread().unpark();
        // A worker that panicked has nothing left to say: its instances conceal and report.
        let _ = self.handle.join();
    }
}
