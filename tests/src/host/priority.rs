//! The priority of a host's audio thread.

/// Priority among real-time threads: the middle, as JACK and PipeWire choose.
#[cfg(target_os = "linux")]
const PRIORITY: i32 = 50;

/// Gives the calling thread real-time priority, as hosts give their audio threads; whether the system
/// allowed it. Threads that it starts do not inherit it.
pub(super) fn take_real_time() -> bool {
    #[cfg(target_os = "linux")]
    {
        let parameters = libc::sched_param {
            sched_priority: PRIORITY,
        };
        let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
        // SAFETY: `parameters` is readable for the length of the call; 0 is the calling thread.
        unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) == 0 }
    }
    #[cfg(not(target_os = "linux"))]
    false
}
