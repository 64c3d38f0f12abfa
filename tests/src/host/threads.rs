//! Which threads of this process are the host's, and whether the others sleep.

use std::fs;
use std::thread;

/// The host's own threads, by the kernel's numbers.
pub struct Threads {
    main: String,
}

impl Threads {
    /// Called on the host's main thread, before the audio thread exists.
    pub(super) fn of_host() -> Self {
        Self { main: own_number() }
    }

    /// Returns once every thread but the host's own sleeps: a woken worker counts as awake from the
    /// moment it was woken, so work that was asked for has been done. At once where there is no `/proc`.
    pub(super) fn wait_until_others_sleep(&self) {
        let audio = own_number();
        let process = std::process::id().to_string();
        let hosts = [self.main.as_str(), audio.as_str(), process.as_str()];
        while someone_is_awake(&hosts) {
            thread::yield_now();
        }
    }
}

/// The kernel's number of the calling thread.
fn own_number() -> String {
    let link = fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn someone_is_awake(hosts: &[&str]) -> bool {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return false;
    };
    threads.flatten().any(|thread| {
        let number = thread.file_name();
        let host = hosts.iter().any(|host| number.to_str() == Some(host));
        !host && is_awake(&fs::read_to_string(thread.path().join("stat")).unwrap_or_default())
    })
}

/// Reads the state out of a line of `/proc/.../stat`: it follows the name, which ends with `)`.
fn is_awake(stat: &str) -> bool {
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next());
    matches!(state, Some("R" | "D"))
}

#[cfg(test)]
mod tests {
    use super::is_awake;

    #[test]
    fn the_state_follows_a_name_with_brackets_and_spaces() {
        assert!(is_awake("12 (a (b) c) R 1 2 3"));
        assert!(!is_awake("12 (a (b) c) S 1 2 3"));
        assert!(!is_awake(""));
    }
}
