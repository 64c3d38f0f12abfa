//! Finds the folders that came with this very binary. Loader thread; allocates.
//!
//! The runtime library must be opened by absolute path: a bare name silently takes whatever copy
//! another plugin in the same host brought along.

use std::path::{Path, PathBuf};

/// Folders that may hold the bundle's resources, most likely first.
///
/// VST3: `Afterimage.vst3/Contents/x86_64-linux/Afterimage.so` -> `Contents/Resources`.
/// CLAP: `Afterimage.clap` -> `Afterimage.resources` beside it.
pub fn resource_folders() -> Vec<PathBuf> {
    let Some(binary) = own_binary() else {
        return Vec::new();
    };
    let candidates = candidates_beside(&binary);
    candidates
        .into_iter()
        .filter(|folder| folder.is_dir())
        .collect()
}

fn candidates_beside(binary: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(folder) = binary.parent() {
        if let Some(contents) = folder.parent() {
            folders.push(contents.join("Resources"));
        }
        if let Some(stem) = binary.file_stem() {
            let mut name = stem.to_os_string();
            name.push(".resources");
            folders.push(folder.join(name));
        }
    }
    folders
}

#[cfg(unix)]
fn own_binary() -> Option<PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt;

    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let address = own_binary as *const () as *const libc::c_void;
    // SAFETY: `address` lies in this loaded object, and `info` is writable storage of the right type.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) };
    if found == 0 {
        return None;
    }
    // SAFETY: dladdr returned non-zero, so it filled the structure; zeroed bytes are valid anyway.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a non-null `dli_fname` is a NUL-terminated string that lives as long as the object.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    std::fs::canonicalize(OsStr::from_bytes(name.to_bytes())).ok()
}

#[cfg(windows)]
fn own_binary() -> Option<PathBuf> {
    use std::os::windows::ffi::OsStringExt;

    unsafe extern "system" {
        fn GetModuleHandleExW(
            flags: u32,
            address: *const core::ffi::c_void,
            module: *mut isize,
        ) -> i32;
        fn GetModuleFileNameW(module: isize, buffer: *mut u16, length: u32) -> u32;
    }
    const FROM_ADDRESS_UNCHANGED_COUNT: u32 = 0x4 | 0x2;
    let mut module = 0;
    let address = own_binary as *const core::ffi::c_void;
    // SAFETY: with FROM_ADDRESS the second argument is any address within this loaded module.
    if unsafe { GetModuleHandleExW(FROM_ADDRESS_UNCHANGED_COUNT, address, &mut module) } == 0 {
        return None;
    }
    let mut buffer = vec![0u16; 32_768];
    // SAFETY: the buffer has the stated length, and the module handle came from the call above.
    let length = unsafe { GetModuleFileNameW(module, buffer.as_mut_ptr(), buffer.len() as u32) };
    buffer.truncate(length as usize);
    std::fs::canonicalize(std::ffi::OsString::from_wide(&buffer)).ok()
}

#[cfg(test)]
mod tests {
    use super::{candidates_beside, own_binary};
    use std::path::Path;

    #[test]
    fn own_binary_is_an_existing_absolute_file() {
        let binary = own_binary().expect("found");
        assert!(binary.is_absolute() && binary.is_file());
    }

    #[test]
    fn both_bundle_layouts_are_looked_at() {
        let vst3 = candidates_beside(Path::new(
            "/x/Afterimage.vst3/Contents/x86_64-linux/Afterimage.so",
        ));
        assert!(
            vst3.iter()
                .any(|f| f.ends_with("Afterimage.vst3/Contents/Resources"))
        );
        let clap = candidates_beside(Path::new("/x/Afterimage.clap"));
        assert!(clap.iter().any(|f| f.ends_with("Afterimage.resources")));
    }
}
