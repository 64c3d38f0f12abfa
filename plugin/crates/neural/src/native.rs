//! The crate's only unsafe code: the processor's denormal flags, and the version of a library.
//!
//! Any thread. The flag functions are real-time safe.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::path::Path;

/// Flags of one thread's floating-point unit, to be put back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenormalFlags(u64);

/// Bits of x86's MXCSR: flush to zero (15) and denormals are zero (6).
#[cfg(target_arch = "x86_64")]
const FLUSH_BITS: u64 = 1 << 15 | 1 << 6;
/// Bit of Arm's FPCR: flush to zero (24).
#[cfg(target_arch = "aarch64")]
const FLUSH_BITS: u64 = 1 << 24;
/// Elsewhere there is nothing to set.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const FLUSH_BITS: u64 = 0;

/// Makes the calling thread treat denormal numbers as zero; gives back the flags from before.
///
/// Creating an ONNX Runtime session clears these flags on its thread: set them again after it.
pub fn set_flush_denormals() -> DenormalFlags {
    let before = read_control();
    if before & FLUSH_BITS != FLUSH_BITS {
        write_control(before | FLUSH_BITS);
    }
    DenormalFlags(before)
}

/// True while the calling thread treats denormal numbers as zero.
pub fn flushes_denormals() -> bool {
    FLUSH_BITS == 0 || read_control() & FLUSH_BITS == FLUSH_BITS
}

impl DenormalFlags {
    /// The calling thread's flags.
    pub fn current() -> Self {
        Self(read_control())
    }

    /// Puts the flags back; rounding and exception bits stay as they are now.
    pub fn restore(self) {
        write_control(read_control() & !FLUSH_BITS | self.0 & FLUSH_BITS);
    }
}

#[cfg(target_arch = "x86_64")]
fn read_control() -> u64 {
    let mut control = 0_u32;
    // SAFETY: STMXCSR writes four bytes to a live u32; SSE is part of x86-64.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags))
    };
    u64::from(control)
}

#[cfg(target_arch = "x86_64")]
fn write_control(control: u64) {
    let control = control as u32;
    // SAFETY: the value was read from MXCSR with only FTZ and DAZ changed, so no reserved bit and no exception is unmasked.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, preserves_flags))
    };
}

#[cfg(target_arch = "aarch64")]
fn read_control() -> u64 {
    let control: u64;
    // SAFETY: FPCR is readable at user level and the read has no effect.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags))
    };
    control
}

#[cfg(target_arch = "aarch64")]
fn write_control(control: u64) {
    // SAFETY: the value was read from FPCR with only FZ changed, so no trap is enabled.
    unsafe {
        std::arch::asm!("msr fpcr, {}", in(reg) control, options(nomem, nostack, preserves_flags))
    };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read_control() -> u64 {
    0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn write_control(_control: u64) {}

/// Version that the ONNX Runtime library at `path` states, without committing the process to it.
///
/// `path` is absolute and inside the plugin's own bundle: loading a library runs its initialisers.
///
/// # Errors
/// A part of a sentence: why it could not be loaded, or that it is another library.
pub(crate) fn onnxruntime_version(path: &Path) -> Result<String, String> {
    type GetApiBase = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;
    // SAFETY: the file is the bundle's own copy of ONNX Runtime, whose initialisers only build static tables.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| format!("it does not load ({error})"))?;
    // SAFETY: every ONNX Runtime exports this name with this signature since version 1.2.
    let get_base = unsafe { library.get::<GetApiBase>(b"OrtGetApiBase\0") };
    let get_base =
        get_base.map_err(|_| "it is another library: it has no OrtGetApiBase".to_owned())?;
    // SAFETY: the function takes nothing and returns a pointer to a static table, or null.
    let base = unsafe { get_base().as_ref() }.ok_or_else(|| "it gave no interface".to_owned())?;
    // SAFETY: the table's second entry returns a static, null-terminated text; the library is still loaded.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) };
    Ok(version.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::{DenormalFlags, flushes_denormals, set_flush_denormals};

    #[test]
    fn flags_can_be_set_and_put_back() {
        let before = DenormalFlags::current();
        set_flush_denormals();
        assert!(flushes_denormals());
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        assert_eq!(
            std::hint::black_box(f32::MIN_POSITIVE) / std::hint::black_box(2.0),
            0.0
        );
        before.restore();
        assert_eq!(
            DenormalFlags::current().0 & super::FLUSH_BITS,
            before.0 & super::FLUSH_BITS
        );
    }
}
