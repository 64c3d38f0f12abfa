//! Background threads that sound waits for go before ordinary ones. Not real-time safe.

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// How much before ordinary threads it goes, of 99; those have 50. It is a niceness of -7 on Linux, five times an ordinary
/// thread's share: beside three busy programs on two cores some 6000 frames were late in 8 s without it, 6 to 465 with
/// it (ARCHITECTURE, "What comes late"). On Windows it is a class above normal. Never a real-time class: a model that takes all of a core must not keep an
/// audio thread or the desktop waiting.
const PRECEDENCE: u8 = 67;

/// Asks the system to run this thread, which makes sound in the background, before ordinary ones; whether it does.
///
/// Where it does not, frames come as they can: on a Linux whose users may not (`nice` in limits.conf), and on macOS, which
/// has classes of its own in place of such numbers.
pub fn ask_for_precedence() -> bool {
    let Ok(value) = ThreadPriorityValue::try_from(PRECEDENCE) else {
        return false;
    };
    set_current_thread_priority(ThreadPriority::Crossplatform(value)).is_ok()
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
