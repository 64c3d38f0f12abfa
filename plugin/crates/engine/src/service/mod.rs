//! The process-wide inference service: one background thread for all instances.
//!
//! Decoders are shared and counted; each program has its own link; jobs run in order of their due
//! time; nothing is batched across instances. The first instance in starts the thread, the last one
//! out joins it. Nothing here is for the audio thread.

mod decoders;
mod finish;
mod thread;
mod worker;

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};

use parking_lot::Mutex;

use crate::continuation::{ComposingLink, SoundLink};
pub use decoders::{DecoderHandle, DecoderKey};
pub(crate) use finish::Finisher;
pub(crate) use worker::{Inbox, Shift, WorkerLink};
pub use worker::{Step, Worker};

use crate::contract::Decoder;
use crate::error::EngineError;
use crate::transform::TransformLink;
use decoders::Registry;
use thread::WorkerThread;

/// How links are served.
enum Running {
    /// Tests step a [`Worker`] by hand.
    ByHand,
    /// Nobody needs the thread.
    Stopped,
    /// The thread runs.
    Threaded(WorkerThread),
}

struct Members {
    count: usize,
    running: Running,
}

/// The service. One a process, by [`Service::global`]; tests make their own.
pub struct Service {
    members: Mutex<Members>,
    inbox: Arc<Inbox>,
    registry: Registry,
    loaders: Mutex<Vec<JoinHandle<()>>>,
    on_thread_start: OnceLock<fn()>,
}

impl Service {
    fn with(running: Running) -> Arc<Self> {
        Arc::new(Self {
            members: Mutex::new(Members { count: 0, running }),
            inbox: Arc::default(),
            registry: Registry::default(),
            loaders: Mutex::default(),
            on_thread_start: OnceLock::new(),
        })
    }

    /// The service of this process.
    pub fn global() -> &'static Arc<Self> {
        static GLOBAL: OnceLock<Arc<Service>> = OnceLock::new();
        GLOBAL.get_or_init(Self::threaded)
    }

    /// A service of its own, with a thread while it has members.
    pub fn threaded() -> Arc<Self> {
        Self::with(Running::Stopped)
    }

    /// A service without a thread, and the worker that serves it when it is stepped.
    pub fn by_hand() -> (Arc<Self>, Worker) {
        let service = Self::with(Running::ByHand);
        let worker = Worker::new(Arc::clone(&service.inbox));
        (service, worker)
    }

    /// Sets what each background thread does first, such as setting the floating-point mode.
    /// The first call counts; later ones are ignored.
    pub fn set_on_thread_start(&self, hook: fn()) {
        let _ = self.on_thread_start.set(hook);
    }

    /// The shared decoder of `key`, made by `make` if no instance holds it. Blocks while another
    /// thread makes one: call it on a loader thread.
    ///
    /// # Errors
    /// What `make` says.
    pub fn decoder<E>(
        &self,
        key: &DecoderKey,
        make: impl FnOnce() -> Result<Box<dyn Decoder>, E>,
    ) -> Result<DecoderHandle, E> {
        self.registry.get_or_make(key, make)
    }

    /// Decoders alive in this service.
    pub fn decoders_alive(&self) -> usize {
        self.registry.alive()
    }

    /// Runs a job, such as loading a pack, on a thread of its own. It is joined when the last
    /// instance leaves.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn_loader(&self, job: impl FnOnce() + Send + 'static) -> Result<(), EngineError> {
        let hook = self.hook();
        let handle = std::thread::Builder::new()
            .name("afterimage-loader".to_owned())
            .spawn(move || {
                hook();
                job();
            })
            .map_err(|reason| thread_refused(&reason))?;
        let mut loaders = self.loaders.lock();
        loaders.retain(|loader| !loader.is_finished());
        loaders.push(handle);
        Ok(())
    }

    /// Instances that are in.
    pub fn member_count(&self) -> usize {
        self.members.lock().count
    }

    /// Whether the background thread runs.
    pub fn is_running(&self) -> bool {
        matches!(self.members.lock().running, Running::Threaded(_))
    }

    fn hook(&self) -> fn() {
        self.on_thread_start.get().copied().unwrap_or(|| ())
    }

    /// Lets an instance in; the first one starts the thread. It leaves when the value is dropped.
    pub(crate) fn join(self: &Arc<Self>) -> Result<Membership, EngineError> {
        let mut members = self.members.lock();
        if matches!(members.running, Running::Stopped) {
            let worker = Worker::new(Arc::clone(&self.inbox));
            let thread = WorkerThread::spawn(worker, self.hook())
                .map_err(|reason| thread_refused(&reason))?;
            members.running = Running::Threaded(thread);
        }
        members.count += 1;
        Ok(Membership {
            service: Arc::clone(self),
        })
    }

    /// Hands a link to the worker.
    pub(crate) fn attach(&self, link: WorkerLink) {
        self.inbox.lock().programs.push(link);
        if let Some(worker) = self.worker_thread() {
            worker.unpark();
        }
    }

    /// Hands the composing half of an instance to the worker.
    pub(crate) fn attach_composing(&self, link: ComposingLink) {
        self.inbox.lock().composing.push(link);
    }

    /// Hands the worker's half of an instance's sound to it.
    pub(crate) fn attach_sound(&self, link: SoundLink) {
        self.inbox.lock().sound.push(link);
    }

    /// Hands the worker's half of an instance's transforming to it.
    pub(crate) fn attach_transforming(&self, link: TransformLink) {
        self.inbox.lock().transforming.push(link);
    }

    /// The thread to wake, if there is one.
    pub(crate) fn worker_thread(&self) -> Option<Thread> {
        match &self.members.lock().running {
            Running::Threaded(thread) => Some(thread.thread()),
            Running::ByHand | Running::Stopped => None,
        }
    }

    fn leave(&self) {
        let last_thread = {
            let mut members = self.members.lock();
            members.count = members.count.saturating_sub(1);
            let last = members.count == 0 && matches!(members.running, Running::Threaded(_));
            if last {
                std::mem::replace(&mut members.running, Running::Stopped)
            } else {
                return;
            }
        };
        if let Running::Threaded(thread) = last_thread {
            thread.stop_and_join();
        }
        // Links that the thread never took: their programs are gone, their decoders may go too.
        let mut inbox = self.inbox.lock();
        inbox
            .programs
            .retain(|link| !link.ends.requests.is_abandoned());
        inbox.composing.retain(|link| !link.is_abandoned());
        inbox.sound.retain(|link| !link.is_abandoned());
        inbox.transforming.retain(|link| !link.is_abandoned());
        drop(inbox);
        self.join_loaders();
    }

    /// Joins the loaders, but for the one that this may run on.
    fn join_loaders(&self) {
        let this_thread = std::thread::current().id();
        for loader in std::mem::take(&mut *self.loaders.lock()) {
            if loader.thread().id() != this_thread {
                let _ = loader.join(); // a loader that panicked loaded nothing: the old sound went on
            }
        }
    }
}

fn thread_refused(reason: &io::Error) -> EngineError {
    EngineError::Thread {
        reason: reason.to_string(),
    }
}

/// An instance's stay in the service.
pub(crate) struct Membership {
    service: Arc<Service>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.service.leave();
    }
}
