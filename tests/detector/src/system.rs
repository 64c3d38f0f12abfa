//! Direct system calls: Rust's own locks and parking come this way.

use std::ffi::{c_int, c_long};

use crate::real::Real;
use crate::record::{Kind, note};

/// Which of the futex operations `operation` is, flags removed.
const FUTEX_COMMAND: c_int = 0x7F;

fn kind_of(number: c_long, operation: c_int) -> Kind {
    if number != libc::SYS_futex {
        return Kind::SystemCall;
    }
    match operation & FUTEX_COMMAND {
        libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET | libc::FUTEX_WAKE_OP => Kind::Wake,
        _ => Kind::Wait,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    static REAL: Real = Real::new(c"syscall");
    note(kind_of(number, b as c_int));
    // SAFETY: syscall takes up to six words after the number; unused ones are ignored by the kernel.
    unsafe {
        let real: unsafe extern "C" fn(
            c_long,
            c_long,
            c_long,
            c_long,
            c_long,
            c_long,
            c_long,
        ) -> c_long = std::mem::transmute(REAL.address());
        real(number, a, b, c, d, e, f)
    }
}
