//! What the host answers when the plugin calls back. Flags only: the main thread acts on them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, ThreadId};

use clack_extensions::latency::{HostLatency, HostLatencyImpl};
use clack_extensions::params::{
    HostParams, HostParamsImplMainThread, HostParamsImplShared, ParamClearFlags, ParamRescanFlags,
};
use clack_extensions::state::{HostState, HostStateImpl};
use clack_extensions::thread_check::{HostThreadCheck, HostThreadCheckImpl};
use clack_host::prelude::{HostExtensions, HostHandlers, MainThreadHandler, SharedHandler};
use clack_host::utils::ClapId;

/// The host's type for clack: its three halves, one a thread.
pub struct HeadlessHost;

/// Requests the plugin may raise from any thread.
pub struct Requests {
    pub(super) restart: AtomicBool,
    pub(super) callback: AtomicBool,
    pub(super) flush: AtomicBool,
    pub(super) restarts_requested: AtomicU32,
    main_thread: ThreadId,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            restart: AtomicBool::new(false),
            callback: AtomicBool::new(false),
            flush: AtomicBool::new(false),
            restarts_requested: AtomicU32::new(0),
            main_thread: thread::current().id(),
        }
    }
}

impl SharedHandler<'_> for Requests {
    fn request_restart(&self) {
        self.restarts_requested.fetch_add(1, Ordering::Relaxed);
        self.restart.store(true, Ordering::Release);
    }

    // The host always processes.
    fn request_process(&self) {}

    fn request_callback(&self) {
        self.callback.store(true, Ordering::Release);
    }
}

impl HostParamsImplShared for Requests {
    fn request_flush(&self) {
        self.flush.store(true, Ordering::Release);
    }
}

impl HostThreadCheckImpl for Requests {
    fn is_main_thread(&self) -> bool {
        thread::current().id() == self.main_thread
    }

    fn is_audio_thread(&self) -> bool {
        thread::current().id() != self.main_thread
    }
}

/// Main-thread news of the plugin.
pub struct MainThread {
    pub(super) latency_changes: AtomicU32,
    pub(super) dirty_marks: AtomicU32,
}

impl MainThread {
    pub(super) fn new() -> Self {
        Self {
            latency_changes: AtomicU32::new(0),
            dirty_marks: AtomicU32::new(0),
        }
    }
}

impl MainThreadHandler<'_> for MainThread {}

impl HostLatencyImpl for MainThread {
    fn changed(&self) {
        self.latency_changes.fetch_add(1, Ordering::Relaxed);
    }
}

impl HostStateImpl for MainThread {
    fn mark_dirty(&self) {
        self.dirty_marks.fetch_add(1, Ordering::Relaxed);
    }
}

impl HostParamsImplMainThread for MainThread {
    // Values are read afresh each time they are needed.
    fn rescan(&self, _flags: ParamRescanFlags) {}

    fn clear(&self, _param_id: ClapId, _flags: ParamClearFlags) {}
}

impl HostHandlers for HeadlessHost {
    type Shared<'a> = Requests;
    type MainThread<'a> = MainThread;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Self::Shared<'_>) {
        builder
            .register::<HostParams>()
            .register::<HostLatency>()
            .register::<HostState>()
            .register::<HostThreadCheck>();
    }
}
