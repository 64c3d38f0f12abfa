//! Files and network. Writing opens and sockets are recorded on every thread.

use std::ffi::{c_char, c_int, c_uint, c_void};

use crate::real::{Real, interpose};
use crate::record::{Kind, note, note_path, note_socket};

interpose! {
    File: fn read(file: c_int, bytes: *mut c_void, count: usize) -> isize;
    File: fn write(file: c_int, bytes: *const c_void, count: usize) -> isize;
    File: fn readv(file: c_int, parts: *const c_void, count: c_int) -> isize;
    File: fn writev(file: c_int, parts: *const c_void, count: c_int) -> isize;
    File: fn close(file: c_int) -> c_int;
    File: fn fsync(file: c_int) -> c_int;
    File: fn fwrite(bytes: *const c_void, size: usize, count: usize, file: *mut c_void) -> usize;
    File: fn fputs(text: *const c_char, file: *mut c_void) -> c_int;
    File: fn fflush(file: *mut c_void) -> c_int;
    File: fn ioctl(file: c_int, request: libc::c_ulong, argument: *mut c_void) -> c_int;
    Network: fn send(socket: c_int, bytes: *const c_void, count: usize, flags: c_int) -> isize;
    Network: fn sendto(socket: c_int, bytes: *const c_void, count: usize, flags: c_int, to: *const c_void, length: c_uint) -> isize;
    Network: fn sendmsg(socket: c_int, message: *const c_void, flags: c_int) -> isize;
    Network: fn recv(socket: c_int, bytes: *mut c_void, count: usize, flags: c_int) -> isize;
    Network: fn recvfrom(socket: c_int, bytes: *mut c_void, count: usize, flags: c_int, from: *mut c_void, length: *mut c_uint) -> isize;
    Network: fn recvmsg(socket: c_int, message: *mut c_void, flags: c_int) -> isize;
    Network: fn connect(socket: c_int, to: *const c_void, length: c_uint) -> c_int;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    static REAL: Real = Real::new(c"socket");
    note(Kind::Network);
    note_socket();
    // SAFETY: the C library's socket has this signature.
    unsafe {
        let real: unsafe extern "C" fn(c_int, c_int, c_int) -> c_int =
            std::mem::transmute(REAL.address());
        real(domain, kind, protocol)
    }
}

fn writes(flags: c_int) -> bool {
    flags & libc::O_ACCMODE != libc::O_RDONLY || flags & (libc::O_CREAT | libc::O_TRUNC) != 0
}

/// `open` and its kin: the mode is a variable argument, passed in the register of a fixed one.
macro_rules! interpose_open {
    ($($name:ident, $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            static REAL: Real = Real::new($text);
            note(Kind::File);
            if writes(flags) {
                // SAFETY: the caller of open gives a path that ends with a zero byte.
                unsafe { note_path(path) };
            }
            // SAFETY: open reads its mode from the register that carries the third argument.
            unsafe {
                let real: unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int =
                    std::mem::transmute(REAL.address());
                real(path, flags, mode)
            }
        }
    )*};
}
interpose_open! { open, c"open"; open64, c"open64"; }

macro_rules! interpose_openat {
    ($($name:ident, $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(folder: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            static REAL: Real = Real::new($text);
            note(Kind::File);
            if writes(flags) {
                // SAFETY: the caller of openat gives a path that ends with a zero byte.
                unsafe { note_path(path) };
            }
            // SAFETY: openat reads its mode from the register that carries the fourth argument.
            unsafe {
                let real: unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint) -> c_int =
                    std::mem::transmute(REAL.address());
                real(folder, path, flags, mode)
            }
        }
    )*};
}
interpose_openat! { openat, c"openat"; openat64, c"openat64"; }

macro_rules! interpose_fopen {
    ($($name:ident, $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, mode: *const c_char) -> *mut c_void {
            static REAL: Real = Real::new($text);
            note(Kind::File);
            // SAFETY: the mode of fopen ends with a zero byte; any mode but a plain "r" writes.
            unsafe {
                if *mode != b'r' as c_char || !libc::strchr(mode, c_int::from(b'+')).is_null() {
                    note_path(path);
                }
                let real: unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void =
                    std::mem::transmute(REAL.address());
                real(path, mode)
            }
        }
    )*};
}
interpose_fopen! { fopen, c"fopen"; fopen64, c"fopen64"; }

/// Functions that change what their first path names.
macro_rules! interpose_changing {
    ($($name:ident($($argument:ident: $type:ty),*), $text:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char $(, $argument: $type)*) -> c_int {
            static REAL: Real = Real::new($text);
            note(Kind::File);
            // SAFETY: these functions take a path that ends with a zero byte, and have this signature.
            unsafe {
                note_path(path);
                let real: unsafe extern "C" fn(*const c_char $(, $type)*) -> c_int =
                    std::mem::transmute(REAL.address());
                real(path $(, $argument)*)
            }
        }
    )*};
}
interpose_changing! {
    mkdir(mode: c_uint), c"mkdir";
    unlink(), c"unlink";
    rmdir(), c"rmdir";
    rename(to: *const c_char), c"rename";
    symlink(to: *const c_char), c"symlink";
}
