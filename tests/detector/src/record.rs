//! What was seen. Fixed memory, no locks, so that recording does none of what it records.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// What a call asks for. The host knows the same order.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    Allocate = 0,
    Free = 1,
    Lock = 2,
    Wait = 3,
    Sleep = 4,
    File = 5,
    Network = 6,
    Map = 7,
    Yield = 8,
    SystemCall = 9,
    SecondWake = 10,
    Wake = 11,
    Clock = 12,
}

const KINDS: usize = 13;
const RECORDS: usize = 64;
const FRAMES: usize = 24;
const PATHS: usize = 64;
const PATH_BYTES: usize = 256;

struct Record {
    kind: AtomicU32,
    frames: [AtomicUsize; FRAMES],
}

static COUNTS: [AtomicU64; KINDS] = [const { AtomicU64::new(0) }; KINDS];
static RECORDED: AtomicUsize = AtomicUsize::new(0);
static RECORD: [Record; RECORDS] = [const {
    Record {
        kind: AtomicU32::new(0),
        frames: [const { AtomicUsize::new(0) }; FRAMES],
    }
}; RECORDS];
static SOCKETS: AtomicU64 = AtomicU64::new(0);
static PATHS_SEEN: AtomicUsize = AtomicUsize::new(0);
static PATH: [[AtomicU32; PATH_BYTES / 4]; PATHS] =
    [const { [const { AtomicU32::new(0) }; PATH_BYTES / 4] }; PATHS];

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static WAKES: Cell<u32> = const { Cell::new(0) };
}

/// Runs `work` without blaming this thread for it.
pub fn unwatched<T>(work: impl FnOnce() -> T) -> T {
    let before = WATCHED.replace(false);
    let result = work();
    WATCHED.set(before);
    result
}

/// Notes a call of the C library, if this thread is in the callback.
pub fn note(kind: Kind) {
    if !WATCHED.get() {
        return;
    }
    COUNTS[kind as usize].fetch_add(1, Ordering::Relaxed);
    match kind {
        Kind::Clock => {}
        Kind::Wake => {
            WAKES.set(WAKES.get() + 1);
            if WAKES.get() > 1 {
                note(Kind::SecondWake);
            }
        }
        violation => unwatched(|| keep(violation)),
    }
}

fn keep(kind: Kind) {
    let at = RECORDED.fetch_add(1, Ordering::Relaxed);
    let Some(record) = RECORD.get(at) else { return };
    record.kind.store(kind as u32, Ordering::Relaxed);
    let mut cursor = Cursor { record, next: 0 };
    // SAFETY: the callback matches the unwinder's signature and `cursor` outlives the call.
    unsafe { _Unwind_Backtrace(keep_frame, (&raw mut cursor).cast()) };
}

struct Cursor {
    record: &'static Record,
    next: usize,
}

extern "C" fn keep_frame(context: *mut c_void, cursor: *mut c_void) -> c_int {
    // SAFETY: `keep` passes a live Cursor that nobody else holds.
    let cursor = unsafe { &mut *cursor.cast::<Cursor>() };
    if let Some(frame) = cursor.record.frames.get(cursor.next) {
        // SAFETY: the unwinder hands in a valid context.
        frame.store(unsafe { _Unwind_GetIP(context) }, Ordering::Relaxed);
        cursor.next += 1;
    }
    0
}

unsafe extern "C" {
    fn _Unwind_Backtrace(
        callback: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

/// Notes a socket, on any thread.
pub fn note_socket() {
    SOCKETS.fetch_add(1, Ordering::Relaxed);
}

/// Notes a path that is opened for writing, made, renamed or removed, on any thread.
///
/// # Safety
/// `path` is null or ends with a zero byte.
pub unsafe fn note_path(path: *const c_char) {
    if path.is_null() {
        return;
    }
    let at = PATHS_SEEN.fetch_add(1, Ordering::Relaxed);
    let Some(words) = PATH.get(at) else { return };
    let mut ended = false;
    for (index, word) in words.iter().enumerate() {
        let mut bytes = [0_u8; 4];
        for (offset, byte) in bytes.iter_mut().enumerate() {
            if !ended {
                // SAFETY: reading stops at the zero byte that the caller promises.
                *byte = unsafe { *path.add(4 * index + offset) } as u8;
                ended = *byte == 0;
            }
        }
        word.store(u32::from_ne_bytes(bytes), Ordering::Relaxed);
    }
}

/// The host enters the plugin's callback on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn afterimage_detector_enter() {
    WAKES.set(0);
    WATCHED.set(true);
}

/// The host is back from the plugin's callback.
#[unsafe(no_mangle)]
pub extern "C" fn afterimage_detector_leave() {
    WATCHED.set(false);
}

/// Calls of a kind so far.
#[unsafe(no_mangle)]
pub extern "C" fn afterimage_detector_count(kind: u32) -> u64 {
    COUNTS
        .get(kind as usize)
        .map_or(0, |count| count.load(Ordering::Relaxed))
}

/// Copies the addresses of a recorded violation into `frames`; returns its kind, or -1 past the end.
///
/// # Safety
/// `frames` holds `capacity` addresses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn afterimage_detector_violation(
    index: usize,
    frames: *mut usize,
    capacity: usize,
) -> i64 {
    if index >= RECORDED.load(Ordering::Relaxed) {
        return -1;
    }
    let Some(record) = RECORD.get(index) else {
        return -1;
    };
    for (at, frame) in record.frames.iter().take(capacity).enumerate() {
        // SAFETY: `at` is below the capacity the caller promises.
        unsafe { *frames.add(at) = frame.load(Ordering::Relaxed) };
    }
    i64::from(record.kind.load(Ordering::Relaxed))
}

/// Sockets opened by any thread so far.
#[unsafe(no_mangle)]
pub extern "C" fn afterimage_detector_sockets() -> u64 {
    SOCKETS.load(Ordering::Relaxed)
}

/// Copies the recorded path at `index` into `bytes`; returns false past the end.
///
/// # Safety
/// `bytes` holds `capacity` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn afterimage_detector_path(
    index: usize,
    bytes: *mut u8,
    capacity: usize,
) -> bool {
    if index >= PATHS_SEEN.load(Ordering::Relaxed) {
        return false;
    }
    let Some(words) = PATH.get(index) else {
        return false;
    };
    let path = words
        .iter()
        .flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes());
    for (at, byte) in path.take(capacity).enumerate() {
        // SAFETY: `at` is below the capacity the caller promises.
        unsafe { *bytes.add(at) = byte };
    }
    true
}
