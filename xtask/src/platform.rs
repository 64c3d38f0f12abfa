//! What differs between operating systems: file names, folders, the runtime's wheel.
//!
//! Linux on x86-64 is built and tested; the other rows are written for, and untested.

use anyhow::{Context, Result};

/// One row of the table.
#[derive(Debug)]
pub struct Platform {
    /// As `std::env::consts::OS` names it.
    pub os: &'static str,
    /// As `std::env::consts::ARCH` names it.
    pub arch: &'static str,
    /// Folder of the binary inside a VST3 bundle.
    pub vst3_folder: &'static str,
    /// The library that cargo builds.
    pub built_library: &'static str,
    /// Extension of the binary inside a VST3 bundle; none on macOS.
    pub vst3_extension: Option<&'static str>,
    /// The inference runtime, where its makers build it.
    pub runtime: Option<Runtime>,
}

/// Where the inference runtime comes from.
#[derive(Debug)]
pub struct Runtime {
    /// Platform tag of the wheel.
    pub wheel: &'static str,
    /// The library inside the wheel.
    pub member: &'static str,
    /// SHA-256 of that library.
    pub sha256: &'static str,
    /// Its name here: our own, so that no other plugin's copy is taken for it.
    pub name: &'static str,
}

/// Version of the runtime. Later ones contain a telemetry client.
pub const RUNTIME_VERSION: &str = "1.28.0";

/// Every platform that is written for.
pub const PLATFORMS: [Platform; 6] = [
    Platform {
        os: "linux",
        arch: "x86_64",
        vst3_folder: "x86_64-linux",
        built_library: "libafterimage.so",
        vst3_extension: Some("so"),
        runtime: Some(Runtime {
            wheel: "manylinux_2_28_x86_64",
            member: "onnxruntime/capi/libonnxruntime.so.1.28.0",
            sha256: "aa4079d18f4ea7a5f3a94d80cd4bbe0f2740436626622d64d793803a20381083",
            name: "libafterimage_onnxruntime.so",
        }),
    },
    Platform {
        os: "linux",
        arch: "aarch64",
        vst3_folder: "aarch64-linux",
        built_library: "libafterimage.so",
        vst3_extension: Some("so"),
        runtime: Some(Runtime {
            wheel: "manylinux_2_28_aarch64",
            member: "onnxruntime/capi/libonnxruntime.so.1.28.0",
            sha256: "23a37c2994bc273e1d59a4f49af6cba5bf1cfbc29f04907ec27df375aba50a7d",
            name: "libafterimage_onnxruntime.so",
        }),
    },
    Platform {
        os: "windows",
        arch: "x86_64",
        vst3_folder: "x86_64-win",
        built_library: "afterimage.dll",
        vst3_extension: Some("vst3"),
        runtime: Some(Runtime {
            wheel: "win_amd64",
            member: "onnxruntime/capi/onnxruntime.dll",
            sha256: "3d6bd02dc137b9a1dfdac045a52b147ffb920bb06ab812b08fc8e14279859855",
            name: "afterimage_onnxruntime.dll",
        }),
    },
    Platform {
        os: "windows",
        arch: "aarch64",
        vst3_folder: "arm64-win",
        built_library: "afterimage.dll",
        vst3_extension: Some("vst3"),
        runtime: Some(Runtime {
            wheel: "win_arm64",
            member: "onnxruntime/capi/onnxruntime.dll",
            sha256: "e651433cfe465292e80abf7b9624c181a749cd4f34e1770e34f18fa0196bba3e",
            name: "afterimage_onnxruntime.dll",
        }),
    },
    Platform {
        os: "macos",
        arch: "aarch64",
        vst3_folder: "MacOS",
        built_library: "libafterimage.dylib",
        vst3_extension: None,
        runtime: Some(Runtime {
            wheel: "macosx_14_0_arm64",
            member: "onnxruntime/capi/libonnxruntime.1.28.0.dylib",
            sha256: "cadd9517e089d197e5d381bc31813875eb8addce8712bac501645fea8008800c",
            name: "libafterimage_onnxruntime.dylib",
        }),
    },
    // The makers build no library of this version for Intel Macs: the embedded runtime serves them.
    Platform {
        os: "macos",
        arch: "x86_64",
        vst3_folder: "MacOS",
        built_library: "libafterimage.dylib",
        vst3_extension: None,
        runtime: None,
    },
];

/// The row of this machine.
pub fn current() -> Result<&'static Platform> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    PLATFORMS
        .iter()
        .find(|row| row.os == os && row.arch == arch)
        .with_context(|| {
            format!(
                "no bundle layout is known for {os} on {arch}; add a row to xtask/src/platform.rs"
            )
        })
}
