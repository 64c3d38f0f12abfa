//! The one background thread: spawns, parks and joins it. What it does is [`Worker::step`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, Thread, park};

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

use super::worker::{Step, Worker};

/// How much before ordinary threads the worker goes, of 99; they have 50. It is a niceness of -7 on Linux, five times an
/// ordinary thread's share, so that a browser beside the session makes no frames late; on Windows a class above normal. Never a
/// real-time class: a model that takes all of a core must not keep an audio thread or the desktop waiting.
const PRECEDENCE: u8 = 67;

/// Asks the system to run this thread before ordinary ones; whether it does. Where it does not, frames come as they can: on a
/// Linux whose users may not (`nice` in limits.conf), and on macOS, which has classes of its own in place of such numbers.
fn ask_for_precedence() -> bool {
    let Ok(value) = ThreadPriorityValue::try_from(PRECEDENCE) else {
        return false;
    };
    set_current_thread_priority(ThreadPriority::Crossplatform(value)).is_ok()
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::{PRECEDENCE, ask_for_precedence};

    /// The niceness of this thread on Linux, 0 elsewhere.
    fn niceness() -> i32 {
        std::fs::read_to_string("/proc/thread-self/stat")
            .ok()
            .and_then(|stat| {
                // What follows the name, which may hold spaces: the state is field 3, the niceness 19.
                let mut fields = stat.rsplit(')').next()?.split_whitespace();
                fields.nth(16)?.parse().ok()
            })
            .unwrap_or_default()
    }

    #[test]
    fn the_worker_goes_before_ordinary_threads_where_it_may_and_leaves_others_alone() {
        let asked = std::thread::spawn(|| (ask_for_precedence(), niceness())).join();
        let (granted, nice) = asked.unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(granted, nice < 0, "asked for {PRECEDENCE}, niceness {nice}");
        }
        assert!(niceness() >= 0);
    }
}
