//! The host's side of the libc-level detector, when it is preloaded (`LD_PRELOAD`).

use std::collections::BTreeMap;
use std::ffi::{CStr, c_void};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::host::BlockWatch;

/// Names the detector's library for tests that preload it under a child.
pub const LIBRARY_VARIABLE: &str = "AFTERIMAGE_DETECTOR";
/// Kinds that may not happen in a callback, in the detector's order.
const VIOLATIONS: [&str; 11] = [
    "allocate",
    "free",
    "lock",
    "wait",
    "sleep",
    "file",
    "network",
    "map",
    "yield",
    "system call",
    "second wake",
];
const WAKE: u32 = 11;
const CLOCK: u32 = 12;
const FRAMES: usize = 24;
const PATH_BYTES: usize = 256;

/// What the detector saw in the callbacks of a run, and what any thread did to files and network.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Report {
    /// How often each forbidden kind happened; kinds that did not are absent.
    pub violations: BTreeMap<String, u64>,
    /// The first violations with the functions that led there, innermost first.
    pub traces: Vec<Trace>,
    /// Permitted wakes: at most one a block.
    pub wakes: u64,
    /// Clock reads, which cost no system call.
    pub clock_reads: u64,
    /// Sockets opened by any thread.
    pub sockets: u64,
    /// Paths that any thread opened for writing, made, renamed or removed.
    pub written_paths: Vec<String>,
}

/// One violation and where it came from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Trace {
    /// The forbidden kind.
    pub kind: String,
    /// Functions, innermost first.
    pub functions: Vec<String>,
}

impl Report {
    /// Traces that do not pass through any function whose name holds one of `known`.
    pub fn traces_outside(&self, known: &[&str]) -> Vec<&Trace> {
        let excused = |trace: &Trace| {
            trace
                .functions
                .iter()
                .any(|function| known.iter().any(|name| function.contains(name)))
        };
        self.traces.iter().filter(|trace| !excused(trace)).collect()
    }
}

/// The preloaded detector. Watches the blocks of a render.
#[derive(Clone, Copy)]
pub struct Detector {
    enter: extern "C" fn(),
    leave: extern "C" fn(),
    count: extern "C" fn(u32) -> u64,
    violation: unsafe extern "C" fn(usize, *mut usize, usize) -> i64,
    sockets: extern "C" fn() -> u64,
    path: unsafe extern "C" fn(usize, *mut u8, usize) -> bool,
}

/// The address of a function of the preloaded library.
fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name ends with a zero byte; RTLD_DEFAULT searches what is already loaded.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

impl Detector {
    /// The detector, if it is preloaded.
    pub fn find() -> Option<Self> {
        let enter = symbol(c"afterimage_detector_enter")?;
        let leave = symbol(c"afterimage_detector_leave")?;
        let count = symbol(c"afterimage_detector_count")?;
        let violation = symbol(c"afterimage_detector_violation")?;
        let sockets = symbol(c"afterimage_detector_sockets")?;
        let path = symbol(c"afterimage_detector_path")?;
        // SAFETY: these are the detector's exports, and it declares them with these signatures.
        Some(unsafe {
            use std::mem::transmute;
            Self {
                enter: transmute::<*mut c_void, extern "C" fn()>(enter),
                leave: transmute::<*mut c_void, extern "C" fn()>(leave),
                count: transmute::<*mut c_void, extern "C" fn(u32) -> u64>(count),
                violation: transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(usize, *mut usize, usize) -> i64,
                >(violation),
                sockets: transmute::<*mut c_void, extern "C" fn() -> u64>(sockets),
                path: transmute::<*mut c_void, unsafe extern "C" fn(usize, *mut u8, usize) -> bool>(
                    path,
                ),
            }
        })
    }

    /// The preloaded detector.
    ///
    /// # Errors
    /// When it is not preloaded.
    pub fn require() -> Result<Self> {
        Self::find()
            .context("the detector is not preloaded; set LD_PRELOAD to libafterimage_detector.so")
    }

    /// Everything seen since the process began.
    pub fn report(&self) -> Report {
        let violations = VIOLATIONS
            .iter()
            .enumerate()
            .map(|(kind, name)| ((*name).to_owned(), (self.count)(kind as u32)))
            .filter(|(_, count)| *count > 0)
            .collect();
        Report {
            violations,
            traces: self.traces(),
            wakes: (self.count)(WAKE),
            clock_reads: (self.count)(CLOCK),
            sockets: (self.sockets)(),
            written_paths: self.written_paths(),
        }
    }

    fn traces(&self) -> Vec<Trace> {
        let mut traces = Vec::new();
        loop {
            let mut frames = [0_usize; FRAMES];
            // SAFETY: `frames` holds FRAMES addresses.
            let kind = unsafe { (self.violation)(traces.len(), frames.as_mut_ptr(), FRAMES) };
            let Some(name) = usize::try_from(kind)
                .ok()
                .and_then(|kind| VIOLATIONS.get(kind))
            else {
                return traces;
            };
            let functions = frames
                .iter()
                .filter(|frame| **frame != 0)
                .map(|frame| function_at(*frame))
                .collect();
            traces.push(Trace {
                kind: (*name).to_owned(),
                functions,
            });
        }
    }

    fn written_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        loop {
            let mut bytes = [0_u8; PATH_BYTES];
            // SAFETY: `bytes` holds PATH_BYTES bytes.
            if !unsafe { (self.path)(paths.len(), bytes.as_mut_ptr(), PATH_BYTES) } {
                return paths;
            }
            let length = bytes
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(PATH_BYTES);
            paths.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
    }
}

impl BlockWatch for Detector {
    fn enter(&mut self) {
        (self.enter)();
    }

    fn leave(&mut self) {
        (self.leave)();
    }
}

/// The name of the function that holds a return address.
fn function_at(address: usize) -> String {
    let mut name = None;
    // The address is that of the next instruction: one byte before it lies the call.
    backtrace::resolve((address - 1) as *mut c_void, |symbol| {
        if name.is_none() {
            name = symbol.name().map(|name| format!("{name:#}"));
        }
    });
    name.unwrap_or_else(|| format!("{address:#x}"))
}
