//! The allocator's functions. They go to glibc's own names, since looking symbols up allocates.

use std::ffi::{c_int, c_void};

use crate::real::interpose;
use crate::record::{Kind, note};

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_free(memory: *mut c_void);
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    note(Kind::Allocate);
    // SAFETY: the same contract as ours.
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    note(Kind::Allocate);
    // SAFETY: the same contract as ours.
    unsafe { __libc_calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(memory: *mut c_void, size: usize) -> *mut c_void {
    note(Kind::Allocate);
    // SAFETY: the same contract as ours.
    unsafe { __libc_realloc(memory, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(memory: *mut c_void) {
    if !memory.is_null() {
        note(Kind::Free);
    }
    // SAFETY: the same contract as ours.
    unsafe { __libc_free(memory) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    note(Kind::Allocate);
    // SAFETY: the same contract as ours.
    unsafe { __libc_memalign(alignment, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    note(Kind::Allocate);
    // SAFETY: the same contract as ours.
    unsafe { __libc_memalign(alignment, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    note(Kind::Allocate);
    // SAFETY: the same contract as ours; the caller gives a place for the result.
    unsafe {
        let memory = __libc_memalign(alignment, size);
        if memory.is_null() {
            return libc::ENOMEM;
        }
        *out = memory;
    }
    0
}

interpose! {
    Map: fn mmap(address: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    Map: fn mmap64(address: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    Map: fn munmap(address: *mut c_void, length: usize) -> c_int;
    Map: fn mprotect(address: *mut c_void, length: usize, protection: c_int) -> c_int;
    Map: fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
}
