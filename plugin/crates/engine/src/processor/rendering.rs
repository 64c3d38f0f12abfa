//! Whether blocks are rendered live or may wait, and the waits themselves.
//!
//! Audio thread. Live, nothing here waits or costs more than a look at the clock.

use std::thread::Thread;

use super::pace::Pace;
use super::wait::{Clock, FRAME_BOUND_NS, LOAD_BOUND_NS, wait_until};
use crate::engine::Engine;
use crate::link::wake_worker;
use crate::monitor::{Monitor, count};
use crate::playback::Playback;
use crate::render::RenderMode;
use crate::voice::Faults;

/// How blocks are rendered now.
pub(super) struct Rendering {
    mode: RenderMode,
    host_is_offline: bool,
    pace: Pace,
    clock: Box<dyn Clock>,
    waits: bool,
    /// A wait ran into its bound when so many frames had arrived: no other until one more has.
    frames_given_up: Option<u64>,
    load_given_up: bool,
    given_up_waiting: bool,
}

impl Rendering {
    pub(super) fn new(clock: Box<dyn Clock>) -> Self {
        Self {
            mode: RenderMode::Auto,
            host_is_offline: false,
            pace: Pace::default(),
            clock,
            waits: false,
            frames_given_up: None,
            load_given_up: false,
            given_up_waiting: false,
        }
    }

    /// Sets what the user chose and what the host says.
    pub(super) fn set(&mut self, mode: RenderMode, host_is_offline: bool) {
        self.mode = mode;
        self.host_is_offline = host_is_offline;
    }

    /// Whether the block at hand may wait.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Forgets pace and broken waits.
    pub(super) fn reset(&mut self) {
        self.pace = Pace::default();
        self.frames_given_up = None;
        self.given_up_waiting = false;
    }

    /// Decides whether a block of `samples` may wait, and if so waits for a pack that is loading.
    pub(super) fn begin_block(&mut self, samples: usize, rate_hz: u32, engine: &Engine) {
        self.waits = match self.mode {
            RenderMode::Live => false,
            RenderMode::Wait => true,
            RenderMode::Auto => {
                let fast = self.pace.block(self.clock.now_ns(), samples, rate_hz);
                fast || self.host_is_offline
            }
        };
        if !engine.is_loading() {
            self.load_given_up = false;
        } else if self.waits && !self.load_given_up {
            let waited = wait_until(self.clock.as_mut(), LOAD_BOUND_NS, || !engine.is_loading());
            self.pace.waited(waited.ns);
            self.load_given_up = waited.timed_out;
            count(
                &engine.monitor().counters.wait_timeouts,
                u64::from(waited.timed_out),
            );
        }
    }

    /// Waits, offline, until the frames for the next samples are there or cannot come. Does nothing
    /// live.
    pub(super) fn wait_for_frames(
        &mut self,
        playback: &mut Playback,
        samples: u64,
        worker: Option<&Thread>,
        monitor: &Monitor,
    ) {
        let given_up = self.frames_given_up == Some(playback.frames_taken);
        if !self.waits || given_up || !playback.awaits_frames(samples) {
            return;
        }
        let mut faults = Faults::default();
        let waited = wait_until(self.clock.as_mut(), FRAME_BOUND_NS, || {
            playback.take_deliveries(&mut faults);
            // Frames that were recycled since may be all that the worker waits for.
            if let Some(worker) = worker {
                wake_worker(worker);
            }
            !playback.awaits_frames(samples)
        });
        self.pace.waited(waited.ns);
        self.frames_given_up = waited.timed_out.then_some(playback.frames_taken);
        count(&monitor.counters.wait_timeouts, u64::from(waited.timed_out));
        count(
            &monitor.counters.unheard_frames,
            u64::from(faults.unheard_frames),
        );
    }

    /// Waits, offline, until `ready` says so. Does nothing live.
    pub(super) fn wait_for(
        &mut self,
        mut ready: impl FnMut() -> bool,
        worker: Option<&Thread>,
        monitor: &Monitor,
    ) {
        if !self.waits || self.given_up_waiting || ready() {
            return;
        }
        let waited = wait_until(self.clock.as_mut(), FRAME_BOUND_NS, || {
            if let Some(worker) = worker {
                wake_worker(worker);
            }
            ready()
        });
        self.pace.waited(waited.ns);
        self.given_up_waiting = waited.timed_out;
        count(&monitor.counters.wait_timeouts, u64::from(waited.timed_out));
    }
}
