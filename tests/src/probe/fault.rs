//! What a callback must never do, one at a time.

use std::hint::black_box;
use std::time::Duration;

/// A way to break the rule of the audio thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Behaves.
    None,
    /// Allocates memory, and frees it.
    Allocate,
    /// Takes a lock of the C library.
    Lock,
    /// Sleeps.
    Sleep,
    /// Writes to a file descriptor.
    Write,
    /// Opens a socket.
    Socket,
    /// Maps memory.
    Map,
    /// Gives up its turn.
    Yield,
    /// Asks the kernel for something.
    SystemCall,
    /// Waits for a futex.
    Wait,
    /// Wakes another thread twice in one block.
    WakeTwice,
    /// Wakes another thread once, which is permitted.
    WakeOnce,
}

impl Fault {
    /// Every fault with the kind that the detector must name; the last one is permitted.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::None, ""),
        (Self::Allocate, "allocate"),
        (Self::Lock, "lock"),
        (Self::Sleep, "sleep"),
        (Self::Write, "file"),
        (Self::Socket, "network"),
        (Self::Map, "map"),
        (Self::Yield, "yield"),
        (Self::SystemCall, "system call"),
        (Self::Wait, "wait"),
        (Self::WakeTwice, "second wake"),
        (Self::WakeOnce, ""),
    ];

    pub(super) fn of_value(value: f64) -> Self {
        let index = (value.max(0.0) as usize).min(Self::ALL.len() - 1);
        Self::ALL[index].0
    }

    pub(super) fn commit(self) {
        match self {
            Self::None => {}
            Self::Allocate => drop(black_box(vec![0_u8; 4096])),
            Self::Lock => lock(),
            #[expect(clippy::disallowed_methods, reason = "the fault is to sleep")]
            Self::Sleep => std::thread::sleep(Duration::from_micros(1)),
            // SAFETY: no bytes are read from the empty buffer; the descriptor is standard output.
            Self::Write => unsafe {
                libc::write(1, [0_u8; 0].as_ptr().cast(), 0);
            },
            Self::Socket => socket(),
            Self::Map => map(),
            // SAFETY: takes nothing, touches nothing.
            Self::Yield => unsafe {
                libc::sched_yield();
            },
            // SAFETY: takes nothing, touches nothing.
            Self::SystemCall => unsafe {
                libc::syscall(libc::SYS_getppid);
            },
            Self::Wait => futex(libc::FUTEX_WAIT, 1),
            Self::WakeTwice => {
                futex(libc::FUTEX_WAKE, 1);
                futex(libc::FUTEX_WAKE, 1);
            }
            Self::WakeOnce => futex(libc::FUTEX_WAKE, 1),
        }
    }
}

fn lock() {
    let mut mutex = libc::PTHREAD_MUTEX_INITIALIZER;
    // SAFETY: the mutex is initialised, lives on this stack and is unlocked before it goes.
    unsafe {
        libc::pthread_mutex_lock(&raw mut mutex);
        libc::pthread_mutex_unlock(&raw mut mutex);
    }
}

fn socket() {
    // SAFETY: the descriptor is ours and is closed at once.
    unsafe {
        let descriptor = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
        libc::close(descriptor);
    }
}

fn map() {
    const BYTES: usize = 4096;
    // SAFETY: an anonymous mapping of our own, unmapped at once.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            BYTES,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        libc::munmap(memory, BYTES);
    }
}

/// The word holds 0: a wait for 1 returns at once, a wake finds nobody.
fn futex(operation: i32, value: u32) {
    let word = 0_u32;
    // SAFETY: the word outlives the call; no time-out is given and none is needed.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            &raw const word,
            operation,
            value,
            std::ptr::null::<libc::timespec>(),
        );
    }
}
