//! Hosts, detectors and scenes for the tests of the built bundles.
//!
//! A tool's crate: it runs beside the plugin, never inside it. Nothing here is real-time code but
//! [`host::AudioCallback`], which the detectors watch.

pub mod bundle;
pub mod detector;
pub mod host;
pub mod listen;
pub mod midi_file;
pub mod saved_state;
pub mod wav_file;
