//! A plugin of our own, in this process: plays one impulse a note, and misbehaves when told to.
//!
//! It proves the host (an impulse must come out where it was asked for) and the detectors (each of
//! its faults must be seen).

mod fault;
mod plugin;

pub use fault::Fault;

use anyhow::{Result, anyhow};
use clack_host::prelude::PluginEntry;
use clack_plugin::prelude::SinglePluginEntry;

/// CLAP id of the probe.
pub const PROBE_ID: &str = "org.afterimage.probe";
/// Samples by which the probe's output is late, and which it reports.
pub const PROBE_LATENCY: u32 = 37;
/// Restarts the probe asks for before it settles, as a plugin does whose latency changes at load.
pub const PROBE_RESTARTS: u32 = 1;

/// The probe's entry, to be given to [`crate::host::Session::from_entry`].
///
/// # Errors
/// When the entry cannot be made.
pub fn entry() -> Result<PluginEntry> {
    PluginEntry::load_from_clack::<SinglePluginEntry<plugin::Probe>>(c"")
        .map_err(|error| anyhow!("the probe cannot be loaded: {error}"))
}
