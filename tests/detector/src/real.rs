//! The functions that stand behind the interposed ones.

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::record::unwatched;

/// The next definition of a symbol after ours, looked up once.
pub struct Real {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Real {
    pub const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Its address; ends the process when the C library has no such function.
    pub fn address(&self) -> *mut c_void {
        let known = self.address.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: the name ends with a zero byte; the lookup may allocate, which is not the callback's doing.
        let found = unwatched(|| unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) });
        if found.is_null() {
            std::process::abort();
        }
        self.address.store(found, Ordering::Relaxed);
        found
    }
}

/// Defines an exported function that notes its kind and calls the real one.
macro_rules! interpose {
    ($($kind:ident: fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            static REAL: $crate::real::Real = {
                const NAME: &std::ffi::CStr =
                    match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                        Ok(name) => name,
                        Err(_) => panic!("a name with a zero byte"),
                    };
                $crate::real::Real::new(NAME)
            };
            $crate::record::note($crate::record::Kind::$kind);
            // SAFETY: the symbol of this name has this signature in the C library, or takes its
            // variable arguments in the same registers.
            unsafe {
                let real: unsafe extern "C" fn($($type),*) -> $result = std::mem::transmute(REAL.address());
                real($($argument),*)
            }
        }
    )*};
}
pub(crate) use interpose;
