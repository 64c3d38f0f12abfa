//! The only place where the Processor waits: offline, and within a bound.

use std::time::{Duration, Instant};

/// Longest wait for a frame, in nanoseconds: 5 s.
pub(super) const FRAME_BOUND_NS: u64 = 5_000_000_000;
/// Longest wait for a pack, in nanoseconds: 30 s. Loading warms a net up and measures it.
pub(super) const LOAD_BOUND_NS: u64 = 30_000_000_000;
/// One rest between two looks.
const REST: Duration = Duration::from_micros(50);

/// Time, as the Processor sees it. Tests bring their own.
pub trait Clock: Send {
    /// Nanoseconds since some moment; never goes back. Real-time safe.
    fn now_ns(&self) -> u64;

    /// Lets others work for a moment. Called only while an offline render waits.
    fn rest(&mut self);
}

/// The machine's clock.
pub struct SystemClock {
    began: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            began: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn rest(&mut self) {
        std::thread::park_timeout(REST);
    }
}

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waited {
    pub(super) ns: u64,
    /// What was waited for did not come within the bound.
    pub(super) timed_out: bool,
}

/// Waits until `ready`, at most `bound_ns`. Not real-time safe, and only called offline.
pub(super) fn wait_until(
    clock: &mut dyn Clock,
    bound_ns: u64,
    mut ready: impl FnMut() -> bool,
) -> Waited {
    if ready() {
        return Waited {
            ns: 0,
            timed_out: false,
        };
    }
    let began = clock.now_ns();
    loop {
        clock.rest();
        let ns = clock.now_ns().saturating_sub(began);
        if ready() {
            return Waited {
                ns,
                timed_out: false,
            };
        }
        if ns >= bound_ns {
            return Waited {
                ns,
                timed_out: true,
            };
        }
    }
}
