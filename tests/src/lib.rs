//! Hosts, detectors and scenes for the tests of the built bundles.
//!
//! A tool's crate: it runs beside the plugin, never inside it. Nothing here is real-time code but
//! [`host::AudioCallback`], which the detectors watch.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )
)]

pub mod bundle;
pub mod bundle_copy;
pub mod detector;
pub mod host;
pub mod listen;
pub mod midi_file;
pub mod probe;
pub mod saved_state;
pub mod scenes;
pub mod wav_file;
